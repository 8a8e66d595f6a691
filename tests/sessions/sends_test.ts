import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
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
} from "./steps.ts";

const broker = await sharedBroker();

/** A deployment with {@link LINE} connected, and {@link FRIEND} to write to. */
async function connected(environment: Record<string, string> = {}): Promise<Stack> {
  const stack = await startStack({ broker, environment });
  stack.standIn.contact(FRIEND);
  await stack.startWorker({}, { random: () => 0 });
  await pair(stack, LINE);
  return stack;
}

/** Waits until the worker has written as many messages to WhatsApp. */
async function written(stack: Stack, count: number): Promise<void> {
  const deadlineMs = Date.now() + 10_000;
  while (stack.standIn.stats.messages < count) {
    assert(Date.now() < deadlineMs, `${stack.standIn.stats.messages} of ${count} messages were written`);
    await settled(stack, LINE);
  }
}

const texts = (stack: Stack) => stack.standIn.contact(FRIEND).inbox.map(({ text }) => text);

Deno.test("A send repeated is one message, answered each time with the same event", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  stack.standIn.contact(FRIEND).autoDeliver = false;
  const sent = await answer(stack, await sendText(stack, LINE, 1, "once"), "SENT");
  const again = await answer(stack, await sendText(stack, LINE, 1, "once"), "SENT");
  assert.equal(again.properties.messageId, sent.properties.messageId);
  assert.deepEqual(again.body, sent.body);

  await worker.stop();
  await stack.startWorker();
  await event(stack, LINE, "connected");
  const later = await answer(stack, await sendText(stack, LINE, 1, "once"), "SENT");
  assert.equal(later.properties.messageId, sent.properties.messageId);

  // A backend whose database started over counts from one again.
  const other = await answer(stack, await sendText(stack, LINE, 1, "another"), "SENT");
  assert.notEqual(other.body.whatsappMessageId, sent.body.whatsappMessageId);
  const contact = stack.standIn.contact(FRIEND);
  await contact.next(({ text }) => text === "another");
  assert.deepEqual(texts(stack), ["once", "another"]);
  assert(contact.inbox.every(({ repeats }) => repeats === 0));
});

Deno.test("A send repeated after its receipt is answered with how far it has come", async () => {
  await using stack = await connected();
  const contact = stack.standIn.contact(FRIEND);
  const commandId = await sendText(stack, LINE, 2, "read me");
  contact.read((await contact.next()).id);
  const read = await answer(stack, commandId, "READ");
  const repeat = await answer(stack, await sendText(stack, LINE, 2, "read me"), "READ");
  assert.equal(repeat.properties.messageId, read.properties.messageId);
  await settled(stack, LINE);
  const statuses = stack.backend.received
    .filter(({ properties }) => properties.correlationId === commandId)
    .map(({ body }) => body.status);
  assert.deepEqual(statuses, ["SENT", "DELIVERED", "READ"]);
});

Deno.test("A send without a message id is sent, and known by its AMQP message", async () => {
  await using stack = await connected();
  const commandId = await sendText(stack, LINE, undefined, "anonymous");
  const { body } = await answer(stack, commandId, "SENT");
  assert.equal("messageId" in body, false);
  assert.equal((await stack.standIn.contact(FRIEND).next()).id, body.whatsappMessageId);
});

Deno.test("Sends of one number go out in their order", async () => {
  await using stack = await connected();
  const wanted = Array.from({ length: 12 }, (_, index) => `message ${index}`);
  for (const [index, text] of wanted.entries()) await sendText(stack, LINE, 100 + index, text);
  await stack.standIn.contact(FRIEND).next(({ text }) => text === wanted.at(-1));
  assert.deepEqual(texts(stack), wanted);
});

Deno.test("Sends wait for a number that is not connected and go out in their order when it is back", async () => {
  await using stack = await connected();
  await stack.backend.command({ action: "close", numberId: 6 });
  await event(stack, LINE, "closed");
  const commands: string[] = [];
  for (let index = 0; index < 4; index++) {
    commands.push(await sendText(stack, LINE, 200 + index, `waiting ${index}`));
  }
  await settled(stack, LINE);
  assert.deepEqual(texts(stack), []);
  await stack.backend.command({ action: "reconnect", numberId: 6 });
  for (const commandId of commands) await answer(stack, commandId, "SENT");
  assert.deepEqual(texts(stack), [0, 1, 2, 3].map((index) => `waiting ${index}`));
  assertNoErrorsLogged(stack);
});

