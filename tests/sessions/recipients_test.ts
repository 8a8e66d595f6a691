import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, events, FRIEND, LINE, settled } from "./steps.ts";

const broker = await sharedBroker();

/** Sends a text to a recipient as a backend may write it. @returns the AMQP `message_id` of the command */
function send({ backend }: Stack, messageId: number, to: string, content: string): Promise<string> {
  return backend.send({ messageId, numberId: LINE.numberId, to, content, type: "TEXT" });
}

Deno.test("A recipient gets its messages whichever way the backend writes it, with the same statuses", async () => {
  await using stack = await startStack({ broker });
  const { standIn, backend } = stack;
  const friend = standIn.contact(FRIEND);
  // Whose number WhatsApp never tells: it is known by LID alone.
  const anonymous = standIn.contact("221778888888", { showsAlias: false, lidInDirectory: false });
  await stack.startWorker();
  await pair(stack, LINE);
  const [user] = friend.lid.split("@");
  const recipients = [
    friend.lid,
    FRIEND,
    `+${FRIEND}`,
    "+221 77 999 99 99",
    `${FRIEND}@c.us`,
    `${FRIEND}@s.whatsapp.net`,
    `${FRIEND}:3@s.whatsapp.net`,
    friend.lid,
    `${user}:3@lid`,
  ];
  for (const [index, to] of recipients.entries()) {
    friend.autoRead = index % 2 === 1;
    const command = await send(stack, index, to, `to ${to}, ${index}`);
    await answer(stack, command, friend.autoRead ? "READ" : "DELIVERED");
    const told = backend.received.filter(({ properties }) => properties.correlationId === command);
    assert.deepEqual(
      told.map(({ body }) => body.status),
      ["SENT", "DELIVERED", ...(friend.autoRead ? ["READ"] : [])],
    );
    assert.equal(told[0]?.body.whatsappMessageId, friend.inbox.at(-1)?.id);
  }
  assert.deepEqual(
    friend.inbox.map(({ text, repeats }) => [text, repeats]),
    recipients.map((to, index) => [`to ${to}, ${index}`, 0]),
  );
  for (
    const [messageId, to] of [[100, anonymous.lid], [101, anonymous.number], [102, anonymous.lid]] as const
  ) {
    await answer(stack, await send(stack, messageId, to, `to ${to}`), "DELIVERED");
  }
  assert.equal(anonymous.inbox.length, 3);
  assert.deepEqual(standIn.stats.violations, []);
  assert.deepEqual([standIn.stats.retries, standIn.stats.turnedDown], [0, 0]);
  assertNoErrorsLogged(stack);
});

Deno.test("A message to the number itself arrives on its phone, and is not published as one that came in", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker({ RECEIVE_INCLUDE: "from_me" });
  await pair(stack, LINE);
  const phone = stack.standIn.phone(LINE.phoneNumber);
  for (const [index, to] of [phone.number, phone.lid, phone.number].entries()) {
    await answer(stack, await send(stack, index, to, `note ${index}`), "SENT");
  }
  await settled(stack, LINE);
  assert.deepEqual(phone.sent.map(({ text }) => text), ["note 0", "note 1", "note 2"]);
  assert.deepEqual(events(stack, LINE, "message_received"), []);
  assert.deepEqual(stack.standIn.stats.violations, []);
  assertNoErrorsLogged(stack);
});

Deno.test("The same text to the same person under another name is another message", async () => {
  await using stack = await startStack({ broker });
  const friend = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const sent = await answer(stack, await send(stack, 1, FRIEND, "hello"), "DELIVERED");
  const repeated = await answer(stack, await send(stack, 1, `${FRIEND}@c.us`, "hello"), "DELIVERED");
  assert.equal(repeated.properties.messageId, sent.properties.messageId);
  const other = await answer(stack, await send(stack, 1, friend.lid, "hello"), "DELIVERED");
  assert.notEqual(other.body.whatsappMessageId, sent.body.whatsappMessageId);
  assert.deepEqual(friend.inbox.map(({ text, repeats }) => [text, repeats]), [["hello", 0], ["hello", 0]]);
});
