import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack, type WorkerExtras } from "../stack.ts";
import { done } from "./chat_steps.ts";
import { waitingSends } from "./pacing_steps.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, sendText } from "./steps.ts";

const broker = await sharedBroker();
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const WEEK = { SEND_WAIT: String(7 * DAY_MS) };

/** A clock that can be put forward. */
class Clock {
  #ahead = 0;
  readonly now = () => Date.now() + this.#ahead;

  forward(ms: number): void {
    this.#ahead += ms;
  }
}

/** A deployment with {@link LINE} connected and paced, and {@link FRIEND} to write to. */
async function paced(environment: Record<string, string>, extras: WorkerExtras = {}): Promise<Stack> {
  const stack = await startStack({ broker, environment });
  stack.standIn.contact(FRIEND);
  await stack.startWorker({}, extras);
  await pair(stack, LINE);
  return stack;
}

const texts = (stack: Stack, number = FRIEND) => stack.standIn.contact(number).inbox.map(({ text }) => text);

/** Publishes texts one after the other. @returns the AMQP ids of the commands */
async function sendAll(
  stack: Stack,
  contents: readonly string[],
  fields?: Record<string, unknown>,
): Promise<string[]> {
  const commands: string[] = [];
  for (const content of contents) commands.push(await sendText(stack, LINE, undefined, content, fields));
  return commands;
}

const numbered = (count: number, word = "text") =>
  Array.from({ length: count }, (_, i) => `${word} ${i + 1}`);

Deno.test("A number sends no more in a minute than it may, and what waits is shown and goes out in its order", async () => {
  const clock = new Clock();
  await using stack = await paced({ PACE_PER_MINUTE: "3" }, { now: clock.now });
  const commands = await sendAll(stack, numbered(7));
  for (const command of commands.slice(0, 3)) await answer(stack, command, "SENT");
  const { until, ...waiting } = await waitingSends(stack, ({ waiting }) => waiting === 4);
  assert.deepEqual(waiting, { numberId: 6, reason: "per_minute", waiting: 4 });
  assert.ok(until! > clock.now() && until! <= clock.now() + MINUTE_MS);
  assert.equal(stack.standIn.stats.messages, 3);

  clock.forward(MINUTE_MS);
  for (const command of commands.slice(3, 6)) await answer(stack, command, "SENT");
  await waitingSends(stack, ({ waiting }) => waiting === 1);
  clock.forward(MINUTE_MS);
  await answer(stack, commands[6]!, "SENT");
  assert.deepEqual(texts(stack), numbered(7));
  assertNoErrorsLogged(stack);
});

Deno.test("An urgent send passes a campaign that waits, one that is merely important passes it and is paced", async () => {
  const clock = new Clock();
  await using stack = await paced({ PACE_PER_MINUTE: "2" }, { now: clock.now });
  const campaign = await sendAll(stack, numbered(50, "campaign"));
  for (const command of campaign.slice(0, 2)) await answer(stack, command, "SENT");
  await waitingSends(stack, ({ waiting }) => waiting === 48);

  const [otp] = await sendAll(stack, ["OTP 1234"], { priority: 2 });
  const startedAt = performance.now();
  await answer(stack, otp!, "SENT");
  assert.ok(performance.now() - startedAt < 5_000, "it does not wait for a minute to pass");
  const [notice, more] = await sendAll(stack, ["notice 1", "notice 2"], { priority: 1 });
  await waitingSends(stack, ({ waiting }) => waiting === 50);
  assert.deepEqual(texts(stack), ["campaign 1", "campaign 2", "OTP 1234"]);

  clock.forward(MINUTE_MS);
  for (const command of [notice!, more!]) await answer(stack, command, "SENT");
  clock.forward(MINUTE_MS);
  for (const command of campaign.slice(2, 4)) await answer(stack, command, "SENT");
  assert.deepEqual(texts(stack).slice(3), ["notice 1", "notice 2", "campaign 3", "campaign 4"]);
  assertNoErrorsLogged(stack);
});

Deno.test("A day's budget is not forgotten by a kill", async () => {
  await using stack = await startStack({ broker, environment: { PACE_PER_DAY: "2", ...WEEK } });
  stack.standIn.contact(FRIEND);
  const killed = stack.startProgram();
  await killed.printed("the worker is ready");
  await pair(stack, LINE);
  const commands = await sendAll(stack, numbered(4));
  for (const command of commands.slice(0, 2)) await answer(stack, command, "SENT");
  await waitingSends(stack, ({ reason, waiting }) => reason === "per_day" && waiting === 2);
  killed.process.kill("SIGKILL");
  await killed.process.status;

  stack.startProgram();
  await event(stack, LINE, "connected");
  const { until } = await waitingSends(stack, ({ reason, waiting }) => reason === "per_day" && waiting === 2);
  assert.ok(until! > Date.now() + DAY_MS - MINUTE_MS);
  const [otp] = await sendAll(stack, ["OTP"], { priority: 3 });
  await answer(stack, otp!, "SENT");
  assert.deepEqual(texts(stack), ["text 1", "text 2", "OTP"]);
});

