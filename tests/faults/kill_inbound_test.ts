import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { LINE } from "../sessions/steps.ts";
import { pair, type Stack, startStack, type WorkerProgram } from "../stack.ts";

const broker = await sharedBroker();

/** `INBOUND_KILLS=200` for the long run. */
const KILLS = Number(Deno.env.get("INBOUND_KILLS") ?? 20);
const GROUP = "120363000000000001@g.us";
/** How long after a login the worker is killed at the latest: what waited for it comes in during that time. */
const LATEST_KILL_MS = 700;
/** Between two messages of one person; they go on while the worker is away. */
const PAUSE_MS = 20;
const PATIENCE_MS = 60_000;

Deno.test(`A worker killed ${KILLS} times while messages come in loses none, and tells all in their order`, async () => {
  await using stack = await startStack({ broker, environment: { LOG_LEVEL: "info" } });
  const { standIn, backend } = stack;
  let program = stack.startProgram();
  await program.printed("the worker is ready", PATIENCE_MS);
  await pair(stack, LINE);

  const writing = new AbortController();
  const chats = chatsWith(stack).map((send) => write(send, writing.signal));
  for (let kill = 0; kill < KILLS; kill++) {
    await loggedIn(stack, program);
    await delay(Math.random() * LATEST_KILL_MS);
    await kill9(stack, program);
    program = stack.startProgram();
  }
  await loggedIn(stack, program);
  writing.abort();
  const written = await Promise.all(chats);

  const wanted = new Set(written.flat());
  for (const messageId of wanted) {
    await backend.next(({ body }) => body.action === "message_received" && body.messageId === messageId, {
      timeoutMs: PATIENCE_MS,
      describe: `message ${messageId}, one of ${wanted.size}`,
    });
  }
  const told = backend.received.filter(({ body }) => body.action === "message_received");
  for (const ids of written) {
    const inOrder = new Set(told.map(({ body }) => String(body.messageId)).filter((id) => ids.includes(id)));
    assert.deepEqual([...inOrder], ids);
  }
  // However often a message is told, it is the same AMQP message.
  const messageIds = new Set(told.map(({ body, properties }) => `${body.messageId} ${properties.messageId}`));
  assert.equal(messageIds.size, wanted.size);
  assert.deepEqual([standIn.stats.retries, standIn.stats.turnedDown], [0, 0]);
  assert.deepEqual(standIn.stats.violations, []);
});

/** How a person writes; resolves with the id of the message. */
type Send = (text: string) => Promise<string>;

/** Somebody known by LID, somebody known by number, and somebody in a group. */
function chatsWith({ standIn }: Stack): Send[] {
  const { phoneNumber } = LINE;
  const member = standIn.contact("221779999993");
  return [
    (text) => standIn.contact("221779999991").sendText(phoneNumber, text),
    (text) => standIn.contact("221779999992", { addressing: "pn" }).sendText(phoneNumber, text),
    (text) => member.sendToGroup(GROUP, phoneNumber, text),
  ];
}

/** Writes until `signal` aborts. @returns the ids, in their order */
async function write(send: Send, signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  while (!signal.aborted) {
    ids.push(await send(`text ${ids.length}`));
    await delay(PAUSE_MS);
  }
  return ids;
}

async function kill9({ standIn }: Stack, { process }: WorkerProgram): Promise<void> {
  process.kill("SIGKILL");
  await process.status;
  await until(() => standIn.clients.length === 0, () => "its link is still there");
}

/** Resolves at the program's login, before it has been given what waited for it. */
async function loggedIn({ standIn }: Stack, { output }: WorkerProgram): Promise<void> {
  await until(
    () => standIn.clients.some(({ number }) => number === LINE.phoneNumber),
    () => `it has not logged in:\n${output()}`,
  );
}

async function until(condition: () => boolean, otherwise: () => string): Promise<void> {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  while (!condition()) {
    assert(!timeout.aborted, otherwise());
    await delay(5);
  }
}
