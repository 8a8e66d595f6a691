import { type DeadLetter, type Fate, nameOf, settleLetters } from "../broker/dead_letter_box.ts";
import type { Link } from "../broker/connection.ts";
import type { BrokerNames } from "../broker/names.ts";
import { stringifyJson } from "../contract/json.ts";
import { EXIT } from "../exit_codes.ts";
import { namesOf } from "../preflight/broker.ts";
import { afterOthers, withBroker } from "./broker.ts";
import { checkIds, named, passes } from "./choose.ts";
import type { Command, Invocation } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { lookAt } from "./letter_look.ts";
import { type LetterSummary, renderSize, renderSubject } from "./letter_summary.ts";
import { visible, visibleJson } from "./terminal.ts";

/** Sends letters back. */
export const requeue: Command = {
  name: "dead-letters requeue",
  usage: "ID… | --all [--reason R] [--queue Q]",
  operands: [0, Infinity],
  options: ["env-file", "json", "reason", "queue", "all"],
  run: (invocation) => settle(invocation, "requeue"),
};

/** Removes letters for good. */
export const drop: Command = {
  name: "dead-letters drop",
  usage: "ID… | --all [--reason R] [--queue Q] [--yes]",
  operands: [0, Infinity],
  options: ["env-file", "json", "reason", "queue", "all", "yes"],
  run: (invocation) => settle(invocation, "drop"),
};

type Action = "requeue" | "drop";

/** A letter that was chosen. Equal letters have the same name. */
interface Chosen {
  readonly name: string;
  readonly summary: LetterSummary;
}

/** What was done with a letter. */
interface Settled {
  readonly summary: LetterSummary;
  readonly fate: Fate;
}

async function settle(invocation: Invocation, action: Action): Promise<number> {
  const { settings, options, terminal } = invocation;
  checkChoice(invocation);
  if (action === "drop" && options.all && !options.yes) checkAskable(invocation);
  const names = namesOf(settings);
  const settled: Settled[] = [];
  let left = new Set<Chosen>();
  const work = withBroker(settings, async (link) => {
    const chosen = await choose(link, names, invocation);
    if (options.all && action === "drop" && !agreed(chosen, invocation)) return;
    left = new Set(chosen);
    await settleAll(link, names, chosen, action, invocation, (one, fate) => {
      left.delete(one);
      settled.push({ summary: one.summary, fate });
      if (!options.json) terminal.print(renderFate(one.summary, fate));
    });
    if (chosen.length === 0) terminal.tell("There is no such dead letter");
  });
  const print = (gone: Iterable<Chosen>) => {
    if (options.json) terminal.print(visibleJson(stringifyJson(forMachines(settled, [...gone], names))));
  };
  await work.catch((error) => {
    // The broker went away in the middle: what is done is done.
    if (settled.length > 0) print([]);
    throw error;
  });
  print(left);
  for (const { summary: { id } } of left) {
    terminal.tell(`${id} is gone: somebody else requeued or dropped it meanwhile`);
  }
  return settled.some(({ fate }) => fate.outcome === "kept") ? EXIT.TEMPFAIL : EXIT.OK;
}

/** Ids or `--all`, and filters with `--all` only. */
function checkChoice({ operands, options: { all, reason, queue } }: Invocation): void {
  const refuse = (message: string, remedy: string) => {
    throw new CommandError(message, remedy, EXIT.USAGE);
  };
  if (operands.length === 0 && !all) {
    refuse("It is not said which letters", "Name them by their ids, or add --all");
  }
  if (operands.length > 0 && (all || reason !== undefined || queue !== undefined)) {
    refuse("Either ids or a filter, not both", "Leave out the ids, or --all, --reason and --queue");
  }
  checkIds(operands);
}

function checkAskable({ options, terminal }: Invocation): void {
  if (!options.json && terminal.confirm !== undefined) return;
  throw new CommandError(
    "'drop --all' asks before it drops, and here is nobody to ask",
    "Add --yes if you mean it",
    EXIT.USAGE,
  );
}

async function choose(link: Link, names: BrokerNames, invocation: Invocation): Promise<Chosen[]> {
  const { operands, options, terminal } = invocation;
  const all: Chosen[] = [];
  await lookAt(link, names, terminal, passes(options), (summary, { message }) => {
    all.push({ name: nameOf(message), summary });
  });
  if (options.all) return all;
  const wanted = new Set(named(operands, all.map(({ summary }) => summary)));
  return all.filter(({ summary }) => wanted.has(summary));
}

function agreed(chosen: readonly Chosen[], { options, terminal }: Invocation): boolean {
  if (chosen.length === 0 || options.yes) return true;
  const reasons = [...new Set(chosen.map(({ summary }) => summary.reason ?? "?"))].join(", ");
  const question = `Drop ${chosen.length} dead letters (${reasons}) for good?`;
  if (terminal.confirm?.(question)) return true;
  terminal.tell("Nothing was dropped");
  return false;
}

async function settleAll(
  link: Link,
  names: BrokerNames,
  letters: readonly Chosen[],
  action: Action,
  { terminal }: Invocation,
  onSettled: (one: Chosen, fate: Fate) => void,
): Promise<void> {
  if (letters.length === 0) return;
  const byName = Map.groupBy(letters, ({ name }) => name);
  const chosen = new Map(byName.entries().map(([name, same]) => [name, same.length]));
  const onFate = ({ message }: Omit<DeadLetter, "id">, fate: Fate) => {
    const one = byName.get(nameOf(message))?.shift();
    if (one !== undefined) onSettled(one, fate);
  };
  await afterOthers(
    names.deadLetter,
    terminal.tell,
    () => settleLetters(link, names, { chosen, action, onFate, onProgress: terminal.progress }),
  );
  terminal.endProgress();
}

function renderFate({ id, subject, reason, bytes }: LetterSummary, fate: Fate): string {
  const what = `${id} (${reason ?? "?"}; ${renderSubject(subject)}; ${renderSize(bytes)})`;
  switch (fate.outcome) {
    case "dropped":
      return `dropped   ${what}`;
    case "requeued":
      return `requeued  ${what} to ${visible(fate.to)}`;
    case "kept":
      return `kept      ${what}: ${visible(fate.obstacle)}`;
  }
}

function forMachines(settled: readonly Settled[], left: readonly Chosen[], names: BrokerNames) {
  return {
    queue: names.deadLetter,
    letters: settled.map(({ summary, fate: { outcome, ...details } }) => ({
      ...summary,
      outcome,
      ...details,
    })),
    gone: left.map(({ summary: { id } }) => id),
  };
}
