import { strict as assert } from "node:assert";
import { DatabaseSync } from "node:sqlite";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
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
  settled,
  stateOf,
} from "./steps.ts";

const broker = await sharedBroker();
const STRANGERS = ["221778888881", "221778888882", "221778888883", "221778888884"] as const;

/** A deployment with {@link LINE} connected, {@link FRIEND} whom it knows, and people it does not. */
async function acquainted(): Promise<Stack> {
  const stack = await startStack({ broker });
  for (const number of [FRIEND, ...STRANGERS]) stack.standIn.contact(number);
  await stack.startWorker({}, { sendParkMs: 2_000 });
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "we know each other"), "SENT");
  return stack;
}

/** Publishes a text to each of `people`. @returns the AMQP ids of the commands */
async function toEach(
  stack: Stack,
  people: readonly string[],
  fields: Record<string, unknown> = {},
): Promise<string[]> {
  const commands: string[] = [];
  for (const recipientNumber of people) {
    commands.push(
      await sendText(stack, LINE, undefined, `to ${recipientNumber}`, { recipientNumber, ...fields }),
    );
  }
  return commands;
}

/** Has WhatsApp restrict the number, which it learns with a message to somebody new. @returns until when, in ms */
async function restrict(
  stack: Stack,
  endsAtMs?: number | null,
  stranger: string = STRANGERS[0],
): Promise<number | null> {
  stack.standIn.faults.refuseSends(463, endsAtMs);
  const [refused] = await toEach(stack, [stranger]);
  const { body } = await answer(stack, refused!, "FAILED");
  assert.equal(body.code, "restricted_from_new_contacts");
  return await restricted(stack, LINE);
}

Deno.test("While a number is restricted nothing reaches WhatsApp for new contacts, and known ones go on", async () => {
  await using stack = await acquainted();
  const untilMs = await restrict(stack);
  const { stats } = stack.standIn;
  const before = stats.messages;
  // The restriction lasts for an hour, and so may a message: it is answered at once, and not an hour later.
  const refused = await toEach(stack, STRANGERS, { expiresAt: Date.now() + 600_000 });
  const [urgent] = await toEach(stack, STRANGERS.slice(0, 1), {
    expiresAt: Date.now() + 600_000,
    priority: 2,
  });
  const known = await sendText(stack, LINE, 2, "and still do");
  await answer(stack, known, "SENT");
  for (const command of [...refused, urgent!]) {
    const { body } = await answer(stack, command, "FAILED");
    assert.deepEqual([body.code, body.retryable, body.retryAt], [
      "restricted_from_new_contacts",
      true,
      untilMs,
    ]);
  }
  assert.equal(stats.messages, before + 1);

  await liftRestriction(stack, LINE);
  const [later] = await toEach(stack, STRANGERS.slice(0, 1));
  await answer(stack, later!, "SENT");
  assertNoErrorsLogged(stack);
});

Deno.test("Sends to new contacts wait for a restriction to end and go out in their order, past restarts; others pass them", async () => {
  await using stack = await startStack({ broker });
  for (const number of [FRIEND, ...STRANGERS]) stack.standIn.contact(number);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "we know each other"), "SENT");
  const untilMs = await restrict(stack, Date.now() + 8_000);
  assert.ok(untilMs !== null);
  const commands = await toEach(stack, STRANGERS.slice(1));
  await answer(stack, await sendText(stack, LINE, 2, "and still do"), "SENT");
  const { until, ...waiting } = await waitingSends(stack, ({ waiting }) => waiting === 3);
  assert.deepEqual([waiting, until], [{ numberId: 6, reason: "restricted", waiting: 3 }, untilMs]);
  const before = stack.standIn.stats.messages;

  await worker.stop();
  await stack.startWorker();
  await event(stack, LINE, "connected");
  await waitingSends(stack, ({ reason, waiting }) => reason === "restricted" && waiting === 3);
  // What is published when it is over does not go out before those that wait.
  while ((await stateOf(stack, LINE)).warnings !== undefined);
  assert.ok(Date.now() >= untilMs);
  const [last] = await toEach(stack, STRANGERS.slice(0, 1));
  const order: string[] = [];
  await Promise.all([...commands, last!].map(async (command) => {
    await answer(stack, command, "SENT");
    order.push(command);
  }));
  assert.deepEqual(order, [...commands, last]);
  assert.equal(stack.standIn.stats.messages, before + 4);
  assert.deepEqual((await pacingOf(stack)).waiting, 0);
  assertNoErrorsLogged(stack);
});