Deno.test("A send whose link is lost before the ack goes out again under the same id", async () => {
  await using stack = await connected();
  const contact = stack.standIn.contact(FRIEND);
  stack.standIn.faults.ackDelayMs = 60_000;
  const commandId = await sendText(stack, LINE, 3, "interrupted");
  await written(stack, 1);
  stack.standIn.faults.ackDelayMs = 0;
  stack.standIn.faults.dropLinks();
  const { body } = await answer(stack, commandId, "SENT");
  assert.equal((await contact.next()).id, body.whatsappMessageId);
  assert.equal(contact.inbox.length, 1);
  assert.equal(stack.standIn.stats.messages, 2);
  assertNoErrorsLogged(stack);
});

Deno.test("A send on a link that is lost again and again fails, and the number goes on", async () => {
  await using stack = await connected();
  const { faults } = stack.standIn;
  faults.ackDelayMs = 60_000;
  const commandId = await sendText(stack, LINE, 4, "poison");
  for (let attempt = 1; attempt <= 3; attempt++) {
    await written(stack, attempt);
    faults.dropLinks();
  }
  const { body } = await answer(stack, commandId, "FAILED");
  assert.deepEqual([body.code, body.retryable], ["unconfirmed", true]);
  faults.ackDelayMs = 0;
  await answer(stack, await sendText(stack, LINE, 5, "the next one"), "SENT");
});

Deno.test("A send WhatsApp refuses has failed with its code, and may be tried again", async () => {
  await using stack = await connected();
  stack.standIn.faults.refuseSends(463);
  const { body } = await answer(stack, await sendText(stack, LINE, 5, "refused"), "FAILED");
  assert.deepEqual([body.code, body.retryable], ["restricted_from_new_contacts", true]);
  assert.equal(stack.standIn.stats.messages, 1, "refused once is refused");

  await restricted(stack, LINE);
  await liftRestriction(stack, LINE);
  const retried = await answer(stack, await sendText(stack, LINE, 5, "refused"), "SENT");
  const { id } = await stack.standIn.contact(FRIEND).next();
  assert.equal(retried.body.whatsappMessageId, id);

  stack.standIn.faults.refuseSends(479);
  const final = await answer(stack, await sendText(stack, LINE, 6, "malformed"), "FAILED");
  assert.deepEqual([final.body.code, final.body.retryable], ["malformed_stanza", false]);
  const repeat = await answer(stack, await sendText(stack, LINE, 6, "malformed"), "FAILED");
  assert.equal(repeat.properties.messageId, final.properties.messageId);
  assert.equal(stack.standIn.stats.messages, 3, "what failed for good is not tried again");
});

Deno.test("A send that is never acknowledged has failed, and is sent after all when the ack comes late", async () => {
  await using stack = await connected({ MESSAGE_TIMEOUT: "1000" });
  const contact = stack.standIn.contact(FRIEND);
  contact.autoDeliver = false;
  stack.standIn.faults.dropAcks = true;
  const silent = await answer(stack, await sendText(stack, LINE, 7, "no ack"), "FAILED");
  assert.deepEqual([silent.body.code, silent.body.retryable], ["unconfirmed", true]);
  assert.equal((await contact.next()).repeats, 0);
  assert.equal(stack.standIn.stats.messages, 1, "one attempt is one message on the wire");

  // Tried again: the same message for the contact.
  stack.standIn.faults.dropAcks = false;
  await answer(stack, await sendText(stack, LINE, 7, "no ack"), "SENT");
  assert.equal(contact.inbox.length, 1);

  stack.standIn.faults.ackDelayMs = 1_500;
  const late = await sendText(stack, LINE, 8, "late ack");
  await answer(stack, late, "FAILED");
  const { body } = await answer(stack, late, "SENT");
  assert.equal((await contact.next()).id, body.whatsappMessageId);
});