Deno.test("Between new contacts there is a gap, a known one waits only behind them", async () => {
  const clock = new Clock();
  await using stack = await paced({ PACE_NEW_CONTACT_GAP: String(10 * MINUTE_MS) }, { now: clock.now });
  const [one, other] = ["221778888881", "221778888882"].map((number) => stack.standIn.contact(number));
  await one!.sendText(LINE.phoneNumber, "bonjour");
  await event(stack, LINE, "message_received");
  const to = (number: string, content: string) => sendAll(stack, [content], { recipientNumber: number });
  const [first] = await to(FRIEND, "to the first");
  await answer(stack, first!, "SENT");
  // Who has written is known, and so is who was written to.
  for (const number of [one!.number, FRIEND]) {
    const [command] = await to(number, "to a known one");
    await answer(stack, command!, "SENT");
  }
  const [second] = await to(other!.number, "to the second");
  const [behind] = await to(FRIEND, "behind the second");
  await waitingSends(stack, ({ reason, waiting }) => reason === "new_contact_gap" && waiting === 2);
  assert.equal(stack.standIn.stats.messages, 3);
  clock.forward(10 * MINUTE_MS);
  await answer(stack, second!, "SENT");
  await answer(stack, behind!, "SENT");
});

Deno.test("A newly linked number sends little on its first day, twice as much on the next, and then what it may", async () => {
  const clock = new Clock();
  const warmUp = { PACE_WARM_UP_DAYS: "2", PACE_WARM_UP_START: "2", PACE_PER_DAY: "5", ...WEEK };
  await using stack = await startStack({ broker, environment: warmUp });
  stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker({}, { now: clock.now });
  await pair(stack, LINE);
  const commands = await sendAll(stack, numbered(12));
  const sent = async (count: number) => {
    for (const command of commands.splice(0, count)) await answer(stack, command, "SENT");
  };
  await sent(2);
  await waitingSends(stack, ({ reason, waiting }) => reason === "warm_up" && waiting === 10);
  clock.forward(DAY_MS);
  await sent(4);
  await waitingSends(stack, ({ reason, waiting }) => reason === "warm_up" && waiting === 6);

  await worker.stop();
  clock.forward(DAY_MS);
  await stack.startWorker({}, { now: clock.now });
  await sent(5);
  await waitingSends(stack, ({ reason, waiting }) => reason === "per_day" && waiting === 1);
  assert.deepEqual(texts(stack), numbered(11));
});

Deno.test("A send whose time is up while it waits for the pace has expired, and it is said why", async () => {
  await using stack = await paced({ PACE_PER_MINUTE: "1" });
  const expiresAt = Date.now() + 3_000;
  const [sent] = await sendAll(stack, ["sent"]);
  await answer(stack, sent!, "SENT");
  const late = await sendAll(stack, ["the first", "behind it"], { expiresAt });
  for (const command of late) {
    const { body } = await answer(stack, command, "FAILED");
    assert.deepEqual([body.code, body.retryable], ["expired", true]);
    assert.match(String(body.error), /PACE_PER_MINUTE/);
  }
  assert.deepEqual(texts(stack), ["sent"]);
});

Deno.test("A text is seen to be typed before it comes, an urgent one is not", async () => {
  await using stack = await paced({ PACE_TYPING: "100" });
  const friend = stack.standIn.contact(FRIEND);
  const startedAt = performance.now();
  const [slow] = await sendAll(stack, ["twenty characters..."]);
  assert.deepEqual((await friend.chatState()).state, "composing");
  const [otp] = await sendAll(stack, ["OTP"], { priority: 2 });
  await answer(stack, otp!, "SENT");
  await answer(stack, slow!, "SENT");
  assert.ok(performance.now() - startedAt > 2_000, "it takes as long as it is");
  assert.deepEqual(texts(stack), ["OTP", "twenty characters..."]);
  assert.equal(friend.chatStates.length, 1, "it is typed once, whatever passed it");
});

Deno.test("A pace that is reloaded counts for what waits already, and so does that of number checks", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND);
  const write = (perMinute: string) =>
    Deno.writeTextFile(
      `${stack.folder}/.env`,
      `PACE_PER_MINUTE=${perMinute}\nNUMBER_CHECKS_PER_MINUTE=${perMinute}\n`,
    );
  // It passes what waits.
  const check = async (phoneNumber: string) => (await done(stack, "CHECK_NUMBER", { phoneNumber })).status;
  await write("1");
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  const [first, second] = await sendAll(stack, numbered(2));
  await answer(stack, first!, "SENT");
  await waitingSends(stack, ({ waiting }) => waiting === 1);
  assert.deepEqual([await check("221770000001"), await check("221770000002")], ["DONE", "FAILED"]);
  await write("0");
  program.process.kill("SIGHUP");
  await answer(stack, second!, "SENT");
  await program.printed('"taken":["PACE_PER_MINUTE","NUMBER_CHECKS_PER_MINUTE"]');
  assert.equal(await check("221770000002"), "DONE");
});
