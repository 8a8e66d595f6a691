/** How the program ends, after sysexits.h; documented in the README. */
export const EXIT = {
  OK: 0,
  /** A fault of the program itself. */
  SOFTWARE: 70,
  /** The command line is wrong. */
  USAGE: 64,
  /** Something the worker needs cannot be reached: the broker. */
  UNAVAILABLE: 69,
  /** The state folder cannot be used. */
  CANTCREAT: 73,
  /** The configuration is wrong. */
  CONFIG: 78,
} as const;
