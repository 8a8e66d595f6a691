import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, event, events, FRIEND, LINE, sendText, settled } from "./steps.ts";

const broker = await sharedBroker();

Deno.test("A message that came while the worker was away is published once, under its sender's number", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { name: "Awa" });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await worker.stop();
  const id = await contact.sendText(LINE.phoneNumber, "while you were away");
  await stack.startWorker();
  const { body, queue, properties } = await event(stack, LINE, "message_received");
  assert.equal(queue, "whatsapp.message.receive");
  assert.deepEqual([body.messageId, body.body, body.type], [id, "while you were away", "TEXT"]);
  assert.equal(body.from, `${FRIEND}@c.us`);
  assert.equal(body.to, `${LINE.phoneNumber}@c.us`);
  assert.equal(body.phoneNumber, `+${FRIEND}`);
  assert.equal(body.lid, contact.lid);
  assert.deepEqual([body.fromMe, body.isGroup, body.pushName], [false, false, "Awa"]);
  assert(Math.abs(Number(body.timestamp) * 1000 - Date.now()) < 60_000, "WhatsApp's seconds");
  assert.match(properties.messageId, /^[0-9a-f]{32}$/);

  await contact.sendText(LINE.phoneNumber, "and one more");
  await event(stack, LINE, "message_received", { body: "and one more" });
  assert.equal(events(stack, LINE, "message_received").length, 2);
  assertNoErrorsLogged(stack);
});

Deno.test("A message whose first copy is damaged is published when it has been asked for again", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { addressing: "pn" });
  await stack.startWorker();
  await pair(stack, LINE);
  contact.damageNext();
  await contact.sendText(LINE.phoneNumber, "second try");
  const { body } = await event(stack, LINE, "message_received");
  assert.deepEqual([body.from, body.body], [`${FRIEND}@c.us`, "second try"]);
});

Deno.test("The owner's own messages are published only on demand, and the worker's never", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const phone = stack.standIn.phone(LINE.phoneNumber);
  await answer(stack, await sendText(stack, LINE, 1, "by the worker"), "SENT");
  await phone.sendText(FRIEND, "by the owner");
  await contact.sendText(LINE.phoneNumber, "by somebody else");
  await event(stack, LINE, "message_received", { body: "by somebody else" });
  assert.equal(events(stack, LINE, "message_received").length, 1);
  await worker.stop();

  await stack.startWorker({ RECEIVE_INCLUDE: "from_me" });
  await event(stack, LINE, "connected");
  await answer(stack, await sendText(stack, LINE, 2, "by the worker again"), "SENT");
  await phone.sendText(FRIEND, "by the owner again");
  const { body } = await event(stack, LINE, "message_received", { fromMe: true });
  assert.equal(body.body, "by the owner again");
  assert.deepEqual([body.from, body.to], [`${LINE.phoneNumber}@c.us`, `${FRIEND}@c.us`]);
  assert.deepEqual([body.phoneNumber, body.lid], [`+${LINE.phoneNumber}`, phone.lid]);
  await settled(stack, LINE);
  assert.equal(events(stack, LINE, "message_received").length, 2);
});

Deno.test("The same id in two chats is two messages, and in one chat one", async () => {
  await using stack = await startStack({ broker });
  const [one, other] = [stack.standIn.contact(FRIEND), stack.standIn.contact("221779999998")];
  await stack.startWorker();
  await pair(stack, LINE);
  for (const contact of [one, other, one]) {
    await contact.sendText(LINE.phoneNumber, "again", "3A0123456789ABCDEF");
  }
  await other.sendText(LINE.phoneNumber, "last");
  await event(stack, LINE, "message_received", { body: "last" });
  const told = events(stack, LINE, "message_received").slice(0, -1);
  assert.deepEqual(told.map(({ body }) => body.from), [`${FRIEND}@c.us`, "221779999998@c.us"]);
  assert.equal(new Set(told.map(({ properties }) => properties.messageId)).size, 2);
});

