import { strict as assert } from "node:assert";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { LINE } from "../sessions/steps.ts";
import { pair, type Stack, startStack, type WorkerProgram } from "../stack.ts";
import { type Cell, Hits, type Load, PATIENCE_MS, People, Told, until } from "./inbound_sweep.ts";

const broker = await sharedBroker();

/** `INBOUND_KILLS=200` for the long run. */
const KILLS = Number(Deno.env.get("INBOUND_KILLS") ?? 20);
/** How long after what it is to be hit in the worker is killed at the latest. */
const LATEST_KILL_MS = 400;
/** Receipts come in bunches: whoever takes up the phone has read all of a chat at once. */
const LATEST_AFTER_RECEIPTS_MS = 20;
/** How many come so at least. */
const RECEIPTS = 2;
/** How long before that the server may have stopped hearing it: by itself the moment between disk and receipt is short. */
const LATEST_DEAFNESS_MS = 60;

Deno.test(`A worker killed ${KILLS} times while messages and receipts come in loses none and tells each once`, async () => {
  const told = new Told();
  await using stack = await startStack({
    broker,
    environment: { LOG_LEVEL: "info" },
    backend: { listener: told.listener },
  });
  const program = stack.startProgram();
  await program.printed("the worker is ready", PATIENCE_MS);
  await pair(stack, LINE);
  const people = new People(stack);
  const hits = new Hits();

  let running = program;
  for (let kill = 0; kill < KILLS; kill++) {
    running = await round(stack, { running, people, hits, kill, load: kill % 2 === 0 ? "live" : "backlog" });
  }
  await loggedIn(stack, running);
  // What is written now shows that every ratchet is still the one its other end has.
  await people.writeBacklog(KILLS);
  await until(() => people.allArrived, () => "not all that was sent has arrived");
  people.readAll();
  console.log(`${KILLS} kills; ${stack.standIn.stats.redelivered} stanzas came again\n${hits}`);

  await assertAllTold(people, told);
  const { retries, turnedDown, violations } = stack.standIn.stats;
  assert.deepEqual({ retries, turnedDown, violations }, { retries: 0, turnedDown: 0, violations: [] });
  assertFairShare(hits);
});

/** Kills the worker in the middle of a load and starts it again. @returns the new one */
async function round(
  stack: Stack,
  { running, people, hits, kill, load }: {
    running: WorkerProgram;
    people: People;
    hits: Hits;
    kill: number;
    load: Load;
  },
): Promise<WorkerProgram> {
  const writing = new AbortController();
  await loggedIn(stack, running);
  await until(() => people.mailbox.isOpen, () => "what waited for it has not gone out");
  const live: Promise<void>[] = [];
  if (load === "live") {
    live.push(people.sendLive(writing.signal));
    await until(() => people.mailbox.size === 0, () => `it has not taken what waited:\n${running.output()}`);
    live.push(people.writeLive(kill, writing.signal));
    await until(() => people.unread >= RECEIPTS, () => `it sends nothing:\n${running.output()}`);
  }
  await delay(Math.random() * LATEST_KILL_MS);
  if (load === "live") {
    people.readAll();
    await delay(Math.random() * LATEST_AFTER_RECEIPTS_MS);
  }
  if (kill % 4 >= 2) {
    stack.standIn.faults.silence = true;
    await delay(Math.random() * LATEST_DEAFNESS_MS);
  }
  running.process.kill("SIGKILL");
  writing.abort();
  const given = people.mailbox.inFlight;
  await running.process.status;
  // What it had still said is heard until its link is gone.
  await until(() => stack.standIn.clients.length === 0, () => "its link is still there");
  stack.standIn.faults.silence = false;
  const unconfirmed = new Set(people.mailbox.inFlight);
  await Promise.all(live);
  hits.note(given.filter((letter) => unconfirmed.has(letter)), join(stack.folder, "sessions"));
  const next = stack.startProgram();
  if (kill + 1 < KILLS && (kill + 1) % 2 === 1) await people.writeBacklog(kill + 1);
  return next;
}

/** Everything written and every status has come, each under one AMQP id, and in its order. */
async function assertAllTold({ written, sent }: People, { messages, statuses }: Told): Promise<void> {
  const wanted = [...written.values()].flat();
  await until(
    () => messages.size >= wanted.length,
    () => `of ${wanted.length} messages only ${messages.size} were told`,
  );
  const order = [...messages.keys()];
  for (const [chat, ids] of written) {
    const ofChat = new Set(ids);
    assert.deepEqual(order.filter((id) => ofChat.has(id)), ids, `the messages ${chat}`);
  }
  assert.deepEqual([...messages].filter(([, amqpIds]) => amqpIds.size !== 1), [], "told under several ids");
  const complete = () => sent.filter((id) => [...statuses.get(id)?.values() ?? []].at(-1) === "READ").length;
  await until(
    () => complete() === sent.length,
    () =>
      `of ${sent.length} sends ${complete()} were read: ${
        JSON.stringify([...statuses].map(([id, of]) => [id, [...of.values()].join()]))
      }`,
  );
  for (const id of sent) assert.deepEqual([...statuses.get(id)!.values()], ["SENT", "DELIVERED", "READ"]);
}

/** A sweep whose kills fall into idle moments would prove nothing. Half of them are of each load. */
function assertFairShare({ kills, durable, undone }: Hits): void {
  const total = (counts: ReadonlyMap<Cell, number>) =>
    [...counts.values()].reduce((one, other) => one + other, 0);
  const cells: Cell[] = ["1:1 backlog", "group backlog", "1:1 live", "group live"];
  for (const cell of cells) {
    assert.ok((kills.get(cell) ?? 0) >= KILLS / 10, `${cell}: too few kills had any in flight`);
  }
  assert.ok((kills.get("receipt") ?? 0) >= KILLS / 20, "too few kills had receipts in flight");
  assert.ok(
    total(durable) >= KILLS / 20,
    "too few kills fell between what is durable and what was confirmed",
  );
  assert.ok(total(undone) >= KILLS / 5, "too few kills came before what was in flight was durable");
}

/** Resolves at the program's login, before it has been given what waited for it. */
async function loggedIn({ standIn }: Stack, { output }: WorkerProgram): Promise<void> {
  await until(
    () => standIn.clients.some(({ number }) => number === LINE.phoneNumber),
    () => `it has not logged in:\n${output()}`,
  );
}
