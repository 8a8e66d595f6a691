/** The version of this worker, as in CHANGELOG.md. */
export const VERSION = "0.1.0";