Deno.test("Sends to new contacts wait for a restriction without a known end until WhatsApp lifts it, or their time is up", async () => {
  await using stack = await acquainted();
  assert.equal(await restrict(stack, null), null);
  const [command] = await toEach(stack, STRANGERS.slice(1, 2));
  await waitingSends(stack, ({ reason, until }) => reason === "restricted" && until === null);
  // A deadline that only the message's own property has, which the broker takes off it when it was parked.
  await stack.backend.publish({
    exchange: "whatsapp.exchange",
    routingKey: "message.send",
    content: JSON.stringify({
      messageId: 9,
      numberId: LINE.numberId,
      to: STRANGERS[2],
      content: "late",
      type: "TEXT",
    }),
    options: { messageId: "short of time", expiration: "1000", persistent: true },
  });
  const late = await answer(stack, "short of time", "FAILED");
  assert.deepEqual([late.body.code, late.body.retryable, late.body.retryAt], [
    "restricted_from_new_contacts",
    true,
    undefined,
  ]);
  await liftRestriction(stack, LINE);
  await answer(stack, command!, "SENT");
  assert.deepEqual(stack.standIn.contact(STRANGERS[2]).inbox, []);
});

Deno.test("Sends that are parked when their number is logged out have no session", async () => {
  await using stack = await acquainted();
  await restrict(stack, Date.now() + 5_000);
  const [command] = await toEach(stack, STRANGERS.slice(1, 2));
  await waitingSends(stack, ({ reason }) => reason === "restricted");
  await stack.backend.command({ action: "logout", numberId: LINE.numberId });
  await event(stack, LINE, "logged_out");
  assert.equal((await answer(stack, command!, "FAILED")).body.code, "no_session");
  assert.equal((await pacingOf(stack)).waiting, 0);
});

Deno.test("Whoever has written to the number or is written to by its owner is no new contact, by any of their names", async () => {
  await using stack = await acquainted();
  const [writer, answered, trusted] = STRANGERS.map((number) => stack.standIn.contact(number));
  await writer!.sendText(LINE.phoneNumber, "bonjour");
  await event(stack, LINE, "message_received");
  await stack.standIn.phone(LINE.phoneNumber).sendText(answered!.number, "from the phone");
  await settled(stack, LINE);
  giveToken(stack, trusted!);
  await restrict(stack, Date.now() + 600_000, STRANGERS[3]);
  for (const to of [writer!.lid, writer!.jid, answered!.jid, `+${trusted!.number}`]) {
    await answer(stack, await sendText(stack, LINE, undefined, "goes out", { recipientNumber: to }), "SENT");
  }
});

/** Gives the number a token for somebody, as it gets one with the history that a phone sends its new device. */
function giveToken({ folder }: Stack, { number, lid }: { number: string; lid: string }): void {
  const database = new DatabaseSync(`${folder}/sessions/worker.db`);
  const insert = database.prepare(
    "INSERT INTO credential (number_id, type, id, value) VALUES ('6', ?, ?, ?)",
  );
  const timestamp = String(Math.floor(Date.now() / 1000));
  const lidUser = lid.split("@")[0]!;
  insert.run("tctoken", lid, JSON.stringify({ token: { type: "Buffer", data: "AQID" }, timestamp }));
  insert.run("lid-mapping", number, JSON.stringify(lidUser));
  insert.run("lid-mapping", `${lidUser}_reverse`, JSON.stringify(number));
  database.close();
}
