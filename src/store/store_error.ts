/** Why the state cannot be used. Ends the program at start with exit code 73, and later when it is damaged. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly code: "state_unusable" | "state_locked" | "state_corrupt" | "state_from_newer_version",
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** SQLite's result codes for what the disk does, not the statement: BUSY, READONLY, IOERR, FULL, CANTOPEN. */
const DISK_CODES: readonly (number | undefined)[] = [5, 8, 10, 13, 14];
/** SQLite's result codes for a file that is not what it was: CORRUPT, NOTADB. */
const DAMAGE_CODES: readonly (number | undefined)[] = [11, 26];

/** What SQLite's result code blames; `undefined` when it is the statement, or no error of SQLite's at all. */
export function blameOf(error: unknown): "disk" | "damage" | undefined {
  if (!(error instanceof Error)) return undefined;
  // Errors of `exec()` and of opening carry no result code.
  const code = "errcode" in error ? Number(error.errcode) & 0xff : undefined;
  if (DAMAGE_CODES.includes(code) || /malformed|not a database/i.test(error.message)) return "damage";
  return DISK_CODES.includes(code) ? "disk" : undefined;
}
