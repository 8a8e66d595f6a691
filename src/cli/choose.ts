import { EXIT } from "../exit_codes.ts";
import { CommandError } from "./command_error.ts";
import type { LetterSummary } from "./letter_summary.ts";
import type { Options } from "./options.ts";

/** The shortest beginning of an id that is accepted: a slip of the finger names nothing. */
const SHORTEST_PREFIX = 4;

/** Whether a letter passes `--reason` and `--queue`. */
export function passes({ reason, queue }: Options): (letter: LetterSummary) => boolean {
  return (letter) =>
    (reason === undefined || letter.reason === reason) && (queue === undefined || letter.queue === queue);
}

/** @throws {CommandError} `USAGE` for an operand that can be no beginning of an id */
export function checkIds(prefixes: readonly string[]): void {
  const wrong = prefixes.find((prefix) => !/^[0-9a-f]+(?:-[1-9]\d*)?$/i.test(prefix));
  const short = prefixes.find((prefix) => prefix.length < SHORTEST_PREFIX);
  if (wrong === undefined && short === undefined) return;
  throw new CommandError(
    wrong === undefined
      ? `'${short}' is too short for the id of a dead letter`
      : `${JSON.stringify(wrong)} is no id of a dead letter`,
    `Write at least its first ${SHORTEST_PREFIX} characters, as 'worker dead-letters list' shows them`,
    EXIT.USAGE,
  );
}

/**
 * The letters that ids, or the beginnings of ids, name.
 *
 * @throws {CommandError} `NOINPUT` when one names no letter, or more than one
 */
export function named(prefixes: readonly string[], letters: readonly LetterSummary[]): LetterSummary[] {
  const found = prefixes.map((prefix) => one(prefix.toLowerCase(), letters));
  return [...new Set(found)];
}

function one(prefix: string, letters: readonly LetterSummary[]): LetterSummary {
  const exact = letters.find(({ id }) => id === prefix);
  if (exact !== undefined) return exact;
  const [first, ...others] = letters.filter(({ id }) => id.startsWith(prefix));
  if (first === undefined) {
    throw new CommandError(
      `There is no dead letter '${prefix}'`,
      "It may have been requeued or dropped; 'worker dead-letters list' shows what is there",
      EXIT.NOINPUT,
    );
  }
  if (others.length === 0) return first;
  const ids = [first, ...others].slice(0, 5).map(({ id }) => id).join(", ");
  throw new CommandError(
    `'${prefix}' is the beginning of ${others.length + 1} ids: ${ids}${others.length > 4 ? ", …" : ""}`,
    "Write more of the one you mean",
    EXIT.NOINPUT,
  );
}
