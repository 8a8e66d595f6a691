import { strict as assert } from "node:assert";
import { join } from "node:path";
import { proto } from "@whiskeysockets/baileys";
import { Database } from "../../src/store/database.ts";
import { Messages } from "../../src/store/messages.ts";
import { lookOn, NAMES, until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { act, done, result, results } from "./chat_steps.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, sendText, settled } from "./steps.ts";

const broker = await sharedBroker();

Deno.test("What is to be done in a chat is read from both queues, in every spelling, and answered once", async () => {
  await using stack = await startStack({ broker });
  const { backend, standIn } = stack;
  const friend = standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const { numberId } = LINE;
  const commands: (readonly [string, () => Promise<string>])[] = [
    ["TYPING", () => backend.send({ numberId, to: FRIEND, type: "TYPING" })],
    [
      "RECORDING",
      () => backend.send({ data: { whatsappNumberId: numberId, to: friend.jid, type: "recording" } }),
    ],
    ["PAUSED", () => backend.send({ numberId, recipientNumber: `+${FRIEND}`, action: "paused" })],
    ["TYPING", () => backend.command({ action: "typing", numberId, to: FRIEND, sessionId: 44 })],
    ["RECORDING", () => backend.command({ action: "RECORDING", data: { numberId, to: `${FRIEND}@c.us` } })],
    ["PAUSED", () => backend.command({ data: { action: "Paused", numberId, to: friend.lid } })],
    // Whoever it names: the number's own worker has its chats.
    ["TYPING", () => backend.command({ action: "typing", numberId, to: FRIEND, workerId: "worker-9" })],
  ];
  for (const [index, [type, publish]] of commands.entries()) {
    const { queue, body, properties } = await result(stack, await publish());
    assert.equal(queue, "whatsapp.session.update");
    assert.equal(properties.type, "command_result");
    const { timestamp: _timestamp, ...rest } = body;
    assert.deepEqual(rest, {
      action: "command_result",
      workerId: "worker-1",
      numberId,
      sessionId: "session_6_+221771234567",
      type,
      status: "DONE",
      data: {},
    }, `command ${index}`);
    const state = { TYPING: "composing", RECORDING: "recording", PAUSED: "paused" }[type];
    const seen = await friend.chatState();
    assert.deepEqual([seen.from, seen.state], [standIn.phone(LINE.phoneNumber).jid, state]);
  }
  await settled(stack, LINE);
  assert.equal(results(stack).length, commands.length);
  assert.equal(friend.chatStates.length, commands.length);
  assert.deepEqual(standIn.stats.violations, []);
  assertNoErrorsLogged(stack);
});

Deno.test("An answer has the command's own ids, digit by digit, and comes again under the same AMQP message_id", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const content = `{"messageId":7212345678901234567,"numberId":"6","to":"${FRIEND}","type":"TYPING"}`;
  const publish = (options: Record<string, unknown>) =>
    backend.publish({ exchange: "whatsapp.exchange", routingKey: "message.send", content, options });
  const next = (correlationId: string) => result(stack, correlationId);
  await publish({ messageId: "once" });
  await publish({ messageId: "once" });
  const [first, second] = [await next("once"), await next("once")];
  assert.equal(first.body.messageId, 7212345678901234567n);
  assert.equal(first.body.numberId, "6");
  assert.equal(first.properties.messageId, second.properties.messageId);
  // One correlation may be that of many commands.
  await publish({ correlationId: "many" });
  await publish({ correlationId: "many" });
  assert.notEqual((await next("many")).properties.messageId, (await next("many")).properties.messageId);
});

Deno.test("What is to be done keeps its place among the messages of its number", async () => {
  await using stack = await startStack({ broker });
  const { backend, standIn } = stack;
  const friend = standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const { numberId } = LINE;
  const sent = ["TYPING", "one", "PAUSED", "TYPING", "two", "PAUSED"];
  const commands: string[] = [];
  for (const [index, what] of sent.entries()) {
    commands.push(
      what === what.toUpperCase()
        ? await act(stack, what, { to: FRIEND })
        : await sendText(stack, LINE, index, what),
    );
  }
  await result(stack, commands.at(-1)!);
  assert.deepEqual(
    friend.chatStates.map(({ state, messagesBefore }) => [state, messagesBefore]),
    [["composing", 0], ["paused", 1], ["composing", 1], ["paused", 2]],
  );

  // Through the other queue it waits behind a message that waits.
  await backend.command({ action: "close", numberId });
  await event(stack, LINE, "closed");
  await using onlooker = await lookOn(stack.url);
  const waiting = [await sendText(stack, LINE, 3, "three"), await sendText(stack, LINE, 4, "four")];
  const depth = () => onlooker.depth(NAMES.number(String(numberId)));
  // Of those that the number's queue has, the worker holds one.
  await until(async () => await depth() === 1, { describe: "a message that waits" });
  const paused = await backend.command({ action: "paused", numberId, to: FRIEND });
  await until(async () => await depth() === 2, { describe: "the action behind the messages" });
  await backend.command({ action: "reconnect", numberId });
  for (const command of waiting) await answer(stack, command, "SENT");
  assert.equal((await result(stack, paused)).body.status, "DONE");
  assert.ok(friend.chatStates.at(-1)!.messagesBefore >= 3);
  assertNoErrorsLogged(stack);
});

