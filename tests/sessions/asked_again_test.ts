import { strict as assert } from "node:assert";
import { Database } from "../../src/store/database.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { BareClient, pair as link } from "../stand_in/bare_client.ts";
import type { Contact } from "../stand_in/contact.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, sendText, settled } from "./steps.ts";

const broker = await sharedBroker();

/** The statuses that a command was answered with; one that a killed worker says again is the same AMQP message. */
function statuses({ backend }: Stack, commandId: string): unknown[] {
  const answers = backend.received.filter(({ properties }) => properties.correlationId === commandId);
  return [...new Map(answers.map(({ body, properties }) => [properties.messageId, body.status])).values()];
}

/** Fails unless `contact` was shown `text` once, and the backend was told each status once. */
async function assertReadOnce(
  stack: Stack,
  contact: Contact,
  commandId: string,
  text: string,
): Promise<void> {
  assert.equal((await contact.next(({ text: shown }) => shown === text)).repeats, 0);
  await answer(stack, commandId, "DELIVERED");
  await settled(stack, LINE);
  assert.deepEqual(statuses(stack, commandId), ["SENT", "DELIVERED"]);
  assert.equal(contact.inbox.filter(({ text: shown }) => shown === text).length, 1);
  assert.deepEqual(stack.standIn.stats.violations, []);
}

/** Waits until the workers of `stack` have logged `message` as often. */
async function logged(stack: Stack, message: string, count = 1): Promise<void> {
  const times = () => stack.logged.filter((line) => JSON.parse(line).msg === message).length;
  const deadlineMs = Date.now() + 10_000;
  while (times() < count) {
    assert(Date.now() < deadlineMs, `'${message}' was logged ${times()} times`);
    await settled(stack, LINE);
  }
}

const MEANWHILE = {
  "on the same link": async () => {},
  "after a reconnect": async (stack: Stack) => {
    stack.standIn.faults.dropLinks();
    await event(stack, LINE, "connected");
  },
  "after a restart": async (stack: Stack, worker: { stop(): Promise<void> }) => {
    await worker.stop();
    await stack.startWorker();
    await event(stack, LINE, "connected");
  },
};

for (const [meanwhile, happens] of Object.entries(MEANWHILE)) {
  for (const to of ["its number", "its LID"]) {
    for (const by of ["pn", "lid"] as const) {
      Deno.test(`A message to ${to} that could not be read is asked for by ${by} ${meanwhile}, and read`, async () => {
        await using stack = await startStack({ broker });
        const contact = stack.standIn.contact(FRIEND, { autoAsk: false });
        contact.answersAs = by;
        const worker = await stack.startWorker({}, { random: () => 0 });
        await pair(stack, LINE);
        contact.failToRead();
        const command = await stack.backend.send({
          messageId: 1,
          numberId: LINE.numberId,
          to: to === "its LID" ? contact.lid : FRIEND,
          content: "read me",
          type: "TEXT",
        });
        await answer(stack, command, "SENT");
        await happens(stack, worker);
        await contact.askAgain();
        await assertReadOnce(stack, contact, command, "read me");
        assertNoErrorsLogged(stack);
      });
    }
  }
}

Deno.test("A message is read that was asked for again after its worker was killed", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { autoAsk: false });
  const killed = stack.startProgram();
  await killed.printed("the worker is ready");
  await pair(stack, LINE);
  contact.failToRead();
  const command = await sendText(stack, LINE, 1, "read me");
  await answer(stack, command, "SENT");
  killed.process.kill("SIGKILL");
  await killed.process.status;
  await contact.askAgain();
  await stack.startWorker();
  await assertReadOnce(stack, contact, command, "read me");
});

Deno.test("A message that the number's own phone could not read is shown there when it has asked, after a restart", async () => {
  await using stack = await startStack({ broker });
  const phone = stack.standIn.phone(LINE.phoneNumber, { autoAsk: false });
  const contact = stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  phone.failToRead();
  const command = await sendText(stack, LINE, 1, "read me");
  await answer(stack, command, "DELIVERED");
  await worker.stop();
  await stack.startWorker();
  await event(stack, LINE, "connected");
  await phone.askAgain();
  while (phone.sent.length === 0) await settled(stack, LINE);
  assert.deepEqual(phone.sent.map(({ text, to }) => [text, to]), [["read me", contact.jid]]);
  assert.equal(contact.inbox.length, 1);
  assert.deepEqual(statuses(stack, command), ["SENT", "DELIVERED"]);
  assert.deepEqual(stack.standIn.stats.violations, []);
});

