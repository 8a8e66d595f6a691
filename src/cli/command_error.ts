import type { EXIT } from "../exit_codes.ts";

/** Why a command of the operator's was not carried out, or not wholly. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  constructor(
    message: string,
    /** What to do about it, in the imperative. */
    readonly remedy: string,
    readonly exitCode: (typeof EXIT)[keyof typeof EXIT],
  ) {
    super(message);
  }
}