for (const showsAlias of [true, false]) {
  Deno.test(`Stories say who tells them, and what went to a list comes from who sent it${showsAlias ? "" : ", by its LID alone"}`, async () => {
    await using stack = await startStack({ broker });
    const contact = stack.standIn.contact(FRIEND, { showsAlias, lidInDirectory: showsAlias });
    await stack.startWorker({ RECEIVE_INCLUDE: "status" });
    await pair(stack, LINE);
    const who = showsAlias
      ? { address: `${FRIEND}@c.us`, phoneNumber: `+${FRIEND}` }
      : { address: contact.lid, phoneNumber: null };
    for (const list of ["status@broadcast", "1700000000@broadcast"]) {
      const messageId = await contact.sendToGroup(list, LINE.phoneNumber, "à tous");
      const { body } = await event(stack, LINE, "message_received", { messageId });
      const { from, participant, to, phoneNumber, lid, isGroup, fromMe } = body;
      const isStory = list === "status@broadcast";
      assert.deepEqual({ from, participant, to, phoneNumber, lid, isGroup, fromMe }, {
        from: isStory ? list : who.address,
        participant: isStory ? who.address : undefined,
        to: `${LINE.phoneNumber}@c.us`,
        phoneNumber: who.phoneNumber,
        lid: contact.lid,
        isGroup: false,
        fromMe: false,
      });
      contact.repost(messageId);
    }
    // What went to a list can be answered where it stands.
    const messageId = String(events(stack, LINE, "message_received").at(-1)!.body.messageId);
    const command = await stack.backend.send({
      messageId: 1,
      numberId: LINE.numberId,
      to: who.address,
      type: "TEXT",
      content: "merci",
      quoted: messageId,
    });
    await answer(stack, command, "SENT");
    const { contextInfo } = (await contact.next()).message.extendedTextMessage!;
    assert.equal(contextInfo?.quotedMessage?.conversation, "à tous");
    await settled(stack, LINE);
    assert.equal(events(stack, LINE, "message_received").length, 2, "each once");
    assertNoErrorsLogged(stack);
  });
}

Deno.test("What went to a list of a contact's is published by default, stories are not", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  await contact.sendToGroup("status@broadcast", LINE.phoneNumber, "une story");
  await contact.sendToGroup("1700000000@broadcast", LINE.phoneNumber, "à ma liste");
  await event(stack, LINE, "message_received", { body: "à ma liste" });
  await settled(stack, LINE);
  assert.equal(events(stack, LINE, "message_received").length, 1);
});

for (const addressing of ["lid", "pn"] as const) {
  Deno.test(`The owner's own stories and lists by ${addressing} are the owner's`, async () => {
    await using stack = await startStack({ broker });
    const contact = stack.standIn.contact(FRIEND);
    const owner = stack.standIn.phone(LINE.phoneNumber, { addressing });
    const worker = await stack.startWorker({ RECEIVE_INCLUDE: "status" });
    await pair(stack, LINE);
    const tell = async () => {
      const ids = [];
      for (const list of ["status@broadcast", "1700000000@broadcast"]) {
        ids.push(await owner.sendToGroup(list, LINE.phoneNumber, "de moi"));
      }
      const last = await contact.sendText(LINE.phoneNumber, "dernier");
      await event(stack, LINE, "message_received", { messageId: last });
      return ids;
    };
    await tell();
    assert.equal(events(stack, LINE, "message_received").length, 1);
    await worker.stop();
    await stack.startWorker({ RECEIVE_INCLUDE: "status,from_me" });
    await event(stack, LINE, "connected");
    const [story, list] = await tell();
    const told = events(stack, LINE, "message_received").map(({ body }) => body);
    const own = { from: `${LINE.phoneNumber}@c.us`, phoneNumber: `+${LINE.phoneNumber}`, lid: owner.lid };
    for (
      const [id, expected] of [
        [story, { ...own, from: "status@broadcast", participant: own.from, to: "status@broadcast" }],
        [list, { ...own, participant: undefined, to: "1700000000@broadcast" }],
      ] as const
    ) {
      const { from, phoneNumber, lid, participant, to, fromMe } = told.find(({ messageId }) =>
        messageId === id
      )!;
      assert.deepEqual({ from, phoneNumber, lid, participant, to, fromMe }, { ...expected, fromMe: true });
    }
  });
}
