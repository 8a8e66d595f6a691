import type { DeadLetter } from "../broker/dead_letter_box.ts";
import { stringifyJson } from "../contract/json.ts";
import { EXIT } from "../exit_codes.ts";
import { namesOf } from "../preflight/broker.ts";
import { withBroker } from "./broker.ts";
import { checkIds, named, passes } from "./choose.ts";
import type { Command, CommandGroup } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { type LetterSummary, renderSummaries } from "./letter_summary.ts";
import { lookAt } from "./letter_look.ts";
import { letterForMachines, renderLetter } from "./letter_view.ts";
import { drop, requeue } from "./letter_settling.ts";
import { visibleJson } from "./terminal.ts";

const HELP = `worker dead-letters: what the workers could not handle, and what is to become of it

Usage: worker dead-letters list [--reason R] [--queue Q] [--limit N]
       worker dead-letters show ID
       worker dead-letters requeue ID… | --all [--reason R] [--queue Q]
       worker dead-letters drop    ID… | --all [--reason R] [--queue Q] [--yes]

  list       one line for each, oldest first, without texts and phone numbers; changes nothing
  show       everything of one: headers, properties and body
  requeue    back to where it came from. What was refused at a number's queue goes to the backend's send queue, and
             a command to the reader, so that both are routed as things stand today
  drop       gone for good

  ID             as list shows it, or its first characters (4 or more) if no other id begins with them
  --all          all of them, or all that pass the filters
  --reason R     only those that died of R, e.g. handler_failed
  --queue Q      only those that were refused at the queue Q
  --limit N      show the N oldest only
  --yes          do not ask before dropping all
  --json         for machines
  --env-file F   read the settings from F (default: ./.env, or /etc/whatsapp-worker/worker.env)

It works beside running workers and over AMQP alone. Whoever looks has the queue for that moment; others wait.

Exit codes: 0 done, 64 wrong usage, 66 no such letter, 69 broker out of reach, 75 some letters could not be requeued
and are kept, or somebody else keeps the queue, 78 configuration wrong.
`;

const list: Command = {
  name: "dead-letters list",
  usage: "[--reason R] [--queue Q] [--limit N]",
  operands: [0, 0],
  options: ["env-file", "json", "reason", "queue", "limit"],
  run: async ({ settings, options, terminal }) => {
    const limit = limitOf(options.limit);
    const names = namesOf(settings);
    const letters: LetterSummary[] = [];
    let matching = 0;
    const total = await withBroker(
      settings,
      (link) =>
        lookAt(link, names, terminal, passes(options), (letter) => {
          if (++matching <= limit) letters.push(letter);
        }),
    );
    if (options.json) {
      terminal.print(visibleJson(stringifyJson({ queue: names.deadLetter, total, matching, letters })));
    } else if (matching === 0) {
      terminal.print(
        total === 0
          ? `No dead letters in '${names.deadLetter}'`
          : `None of ${total} dead letters is like that`,
      );
    } else {
      terminal.print(renderSummaries(letters));
      if (matching > letters.length || matching < total) {
        terminal.tell(`${letters.length} of ${matching} that match, of ${total} in all`);
      }
    }
    return EXIT.OK;
  },
};

const show: Command = {
  name: "dead-letters show",
  usage: "ID",
  operands: [1, 1],
  options: ["env-file", "json"],
  run: async ({ settings, operands, options, terminal }) => {
    checkIds(operands);
    const names = namesOf(settings);
    const [prefix = ""] = operands.map((operand) => operand.toLowerCase());
    const found: LetterSummary[] = [];
    let chosen: DeadLetter | undefined;
    await withBroker(
      settings,
      (link) =>
        lookAt(link, names, terminal, ({ id }) => id.startsWith(prefix), (summary, letter) => {
          found.push(summary);
          if (chosen === undefined || letter.id === prefix) chosen = letter;
        }),
    );
    named(operands, found);
    if (chosen === undefined) throw new TypeError("A letter that was found is not there");
    terminal.print(
      options.json
        ? visibleJson(JSON.stringify(letterForMachines(chosen, names), undefined, 2))
        : renderLetter(chosen, names),
    );
    return EXIT.OK;
  },
};

/** `worker dead-letters …`. */
export const DEAD_LETTERS: CommandGroup = {
  name: "dead-letters",
  help: HELP,
  commands: [list, show, requeue, drop],
};

function limitOf(text: string | undefined): number {
  if (text === undefined) return Infinity;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new CommandError(
    `Cannot show ${JSON.stringify(text)} letters`,
    "Write a whole number from 1 for --limit",
    EXIT.USAGE,
  );
}
