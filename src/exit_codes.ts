/** How the program ends, after sysexits.h; documented in the README. */
export const EXIT = {
  OK: 0,
  /** `--check --strict` found warnings and nothing worse. */
  WARNINGS: 1,
  /** A fault of the program itself. */
  SOFTWARE: 70,
  /** The command line is wrong. */
  USAGE: 64,
  /** What the command line names does not exist, e.g. a dead letter. */
  NOINPUT: 66,
  /** Something the worker needs cannot be reached: the broker. */
  UNAVAILABLE: 69,
  /** The state folder cannot be used. */
  CANTCREAT: 73,
  /** Somebody else has it, or not all of it could be done: what is left is as it was, and can be tried again. */
  TEMPFAIL: 75,
  /** The configuration is wrong. */
  CONFIG: 78,
} as const;
