import type { Link } from "../broker/connection.ts";
import { type DeadLetter, lookThrough } from "../broker/dead_letter_box.ts";
import type { BrokerNames } from "../broker/names.ts";
import { afterOthers } from "./broker.ts";
import { type LetterSummary, summaryOf } from "./letter_summary.ts";
import type { Terminal } from "./terminal.ts";

/** Summarises every letter and hands on those that are `wanted`. @returns how many there are in all */
export async function lookAt(
  link: Link,
  names: BrokerNames,
  terminal: Terminal,
  wanted: (letter: LetterSummary) => boolean,
  visit: (summary: LetterSummary, letter: DeadLetter) => void,
): Promise<number> {
  const sifted = await afterOthers(
    names.deadLetter,
    terminal.tell,
    () =>
      lookThrough(link, names, (letter) => {
        const summary = summaryOf(letter);
        if (wanted(summary)) visit(summary, letter);
      }, terminal.progress),
  );
  terminal.endProgress();
  // Nobody has made the queue yet: a fleet that has never run has no dead letters.
  return sifted.outcome === "missing" ? 0 : sifted.total;
}
