/** A time of day as the workers' logs write it, so that one can look for it there: `04:52:31.123`. */
export function instant(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}
