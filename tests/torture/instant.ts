/** A time of day as the workers' logs write it, so that one can look for it there: `04:52:31.123`. */
export function instant(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}

/** Lines that begin with an {@link instant}, oldest first; those of one instant as they were. */
export function byInstant(lines: readonly string[]): string[] {
  return lines.toSorted((one, other) => {
    const [before, after] = [one.slice(0, 12), other.slice(0, 12)];
    return before < after ? -1 : before > after ? 1 : 0;
  });
}
