/** What becomes of sends that wait for their number's pace when something else happens meanwhile. */

import { strict as assert } from "node:assert";
import { startBroker } from "../rabbitmq/broker.ts";
import { startFileHost } from "../file_host.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { act, done, results } from "./chat_steps.ts";
import { pacingOf, waitingSends } from "./pacing_steps.ts";
import {
  answer,
  assertNoErrorsLogged,
  event,
  FRIEND,
  liftRestriction,
  LINE,
  restricted,
  sendText,
} from "./steps.ts";

const broker = await sharedBroker();
const MINUTE_MS = 60_000;
const STRANGER = "221778888881";

/** A clock that can be put forward and back. */
class Clock {
  #ahead = 0;
  readonly now = () => Date.now() + this.#ahead;

  forward(ms: number): void {
    this.#ahead += ms;
  }
}

const texts = (stack: Stack, number = FRIEND) => stack.standIn.contact(number).inbox.map(({ text }) => text);

/** Publishes texts one after the other. @returns the AMQP ids of the commands */
async function sendAll(stack: Stack, contents: readonly string[], fields: Record<string, unknown> = {}) {
  const commands: string[] = [];
  for (const content of contents) commands.push(await sendText(stack, LINE, undefined, content, fields));
  return commands;
}

Deno.test("Sends that wait when their number is logged out have no session, and wait no more", async () => {
  await using stack = await startStack({ broker, environment: { PACE_PER_MINUTE: "1" } });
  stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const [sent, ...late] = await sendAll(stack, ["one", "two", "three"]);
  await answer(stack, sent!, "SENT");
  await waitingSends(stack, ({ waiting }) => waiting === 2);
  await stack.backend.command({ action: "logout", numberId: LINE.numberId });
  await event(stack, LINE, "logged_out");
  for (const command of late) assert.equal((await answer(stack, command, "FAILED")).body.code, "no_session");
  assert.deepEqual(await pacingOf(stack), { waiting: 0, byReason: {}, numbers: [] });
  assertNoErrorsLogged(stack);
});

Deno.test("What waits while its number is closed does not wait for its pace, and does so again when it is back", async () => {
  await using stack = await startStack({ broker, environment: { PACE_PER_MINUTE: "1" } });
  stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const [sent] = await sendAll(stack, ["one", "two"]);
  await answer(stack, sent!, "SENT");
  await waitingSends(stack, ({ waiting }) => waiting === 1);
  await stack.backend.command({ action: "close", numberId: LINE.numberId });
  await event(stack, LINE, "closed");
  assert.equal((await pacingOf(stack)).waiting, 0);
  await stack.backend.command({ action: "reconnect", numberId: LINE.numberId });
  await waitingSends(stack, ({ reason, waiting }) => reason === "per_minute" && waiting === 1);
  assert.deepEqual(texts(stack), ["one"]);
});

Deno.test("What no send depends on is not held up by sends that wait for the pace, typing keeps its place", async () => {
  await using stack = await startStack({ broker, environment: { PACE_PER_MINUTE: "1" } });
  const friend = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  await friend.sendText(LINE.phoneNumber, "bonjour");
  const { body: { messageId } } = await event(stack, LINE, "message_received");
  const [sent] = await sendAll(stack, ["one", "two"]);
  await answer(stack, sent!, "SENT");
  await waitingSends(stack, ({ waiting }) => waiting === 1);
  const to = FRIEND;
  const typing = await act(stack, "TYPING", { to });
  for (
    const [type, fields] of [
      ["READ", { to, target: messageId }],
      ["CHECK_NUMBER", { phoneNumber: FRIEND }],
      ["GROUP_LIST", {}],
    ] as const
  ) assert.equal((await done(stack, type, fields)).status, "DONE", type);
  await waitingSends(stack, ({ waiting }) => waiting === 2);
  assert.ok(results(stack).every(({ properties }) => properties.correlationId !== typing));
});

Deno.test("A clock that is put back does not have a text typed for as long as that", async () => {
  const clock = new Clock();
  await using stack = await startStack({ broker, environment: { PACE_TYPING: "100" } });
  const friend = stack.standIn.contact(FRIEND);
  await stack.startWorker({}, { now: clock.now });
  await pair(stack, LINE);
  const [command] = await sendAll(stack, ["thirty characters, one by one."]);
  assert.equal((await friend.chatState()).state, "composing");
  clock.forward(-60 * MINUTE_MS);
  await answer(stack, command!, "SENT");
  assert.deepEqual(texts(stack), ["thirty characters, one by one."]);
});

Deno.test("A medium is fetched and uploaded when its number's pace lets it out, and no sooner", async () => {
  const clock = new Clock();
  await using files = await startFileHost();
  const environment = { PACE_PER_MINUTE: "1", BACKEND_API_URL: `${files.url}/api`, BACKEND_API_KEY: "key" };
  await using stack = await startStack({ broker, environment });
  stack.standIn.contact(FRIEND);
  await stack.startWorker({}, { now: clock.now });
  await pair(stack, LINE);
  const [first] = await sendAll(stack, ["first"]);
  await answer(stack, first!, "SENT");
  const medium = await sendText(stack, LINE, undefined, "a picture", {
    type: "IMAGE",
    mediaUrl: "photo.jpg",
  });
  await waitingSends(stack, ({ waiting }) => waiting === 1);
  assert.deepEqual([files.requests, stack.standIn.media.requests], [[], []]);
  clock.forward(MINUTE_MS);
  await answer(stack, medium, "SENT");
  assert.equal(files.requests.length, 1);
});

