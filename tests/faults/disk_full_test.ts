import { strict as assert } from "node:assert";
import { join } from "node:path";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, event, FRIEND, LINE, sendText } from "../sessions/steps.ts";
import { mountSmallDisk, noSmallDisk } from "./small_disk.ts";

const broker = await sharedBroker();
const skipped = noSmallDisk();

/** How many messages go each way while the disk is full. */
const COUNT = 5;
/** What waited is tried again every second; on a busy machine all of it takes a while. */
const TIMEOUT_MS = 30_000;

function test(name: string, scenario: () => Promise<void>): void {
  Deno.test({
    name: skipped === undefined ? name : `${name} (skipped: ${skipped})`,
    ignore: skipped !== undefined,
    fn: scenario,
  });
}

/** Resolves when a line of the log says `text`. */
async function saidInLog({ logged }: Stack, text: string, count = 1): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (logged.filter((line) => line.includes(text)).length < count) {
    assert.ok(performance.now() < deadline, `the log never said '${text}'`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function workerStatus({ backend }: Stack, disk: string) {
  return backend.next(
    ({ body }) => (body.data as { disk?: { state: string } } | undefined)?.disk?.state === disk,
    { describe: `a worker_status of a disk that is ${disk}`, timeoutMs: TIMEOUT_MS },
  );
}

/** Commands, sends and messages of contacts, at a worker that can write nothing down. */
async function trafficOnto(stack: Stack) {
  const contact = stack.standIn.contact(FRIEND);
  const sends: string[] = [];
  const received: string[] = [];
  for (let count = 1; count <= COUNT; count++) {
    received.push(await contact.sendText(LINE.phoneNumber, `from ${count}`));
    sends.push(await sendText(stack, LINE, 100 + count, `to ${count}`));
  }
  const command = await stack.backend.command({ action: "status", numberId: LINE.numberId });
  return { sends, received, command };
}

/** Waits until all of it has had its one effect. */
async function settledOnce(
  stack: Stack,
  { sends, received, command }: Awaited<ReturnType<typeof trafficOnto>>,
): Promise<void> {
  const { backend, standIn } = stack;
  for (const send of sends) {
    await backend.next(
      ({ body, properties }) => body.status === "DELIVERED" && properties.correlationId === send,
      { describe: "a send", timeoutMs: TIMEOUT_MS },
    );
  }
  for (const messageId of received) {
    await backend.next(({ body }) => body.action === "message_received" && body.messageId === messageId, {
      describe: "a received message",
      timeoutMs: TIMEOUT_MS,
    });
  }
  await backend.next(
    ({ body, properties }) => body.action === "session_status" && properties.correlationId === command,
    { describe: "the answer to the command", timeoutMs: TIMEOUT_MS },
  );
  const texts = standIn.contact(FRIEND).inbox.map(({ text }) => text);
  assert.deepEqual(texts, ["before", ...sends.map((_, index) => `to ${index + 1}`)]);
  const bodies = backend.received.filter(({ body }) => body.action === "message_received");
  assert.deepEqual(bodies.map(({ body }) => body.body), received.map((_, index) => `from ${index + 1}`));
}

test("A full disk stops the worker from taking anything, and all of it is done once when there is room", async () => {
  await using disk = await mountSmallDisk(8);
  await using stack = await startStack({
    broker,
    environment: { SESSION_DIR: join(disk.path, "sessions"), LOG_LEVEL: "info" },
  });
  stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "before"), "DELIVERED");

  disk.fill();
  const traffic = await trafficOnto(stack);
  await saidInLog(stack, "no command and no send is taken");
  await workerStatus(stack, "failing");
  // That it is asked again and again changes nothing.
  const status = await stack.backend.command({ action: "status" });
  assert.deepEqual(stack.standIn.contact(FRIEND).inbox.map(({ text }) => text), ["before"]);

  disk.empty();
  await settledOnce(stack, traffic);
  await answerTo(stack, status);
  await saidInLog(stack, "the state can be written again");
  await workerStatus(stack, "ok");
  const errors = stack.logged.filter((line) => JSON.parse(line).level >= 50);
  assert.equal(errors.length, 1, errors.join(""));
  assert.equal(stack.standIn.clients.length, 1, "its number stayed connected");
  await worker.stop();
});

test("A worker that is stopped while its disk is full has lost nothing when it is back", async () => {
  await using disk = await mountSmallDisk(8);
  await using stack = await startStack({
    broker,
    environment: { SESSION_DIR: join(disk.path, "sessions"), LOG_LEVEL: "info" },
  });
  stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "before"), "DELIVERED");

  disk.fill();
  const traffic = await trafficOnto(stack);
  await saidInLog(stack, "no command and no send is taken");
  await worker.stop();
  disk.empty();
  await stack.startWorker();
  await event(stack, LINE, "connected");
  await settledOnce(stack, traffic);
});

async function answerTo({ backend }: Stack, command: string): Promise<void> {
  await backend.next(({ properties }) => properties.correlationId === command, {
    describe: "the answer to the command",
    timeoutMs: TIMEOUT_MS,
  });
}
