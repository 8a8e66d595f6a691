/** What the commands about one number ask of their operator. */
import { idText, isRowId } from "../contract/ids.ts";
import { EXIT } from "../exit_codes.ts";
import type { Invocation } from "./command.ts";
import { CommandError } from "./command_error.ts";

/** The number that is meant, canonical. @throws {CommandError} `USAGE` */
export function numberOf({ operands: [number = ""] }: Invocation): string {
  if (isRowId(number)) return idText(number);
  throw new CommandError(
    `${JSON.stringify(number)} is no number`,
    "Write the backend's numberId, e.g. 6, not the phone number",
    EXIT.USAGE,
  );
}

/** @throws {CommandError} `USAGE` when `command` needs a yes and there is nobody to give it */
export function mustBeAble({ options: { yes, json }, terminal }: Invocation, command: string): void {
  if (yes || (!json && terminal.confirm !== undefined)) return;
  throw new CommandError(
    `'${command}' asks before it does anything, and here is nobody to ask`,
    "Add --yes if you mean it",
    EXIT.USAGE,
  );
}