Deno.test("A send that is parked fails when its time is up, not when it comes back", async () => {
  await using stack = await startStack({ broker });
  for (const number of [FRIEND, STRANGER]) stack.standIn.contact(number);
  await stack.startWorker();
  await pair(stack, LINE);
  stack.standIn.faults.refuseSends(463, null);
  const to = { recipientNumber: STRANGER };
  const [refused] = await sendAll(stack, ["refused"], to);
  await answer(stack, refused!, "FAILED");
  assert.equal(await restricted(stack, LINE), null);
  const expiresAt = Date.now() + 2_000;
  const [late] = await sendAll(stack, ["late"], { ...to, expiresAt });
  const { body } = await answer(stack, late!, "FAILED");
  assert.equal(body.code, "restricted_from_new_contacts");
  assert.ok(Date.now() >= expiresAt && Date.now() < expiresAt + 8_000);
  assert.equal((await pacingOf(stack)).waiting, 0);
});

Deno.test("What is published when a restriction is lifted lets those go first that are still parked", async () => {
  await using stack = await startStack({ broker });
  for (const number of [FRIEND, STRANGER]) stack.standIn.contact(number);
  await stack.startWorker({}, { sendParkMs: 4_000 });
  await pair(stack, LINE);
  stack.standIn.faults.refuseSends(463, null);
  const to = { recipientNumber: STRANGER };
  const [refused] = await sendAll(stack, ["refused"], to);
  await answer(stack, refused!, "FAILED");
  assert.equal(await restricted(stack, LINE), null);
  const [parked] = await sendAll(stack, ["parked"], to);
  await waitingSends(stack, ({ reason }) => reason === "restricted");
  await liftRestriction(stack, LINE);
  const [later] = await sendAll(stack, ["published later"], to);
  for (const command of [parked!, later!]) await answer(stack, command, "SENT");
  assert.deepEqual(texts(stack, STRANGER), ["parked", "published later"]);
});

Deno.test("A restriction without a known end is asked about for as long as sends wait for it", async () => {
  await using stack = await startStack({ broker });
  for (const number of [FRIEND, STRANGER]) stack.standIn.contact(number);
  await stack.startWorker({}, { sendParkMs: 1_000 });
  await pair(stack, LINE);
  stack.standIn.faults.refuseSends(463, null);
  const to = { recipientNumber: STRANGER };
  const [refused] = await sendAll(stack, ["refused"], to);
  await answer(stack, refused!, "FAILED");
  assert.equal(await restricted(stack, LINE), null);
  const [parked] = await sendAll(stack, ["parked"], to);
  await waitingSends(stack, ({ reason }) => reason === "restricted");
  // Nobody is told that it is over.
  stack.standIn.faults.sendRefusal = undefined;
  await answer(stack, parked!, "SENT");
});

Deno.test("Of two workers the one with the number is killed while its sends wait: they go out once and in order", async () => {
  await using stack = await startStack({ broker, environment: { PACE_PER_MINUTE: "3", PACE_TYPING: "20" } });
  stack.standIn.contact(FRIEND);
  const killed = stack.startProgram();
  await killed.printed("the worker is ready");
  await pair(stack, LINE);
  await stack.startWorker({ WORKER_ID: "worker-2", SESSION_DIR: `${stack.folder}/other` });
  const contents = ["one", "two", "three", "four and more to type", "five"];
  const commands = await sendAll(stack, contents);
  for (const command of commands.slice(0, 3)) await answer(stack, command, "SENT");
  killed.process.kill("SIGKILL");
  await killed.process.status;
  const [otp] = await sendAll(stack, ["OTP"], { priority: 2 });
  stack.startProgram({ PACE_PER_MINUTE: "6" });
  await answer(stack, otp!, "SENT");
  for (const command of commands.slice(3)) await answer(stack, command, "SENT");
  assert.deepEqual(texts(stack), [...contents.slice(0, 3), "OTP", ...contents.slice(3)]);
});

Deno.test("A broker that is killed while sends wait for the pace and for a restriction loses none of them", async () => {
  const clock = new Clock();
  await using own = await startBroker();
  await using stack = await startStack({ broker: own, environment: { PACE_PER_MINUTE: "3" } });
  for (const number of [FRIEND, STRANGER]) stack.standIn.contact(number);
  await stack.startWorker({}, { now: clock.now, sendParkMs: 2_000 });
  await pair(stack, LINE);
  const [known] = await sendAll(stack, ["known"]);
  await answer(stack, known!, "SENT");
  stack.standIn.faults.refuseSends(463, null);
  const [refused] = await sendAll(stack, ["refused"], { recipientNumber: STRANGER });
  await answer(stack, refused!, "FAILED");
  await restricted(stack, LINE);
  const parked = await sendAll(stack, ["parked one", "parked two"], { recipientNumber: STRANGER });
  const paced = await sendAll(stack, ["two", "three", "four"]);
  await answer(stack, paced[0]!, "SENT");
  await waitingSends(stack, ({ reason, waiting }) => reason === "restricted" && waiting === 2);
  await waitingSends(stack, ({ reason }) => reason === "per_minute");
  await own.kill9();
  await own.boot();
  await waitingSends(stack, ({ reason }) => reason === "per_minute", 60_000);
  clock.forward(MINUTE_MS);
  for (const command of paced.slice(1)) await answer(stack, command, "SENT");
  stack.standIn.faults.refuseSends(null);
  clock.forward(MINUTE_MS);
  for (const command of parked) await answer(stack, command, "SENT");
  assert.deepEqual(texts(stack), ["known", "two", "three", "four"]);
  assert.deepEqual(texts(stack, STRANGER), ["parked one", "parked two"]);
});