Deno.test("A message is sent again five times to who asks for it, however often its worker restarts", async () => {
  for (const [failures, isRead] of [[5, true], [6, false]] as const) {
    await using stack = await startStack({ broker });
    const contact = stack.standIn.contact(FRIEND, { autoAsk: false });
    contact.answersAs = "lid";
    let worker = await stack.startWorker();
    await pair(stack, LINE);
    contact.failToRead(failures);
    const command = await sendText(stack, LINE, 1, "read me");
    await answer(stack, command, "SENT");
    for (let request = 1; request <= 5; request++) {
      await contact.askAgain();
      if (request !== 3) continue;
      await worker.stop();
      worker = await stack.startWorker();
    }
    if (isRead) await assertReadOnce(stack, contact, command, "read me");
    else {
      const { id } = await contact.unread();
      const { messages } = stack.standIn.stats;
      await contact.askFor(id, LINE.phoneNumber);
      await logged(stack, "will not send message again, as sent too many times");
      assert.equal(stack.standIn.stats.messages, messages);
      assert.deepEqual(statuses(stack, command), ["SENT"]);
    }
  }
});

Deno.test("A message whose content is not kept any more is not sent again, and the log says so", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { autoAsk: false });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  contact.failToRead(2);
  await answer(stack, await sendText(stack, LINE, 1, "too big to be kept"), "SENT");
  await answer(stack, await sendText(stack, LINE, 2, "too old to be known"), "SENT");
  await worker.stop();
  const database = await Database.open(stack.environment.SESSION_DIR!);
  await database.commit([
    { sql: "UPDATE send SET content = NULL WHERE message_id_json = '1'", parameters: [] },
    { sql: "DELETE FROM send WHERE message_id_json = '2'", parameters: [] },
  ]);
  database.close();
  await stack.startWorker();
  await event(stack, LINE, "connected");
  await contact.askAgain();
  await contact.askAgain();
  await logged(stack, "a message is asked for again whose content is not kept any more");
  await logged(stack, "a message is asked for again that was not sent from here, or is forgotten");
  await answer(stack, await sendText(stack, LINE, 3, "life goes on"), "DELIVERED");
  assert.deepEqual(contact.inbox.map(({ text }) => text), ["life goes on"]);
  assertNoErrorsLogged(stack);
});

Deno.test("A request that could not be written down is not acknowledged, and answered when it can", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { autoAsk: false });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  contact.failToRead();
  const command = await sendText(stack, LINE, 1, "read me");
  await answer(stack, command, "SENT");
  await worker.stop();
  const alter = async (sql: string) => {
    const database = await Database.open(stack.environment.SESSION_DIR!);
    await database.commit([{ sql, parameters: [] }]);
    database.close();
  };
  await alter("CREATE TRIGGER no_retry BEFORE INSERT ON retry BEGIN SELECT RAISE(ABORT, 'no'); END");
  const hindered = await stack.startWorker();
  await event(stack, LINE, "connected");
  await contact.askAgain();
  await event(stack, LINE, "disconnected");
  await hindered.stop();
  await alter("DROP TRIGGER no_retry");
  await stack.startWorker();
  await assertReadOnce(stack, contact, command, "read me");
});

Deno.test("A message is not sent to somebody who asks for what was sent to somebody else, or never", async () => {
  await using stack = await startStack({ broker });
  const friend = stack.standIn.contact(FRIEND);
  const stranger = stack.standIn.contact("221778888888");
  await stack.startWorker();
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "a secret"), "DELIVERED");
  const { id } = await friend.next();
  const { messages } = stack.standIn.stats;
  await stranger.askFor(id, LINE.phoneNumber);
  await logged(stack, "a message is asked for again by somebody it was not sent to");
  await stranger.askFor("3EB0NEVERSENT", LINE.phoneNumber);
  await logged(stack, "a message is asked for again that was not sent from here, or is forgotten");
  assert.equal(stack.standIn.stats.messages, messages);
  await answer(stack, await sendText(stack, LINE, 2, "life goes on"), "DELIVERED");
  assert.deepEqual(stranger.inbox, []);
  assertNoErrorsLogged(stack);
});

Deno.test("A device that its owner linked after a message was sent gets it when it asks, and the others not again", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  const owner = standIn.phone(FRIEND, { autoDeliver: true });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const command = await sendText(stack, LINE, 1, "for every device");
  await answer(stack, command, "DELIVERED");
  const { id } = await owner.next();
  await worker.stop();
  await stack.startWorker();
  await event(stack, LINE, "connected");

  await using device = await new BareClient(standIn.url, await link(standIn.url, (qr) => owner.scan(qr)))
    .open();
  const t = String(Math.floor(Date.now() / 1000));
  const from = standIn.phone(LINE.phoneNumber).companions.values().next().value!.jid;
  await device.sock.sendRetryRequest({ tag: "message", attrs: { id, from, t } }, true);
  const { message } = await device.received("for every device");
  assert.equal(message.key.id, id);
  await settled(stack, LINE);
  assert.equal(owner.inbox[0]!.repeats, 0);
  assert.deepEqual(statuses(stack, command), ["SENT", "DELIVERED"]);
  assert.deepEqual(standIn.stats.violations, []);
});
