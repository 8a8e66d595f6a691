/** Ten thousand commands that nobody should send, to every queue of a worker at work. `FUZZ_SEED=x FUZZ_COMMANDS=n`. */

import { strict as assert } from "node:assert";
import type { Buffer } from "node:buffer";
import { workerIdMatches } from "../../src/contract/addresses.ts";
import { isEvent, readHealthCommand, readSessionCommand } from "../../src/contract/commands.ts";
import { idText } from "../../src/contract/ids.ts";
import { decodeBody } from "../../src/contract/json.ts";
import { lookOn, NAMES, type Onlooker, until } from "../bridge/bridge.ts";
import { type Footprint, footprintOf, minutePasses, WATCHED } from "../memory/footprint.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, FRIEND, LINE, sendText } from "../sessions/steps.ts";
import { pair, type Stack, startStack, type WorkerProgram } from "../stack.ts";
import { Random } from "../torture/random.ts";
import { type Body, type Corpus, readCorpus } from "./corpus.ts";
import { type Entry, Ledger, tally } from "./ledger.ts";
import { mutated } from "./mutations.ts";

const broker = await sharedBroker();
const SEED = Deno.env.get("FUZZ_SEED") ?? "six";
const COMMANDS = Number(Deno.env.get("FUZZ_COMMANDS") ?? 10_000);
const ROUNDS = 8;
const IN_FLIGHT = 50;
const WORKER = "worker-1";
/** Numbers whose sessions are opened and closed; the one that sends is left alone. */
const PLAYTHINGS = [11, 12, 13];
/** A number without a session: what is sent from one that is only opened waits for all of SEND_WAIT. */
const NOBODY = 21;
const REASONS = [
  "empty_body",
  "too_large",
  "invalid_utf8",
  "malformed_json",
  "invalid_command",
  "unknown_action",
  "unknown_type",
  "worker_unknown",
];
/** A command for a worker that never comes is given up after ten minutes. */
const PATIENCE_MINUTES = 11;
const GROWTH = 0.1;

const OF_COMMANDS = [
  NAMES.sessionCommand,
  NAMES.healthCommand,
  NAMES.pending,
  NAMES.unassigned,
  NAMES.inbox(WORKER),
];
const OF_SENDS = [NAMES.messageSend, NAMES.number(String(LINE.numberId)), NAMES.expired];
/** Most messages come the way that all should come. */
const USUAL_SHARE = 0.6;

Deno.test(`${COMMANDS} mutated commands are each answered or dead, and the worker is as it was`, async () => {
  console.log(`FUZZ_SEED=${SEED}`);
  const random = new Random(SEED);
  const ledger = new Ledger();
  await using stack = await startStack({
    broker,
    environment: {
      WORKER_ID: WORKER,
      SESSION_WIRING: "exchange",
      LOG_LEVEL: "info",
      BACKEND_API_URL: "http://[::1]:1/api",
      SEND_WAIT: "10000",
      NUMBER_CHECKS_PER_MINUTE: "0",
    },
    backend: { listener: ledger.received },
  });
  stack.standIn.contact(FRIEND);
  const program = stack.startProgram({}, WATCHED);
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  await using onlooker = await lookOn(stack.url);
  await onlooker.channel.consume(NAMES.deadLetter, (letter) => letter && ledger.died(letter), {
    noAck: true,
  });

  const fuzz = { random, corpus: readCorpus(LINE.numberId, `+${FRIEND}`), ledger, onlooker };
  const footprints: Footprint[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let left = COMMANDS / ROUNDS; left > 0; left -= IN_FLIGHT) {
      await publishSome(fuzz, Math.min(left, IN_FLIGHT));
    }
    await settle(ledger, ({ content, queue }) => isIgnored(content, queue) || isForeign(content));
    footprints.push(await footprintOf(program));
  }
  for (let minute = 0; minute < PATIENCE_MINUTES; minute++) await minutePasses(program);
  await settle(ledger, ({ content, queue }) => isIgnored(content, queue));

  assertAccounted(ledger);
  await assertUnharmed(stack, program, ledger, onlooker);
  assertNoGrowth(footprints);
});

interface Fuzz {
  readonly random: Random;
  readonly corpus: Corpus;
  readonly ledger: Ledger;
  readonly onlooker: Onlooker;
}

/** Publishes messages and waits until the broker has them; what opens or ends a session goes out by itself. */
async function publishSome({ random, corpus, ledger, onlooker }: Fuzz, count: number): Promise<void> {
  const publishing: Promise<void>[] = [];
  for (let sent = 0; sent < count;) {
    const { queue, content } = drawn(random, corpus);
    const session = sessionOf(content, queue);
    if (session !== undefined && !PLAYTHINGS.includes(Number(session))) continue;
    const id = crypto.randomUUID();
    const entry = ledger.published(queue, content, id);
    const properties = random.chance(0.9) ? { messageId: id } : { correlationId: id };
    publishing.push(onlooker.publish("", queue, content, properties));
    sent++;
    // What a session does answers the latest command alone.
    if (session !== undefined) await until(() => entry.answers.length > 0, { describe: worded(entry) });
  }
  await Promise.all(publishing);
}