Deno.test("A send whose ack is lost is sent as soon as its contact has it", async () => {
  await using stack = await connected();
  stack.standIn.faults.dropAcks = true;
  const commandId = await sendText(stack, LINE, 9, "only a receipt");
  await answer(stack, commandId, "SENT");
  await answer(stack, commandId, "DELIVERED");
  // It did not hold the number for the 30 s of MESSAGE_TIMEOUT.
  await answer(stack, await sendText(stack, LINE, 10, "the next one"), "SENT");
});

Deno.test("A send of a medium that may not be fetched, to nobody's number or past its time has failed", async () => {
  await using stack = await connected();
  const base = { whatsappNumberId: 6, recipientNumber: `+${FRIEND}`, content: "x", mediaUrl: null };
  const mediaUrl = "http://localhost/a.jpg";
  const image = await stack.backend.send({ ...base, messageId: 11, type: "IMAGE", mediaUrl });
  const refused = await answer(stack, image, "FAILED");
  assert.deepEqual([refused.body.code, refused.body.retryable], ["media_url_refused", false]);
  const nobody = await stack.backend.send({ ...base, messageId: 12, type: "TEXT", whatsappNumberId: 99 });
  assert.equal((await answer(stack, nobody, "FAILED")).body.code, "no_session");
  const stale = await stack.backend.send({ ...base, messageId: 13, type: "TEXT", expiresAt: Date.now() - 1 });
  assert.equal((await answer(stack, stale, "FAILED")).body.code, "expired");
  assert.equal(stack.standIn.stats.messages, 0);
});

Deno.test("A send that is repeated past its time is answered by the worker that has sent it", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND).autoDeliver = false;
  // The first worker reads the queues, the second has the number.
  await stack.startWorker({ WORKER_ID: "worker-9", SESSION_DIR: `${stack.folder}/reader` });
  const holder = await stack.startWorker();
  await stack.backend.command({
    action: "create",
    numberId: LINE.numberId,
    phoneNumber: `+${LINE.phoneNumber}`,
    workerId: "worker-1",
  });
  const qr = await event(stack, LINE, "qr_generated");
  await stack.standIn.phone(LINE.phoneNumber).scanPng(String(qr.body.qrCode));
  await event(stack, LINE, "connected");
  const send = {
    messageId: 70,
    whatsappNumberId: LINE.numberId,
    recipientNumber: `+${FRIEND}`,
    content: "in time",
    type: "TEXT",
  };
  const sent = await answer(stack, await stack.backend.send(send), "SENT");
  const late = { ...send, expiresAt: Date.now() - 1 };
  const again = await answer(stack, await stack.backend.send(late), "SENT");
  assert.equal(again.properties.messageId, sent.properties.messageId);

  // It is away for a moment: nobody speaks for it.
  await holder.stop();
  const waiting = await stack.backend.send(late);
  await stack.startWorker();
  assert.equal((await answer(stack, waiting, "SENT")).properties.messageId, sent.properties.messageId);
  assert.deepEqual(texts(stack), ["in time"]);
});

Deno.test("A send in hand when its session ends has failed", async () => {
  await using stack = await connected();
  stack.standIn.faults.ackDelayMs = 60_000;
  const commandId = await sendText(stack, LINE, 14, "too late");
  await written(stack, 1);
  stack.standIn.phone(LINE.phoneNumber).unlink();
  await event(stack, LINE, "logged_out");
  assert.equal((await answer(stack, commandId, "FAILED")).body.code, "unconfirmed");
  // The queue of the number is gone with its session, and comes back with it.
  stack.standIn.faults.ackDelayMs = 0;
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 15, "new device"), "SENT");
});

Deno.test("A contact that cannot decrypt after a restart gets the text from the ledger", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const contact = stack.standIn.contact(FRIEND);
  await answer(stack, await sendText(stack, LINE, 16, "first"), "DELIVERED");
  await contact.sendText(LINE.phoneNumber, "a reply, so that the session is settled");
  await event(stack, LINE, "message_received");

  // The worker is gone before the contact finds that it cannot read the message and asks for it again.
  await contact.forgetSessions();
  stack.standIn.faults.ackDelayMs = 300;
  const commandId = await sendText(stack, LINE, 17, "again please");
  await written(stack, 2);
  await worker.stop();
  stack.standIn.faults.ackDelayMs = 0;
  await stack.startWorker();
  await contact.next(({ text }) => text === "again please");
  await answer(stack, commandId, "DELIVERED");
  assert.equal(contact.inbox.length, 2);
});