Deno.test("READ tells who wrote the messages, unless the owner of the number does not want it", async () => {
  await using stack = await startStack({ broker });
  const { backend, standIn } = stack;
  const friend = standIn.contact(FRIEND);
  const phone = standIn.phone(LINE.phoneNumber);
  let later = 0;
  await stack.startWorker({}, { now: () => Date.now() + later });
  await pair(stack, LINE);
  const received = async () => {
    await friend.sendText(LINE.phoneNumber, "hello");
    const { body } = await backend.next(({ body }) => body.action === "message_received");
    return String(body.messageId);
  };
  const [one, two, three] = [await received(), await received(), await received()];
  assert.deepEqual((await done(stack, "READ", { to: FRIEND, target: one })).data, { read: 1 });
  await friend.receipt(one, "read");
  const sent = await answer(stack, await sendText(stack, LINE, 1, "mine"), "SENT");
  const targets = [two, { messageId: three, fromMe: "false" }, sent.body.whatsappMessageId, {
    messageId: "3EB0AAAA",
    fromMe: true,
  }];
  assert.deepEqual((await done(stack, "READ", { to: friend.lid, targets })).data, { read: 2 });
  await friend.receipt(two, "read");
  await friend.receipt(three, "read");
  assert.deepEqual(phone.readOnCompanions, [one, two, three]);

  phone.showsReading = false;
  later = 6 * 60_000;
  const four = await received();
  assert.deepEqual((await done(stack, "READ", { to: FRIEND, targetMessageIds: [four] })).data, { read: 1 });
  await until(() => phone.readOnCompanions.includes(four), { describe: "it being read on the phone" });
  await friend.receipt(four, "delivered");
  assert.equal(friend.receipts.some(({ id, type }) => id === four && type === "read"), false);
  assert.deepEqual(standIn.stats.violations, []);
  assertNoErrorsLogged(stack);
});

Deno.test("READ in a group names who wrote the message; of one that nobody knows it says so", async () => {
  await using stack = await startStack({ broker });
  const { backend, standIn } = stack;
  const friend = standIn.contact(FRIEND);
  const group = "120363000000000001@g.us";
  standIn.group(group, [friend, standIn.phone(LINE.phoneNumber)]);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await friend.sendToGroup(group, LINE.phoneNumber, "hello all");
  const { body } = await backend.next(({ body }) => body.action === "message_received");
  const target = { messageId: body.messageId, participant: body.participant };
  assert.deepEqual((await done(stack, "READ", { to: group, target })).data, { read: 1 });
  await friend.receipt(String(body.messageId), "read");
  const failed = await done(stack, "READ", { to: group, target: "3EB0NOBODYKNOWS" });
  assert.equal(failed.code, "unknown_message");
  assert.equal(failed.retryable, false);

  // One that the worker has kept needs no more than its id.
  await friend.sendToGroup(group, LINE.phoneNumber, "hello again");
  const again = await backend.next(({ body }) => body.action === "message_received");
  const whatsappId = String(again.body.messageId);
  await worker.stop();
  const database = await Database.open(join(stack.folder, "sessions"));
  const content = proto.Message.encode({ conversation: "hello again" }).finish();
  const kept = { numberId: "6", whatsappId, chat: group, fromMe: false, author: friend.lid, content };
  await database.commit(new Messages(database, Date.now).keeping(kept));
  database.close();
  await stack.startWorker();
  assert.deepEqual((await done(stack, "READ", { to: group, target: whatsappId })).data, { read: 1 });
  await friend.receipt(whatsappId, "read");
  assertNoErrorsLogged(stack);
});

for (const addressing of ["lid", "pn"] as const) {
  Deno.test(`READ names people as their messages by ${addressing} did, whichever name the backend uses, and after a restart`, async () => {
    await using stack = await startStack({ broker });
    const { backend, standIn } = stack;
    const friend = standIn.contact(FRIEND, { addressing });
    const group = "120363000000000001@g.us";
    standIn.group(group, [friend, standIn.phone(LINE.phoneNumber)], addressing);
    const worker = await stack.startWorker();
    await pair(stack, LINE);
    const ids = {
      inPerson: await friend.sendText(LINE.phoneNumber, "hello"),
      inGroup: await friend.sendToGroup(group, LINE.phoneNumber, "hello all"),
      inPersonByLid: await friend.sendText(LINE.phoneNumber, "hello again"),
      inGroupUnknown: await friend.sendToGroup(group, LINE.phoneNumber, "hello all of you"),
    };
    await backend.next(({ body }) => body.messageId === ids.inGroupUnknown, { describe: "the last" });
    await worker.stop();
    const database = await Database.open(join(stack.folder, "sessions"));
    await database.commit(
      new Messages(database, Date.now).forgettingOne({
        numberId: "6",
        whatsappId: ids.inGroupUnknown,
        chat: group,
      }),
    );
    database.close();
    await stack.startWorker();
    for (
      const [to, target] of [
        [FRIEND, ids.inPerson],
        [group, ids.inGroup],
        [friend.lid, ids.inPersonByLid],
        [group, { messageId: ids.inGroupUnknown, participant: `${FRIEND}@c.us` }],
      ] as const
    ) {
      assert.deepEqual((await done(stack, "READ", { to, target })).data, { read: 1 });
    }
    for (const id of Object.values(ids)) await friend.receipt(id, "read");
    assert.deepEqual(standIn.stats.violations, []);
    assertNoErrorsLogged(stack);
  });
}