function drawn(random: Random, corpus: Corpus): { queue: string; content: Buffer } {
  const kind = random.next();
  const [bodies, queues, other] = kind < 0.75
    ? [corpus.sends, OF_SENDS, NOBODY] as const
    : kind < 0.95
    ? [corpus.commands, OF_COMMANDS, random.pick(PLAYTHINGS)] as const
    : [corpus.events, [...OF_SENDS, ...OF_COMMANDS], NOBODY] as const;
  const misdirected = random.chance(0.05);
  const usual = random.chance(USUAL_SHARE) ? queues.slice(0, 1) : queues;
  return {
    queue: random.pick(misdirected ? [...OF_SENDS, ...OF_COMMANDS] : usual),
    content: mutated(random, aimed(random, random.pick<Body>(bodies), other), bodies),
  };
}

/** A body for the number that can send, or for the other one. */
function aimed(random: Random, body: Body, other: number): Body {
  const copy = structuredClone(body);
  const numberId = random.chance(0.9) ? LINE.numberId : other;
  for (const place of [copy, copy.data as Body]) {
    for (const name of ["numberId", "whatsappNumberId"]) {
      if (place?.[name] !== undefined && random.chance(0.9)) place[name] = numberId;
    }
    for (const name of ["to", "recipientNumber"]) {
      if (place?.[name] !== undefined && random.chance(0.5)) place[name] = FRIEND;
    }
    if (place?.messageId !== undefined) place.messageId = random.integer(1, 1e9);
  }
  return copy;
}

/** The number whose session a command opens, closes or restarts; undefined for any other message. */
function sessionOf(content: Buffer, queue: string): string | undefined {
  const body = decodeBody(content);
  if (!body.ok || OF_SENDS.includes(queue) || isIgnored(content, queue)) return undefined;
  const command = readSessionCommand(body.value);
  if (!command.ok || command.value.action === "status" || isForeign(content)) return undefined;
  return idText(command.value.numberId!);
}

/** An event among commands. */
function isIgnored(content: Buffer, queue: string): boolean {
  const body = decodeBody(content);
  return body.ok && isEvent(body.value) &&
    [NAMES.sessionCommand, NAMES.healthCommand, NAMES.pending].includes(queue);
}

/** A command that names another worker. */
function isForeign(content: Buffer): boolean {
  const body = decodeBody(content);
  if (!body.ok) return false;
  return [readSessionCommand, readHealthCommand].some((read) => {
    const command = read(body.value);
    return command.ok && command.value.workerId !== undefined &&
      !workerIdMatches(command.value.workerId, WORKER);
  });
}

/** Waits until everything is accounted for but what `mayBeOpen`. */
async function settle(ledger: Ledger, mayBeOpen: (entry: Entry) => boolean): Promise<void> {
  const open = () => [...ledger.open].filter((entry) => !mayBeOpen(entry));
  await until(() => open().length === 0, { describe: "answers", timeoutMs: 60_000, everyMs: 50 }).catch(
    () => {
      assert.fail(
        `${open().length} messages had no answer, FUZZ_SEED=${SEED}:\n${open().map(worded).join("\n")}`,
      );
    },
  );
}

const worded = ({ id, queue, content }: Entry) => `${id} to ${queue}: ${content.subarray(0, 500)}`;

function assertAccounted(ledger: Ledger): void {
  const { entries } = ledger;
  assert.equal(entries.length, COMMANDS);
  for (const entry of entries) {
    const { deaths, answers } = entry;
    assert.ok(
      deaths.length <= 1 && deaths.every((reason) => REASONS.includes(reason)),
      `${deaths} ${worded(entry)}`,
    );
    if (deaths.length > 0) assert.ok(answers.length > 0, `dead without an answer: ${worded(entry)}`);
  }
  console.log(`answers: ${tally(entries.flatMap(({ answers }) => answers.slice(0, 1)))}`);
  console.log(
    `dead: ${tally(entries.flatMap(({ deaths }) => deaths))}; events that were dropped: ${ledger.open.size}`,
  );
}

/** It runs, nothing escaped its handlers, no queue is stuck, and it still sends. */
async function assertUnharmed(
  stack: Stack,
  program: WorkerProgram,
  ledger: Ledger,
  onlooker: Onlooker,
): Promise<void> {
  const commandId = await stack.backend.command({ action: "status" });
  const { body } = await stack.backend.next(({ properties }) => properties.correlationId === commandId);
  const { unhandledFaults, broker } = body.data as {
    unhandledFaults: number;
    broker: { strayEvents: number };
  };
  assert.equal(unhandledFaults, 0);
  assert.equal(broker.strayEvents, ledger.open.size, "every event among commands was counted");
  const errors = program.output().split("\n").filter((line) => line.startsWith('{"level":5'));
  assert.deepEqual(errors, []);
  await answer(stack, await sendText(stack, LINE, 2_000_000_000, "Still there?"), "SENT");
  for (const queue of [...OF_SENDS, ...OF_COMMANDS, NAMES.retry]) {
    assert.equal(await onlooker.depth(queue), 0, queue);
  }
}

/** Objects and buffers that are left after the garbage was collected, in the last third beside the middle one. */
function assertNoGrowth(footprints: readonly Footprint[]): void {
  const sizes = footprints.map(({ heap, external }) => heap + external);
  const third = Math.floor(sizes.length / 3);
  const least = (part: readonly number[]) => Math.min(...part);
  const [before, after] = [least(sizes.slice(-2 * third, -third)), least(sizes.slice(-third))];
  console.log(`left after each round, MB: ${sizes.map((size) => (size / 1e6).toFixed(1)).join(" ")}`);
  assert.ok(after < before * (1 + GROWTH), `grew from ${before} to ${after} bytes`);
}
