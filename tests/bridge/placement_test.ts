import { strict as assert } from "node:assert";
import { join } from "node:path";
import type { Received } from "../backend/backend.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { lookOn, NAMES, queueExists, until } from "./bridge.ts";

const broker = await sharedBroker();

/** What makes a worker of a stack the `n`th one of its fleet. */
const worker = (stack: Stack, n: number): Record<string, string> => ({
  WORKER_ID: `worker-${n}`,
  SESSION_DIR: join(stack.folder, `sessions of ${n}`),
});

const answerTo = (commandId: string) => ({ properties }: Received) => properties.correlationId === commandId;

const create = (numberId: number) => ({
  action: "create",
  numberId,
  phoneNumber: `+2217712345${String(numberId).padStart(2, "0")}`,
});

/** How many sessions each worker has said to have opened. */
function sessionsByWorker(stack: Stack): Record<string, number> {
  const opened = new Map(
    stack.backend.received.filter(({ body }) => body.action === "qr_generated").map((
      { body },
    ) => [String(body.numberId), String(body.workerId)]),
  );
  return Object.fromEntries(
    Map.groupBy(opened.values(), (id) => id).entries().map(([id, all]) => [id, all.length]),
  );
}

Deno.test("numbers that no worker has are spread over the fleet, and a newcomer gets those that follow", async () => {
  await using stack = await startStack({ broker });
  for (const n of [1, 2, 3]) await stack.startWorker(worker(stack, n));
  for (let numberId = 1; numberId <= 12; numberId++) {
    const commandId = await stack.backend.command(create(numberId));
    await stack.backend.next(answerTo(commandId), { describe: `an answer for number ${numberId}` });
  }
  assert.deepEqual(sessionsByWorker(stack), { "worker-1": 4, "worker-2": 4, "worker-3": 4 });

  await stack.startWorker(worker(stack, 4));
  await using onlooker = await lookOn(stack.url);
  await until(async () => (await onlooker.channel.checkQueue(NAMES.unassigned)).consumerCount === 4, {
    describe: "the newcomer",
  });
  for (let numberId = 13; numberId <= 16; numberId++) {
    const commandId = await stack.backend.command(create(numberId));
    await stack.backend.next(answerTo(commandId), { describe: `an answer for number ${numberId}` });
  }
  assert.deepEqual(sessionsByWorker(stack), {
    "worker-1": 4,
    "worker-2": 4,
    "worker-3": 4,
    "worker-4": 4,
  });
});

Deno.test("a burst of commands for a new number stays in order and opens it once", async () => {
  await using stack = await startStack({ broker });
  for (const n of [1, 2, 3]) await stack.startWorker(worker(stack, n));
  const { backend } = stack;
  for (let numberId = 1; numberId <= 8; numberId++) {
    await backend.command(create(numberId));
    const asked = await backend.command({ action: "status", numberId });
    const closed = await backend.command({ action: "close", numberId });
    const status = await backend.next(answerTo(asked), { describe: "a status" });
    const closing = await backend.next(answerTo(closed), { describe: "a close" });
    assert.equal(status.body.action, "session_status", `number ${numberId}: ${JSON.stringify(status.body)}`);
    assert.notEqual(status.body.status, "NOT_FOUND");
    assert.equal(closing.body.action, "closed");
    assert.equal(closing.body.workerId, status.body.workerId, "one worker has it");
    assert.ok(backend.received.indexOf(status) < backend.received.indexOf(closing), "in their order");
  }
});

Deno.test("two workers told at once to open the same number open one socket", async () => {
  await using stack = await startStack({ broker });
  for (const n of [1, 2]) await stack.startWorker(worker(stack, n));
  const { backend, standIn } = stack;
  for (let numberId = 1; numberId <= 10; numberId++) {
    const before = standIn.clients.length;
    const commandIds = await Promise.all(
      [1, 2].map((workerId) => backend.command({ ...create(numberId), workerId })),
    );
    const answers = await Promise.all(commandIds.map((id) => backend.next(answerTo(id))));
    const held = answers.filter(({ body }) => body.action === "qr_generated");
    const refused = answers.filter(({ body }) => body.code === "held_elsewhere");
    assert.equal(held.length, 1, `number ${numberId}`);
    assert.equal(refused.length, 1, `number ${numberId}`);
    assert.equal(refused[0]?.body.heldBy, held[0]?.body.workerId);
    assert.equal(standIn.clients.length - before, 1, "one socket");
  }
});

Deno.test("a number waits for the worker that has it, whoever else is told to open it", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  stack.standIn.contact("221779999999");
  const first = await stack.startWorker(worker(stack, 1));
  await pair(stack, { numberId: 6, phoneNumber: "221771234567" });
  await stack.startWorker(worker(stack, 2));
  await first.stop();

  const elsewhere = await backend.command({
    action: "create",
    numberId: 6,
    phoneNumber: "+221771234567",
    workerId: "worker-2",
  });
  const { body } = await backend.next(answerTo(elsewhere), { describe: "a refusal" });
  assert.equal(body.code, "held_elsewhere");
  assert.match(String(body.error), /worker session unpin 6/);
  assert.ok(await queueExists(broker, stack.url, NAMES.number("6")));

  // What names no worker, and what is to be sent, waits for it.
  const waiting = await backend.command({ action: "status", numberId: 6 });
  await backend.send({ messageId: 1, numberId: 6, to: "+221779999999", type: "TEXT", content: "later" });
  await using onlooker = await lookOn(stack.url);
  await until(async () => await onlooker.depth(NAMES.number("6")) === 1, { describe: "the waiting send" });
  await stack.startWorker(worker(stack, 1));
  const status = await backend.next(answerTo(waiting), { describe: "the answer of the worker that has it" });
  assert.equal(status.body.workerId, "worker-1");
  await backend.next(({ body }) => body.messageId === 1 && body.status === "SENT", { describe: "the send" });
});

Deno.test("a second process with a worker's id does nothing at all until the first one is gone", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  const first = await stack.startWorker({ STATUS_INTERVAL: "1000" });
  const lines = stack.logged.length;
  const clone = await stack.startWorker({
    SESSION_DIR: join(stack.folder, "clone"),
    WORKER_NAME: "clone",
    STATUS_INTERVAL: "1000",
  });
  const saysIt = () =>
    stack.logged.slice(lines).some((line) => line.includes("another process with this WORKER_ID runs"));
  await until(saysIt, { describe: "a warning" });
  await using onlooker = await lookOn(stack.url);
  assert.equal((await onlooker.channel.checkQueue(NAMES.unassigned)).consumerCount, 1);
  assert.equal((await onlooker.channel.checkQueue(NAMES.routerLock)).consumerCount, 1);
  const nameOf = ({ body }: Received) => (body.data as { name?: string } | undefined)?.name;
  const reports = () => backend.received.filter(({ body }) => body.action === "worker_status");
  await until(() => reports().length >= 3, { describe: "reports" });
  assert.deepEqual([...new Set(reports().map(nameOf))].includes("clone"), false);

  await first.stop();
  await backend.next((received) => nameOf(received) === "clone", { describe: "the second one's report" });
  await clone.stop();
});

Deno.test("a second process that waits for the first stops when it is told to", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  const clone = await stack.startWorker({ SESSION_DIR: join(stack.folder, "clone") });
  await clone.stop();
  assert.ok(stack.logged.some((line) => line.includes("stopped")));
});
