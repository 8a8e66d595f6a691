/** Kinds of messages × person and group, from the contact's phone to the backend; each compared field by field. */

import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import type { proto } from "@whiskeysockets/baileys";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { event, events, FRIEND, LINE, settled } from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { type Chat, type Example, EXAMPLES, OPTIONS, QUESTION } from "./in_examples.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
const EVERYTHING = "from_me,reactions,edits,calls";
/** Told of every message. */
const OF_ALL = new Set([
  "action",
  "sessionId",
  "numberId",
  "messageId",
  "from",
  "participant",
  "to",
  "timestamp",
  "fromMe",
  "pushName",
  "phoneNumber",
  "lid",
  "isGroup",
  "receivedAt",
  "media",
]);

/** A stack whose number has a chat with a contact, in person or in a group, in which both have written. */
async function chatOn(stack: Stack, isGroup: boolean) {
  const contact = stack.standIn.contact(FRIEND, { name: "Awa" });
  const owner = stack.standIn.phone(LINE.phoneNumber);
  const group = stack.standIn.group(GROUP, [contact, owner]);
  const send = (message: proto.IMessage) =>
    isGroup
      ? contact.sendToGroup(group.jid, LINE.phoneNumber, message)
      : contact.send(LINE.phoneNumber, message);
  const write = async (message: proto.IMessage, by: "contact" | "owner") => {
    const secret = randomBytes(32);
    const whole = { ...message, messageContextInfo: { messageSecret: secret } };
    const id = by === "contact"
      ? await send(whole)
      : isGroup
      ? await owner.sendToGroup(GROUP, LINE.phoneNumber, whole)
      : await owner.send(FRIEND, whole);
    const author = by === "contact" ? contact.lid : owner.lid;
    const fromMe = by === "contact";
    const key = isGroup
      ? { remoteJid: GROUP, fromMe, id, participant: author }
      : { remoteJid: owner.lid, fromMe, id };
    const address = by === "contact" ? `${FRIEND}@c.us` : `${LINE.phoneNumber}@c.us`;
    const target = { messageId: id, fromMe: !fromMe, ...(isGroup ? { participant: address } : {}) };
    return { about: { id, author, secret }, key, target };
  };
  const poll = {
    pollCreationMessageV3: {
      name: QUESTION,
      options: OPTIONS.map((optionName) => ({ optionName })),
      selectableOptionsCount: 2,
    },
  };
  const theirs = await write({ extendedTextMessage: { text: "de lui" } }, "contact");
  const ours = await write({ conversation: "de moi" }, "owner");
  const polls = { theirs: await write(poll, "contact"), ours: await write(poll, "owner") };
  const chat: Chat = {
    isGroup,
    theirs: theirs.about,
    keys: { theirs: theirs.key, ours: ours.key },
    targets: { theirs: theirs.target, ours: ours.target },
    polls: { theirs: polls.theirs.about, ours: polls.ours.about },
    pollKeys: { theirs: polls.theirs.key, ours: polls.ours.key },
    pollTargets: { theirs: polls.theirs.target, ours: polls.ours.target },
    contact: { lid: contact.lid, address: `${FRIEND}@c.us` },
    owner: { lid: owner.lid, address: `${LINE.phoneNumber}@c.us` },
  };
  return { chat, send, contact };
}

function assertTold(body: Record<string, unknown>, id: string, { told, name }: Example, chat: Chat): void {
  const { isGroup, contact, owner } = chat;
  const { sessionId, numberId, messageId, from, participant, to, fromMe, pushName, phoneNumber, lid } = body;
  assert.deepEqual(
    { sessionId, numberId, messageId, from, participant, to, fromMe, pushName, phoneNumber, lid },
    {
      sessionId: `session_${LINE.numberId}_+${LINE.phoneNumber}`,
      numberId: LINE.numberId,
      messageId: id,
      from: isGroup ? GROUP : contact.address,
      participant: isGroup ? contact.address : undefined,
      to: owner.address,
      fromMe: false,
      pushName: "Awa",
      phoneNumber: `+${FRIEND}`,
      lid: contact.lid,
    },
    name,
  );
  assert(Math.abs(Number(body.timestamp) * 1000 - Date.now()) < 120_000, "WhatsApp's seconds");
  assert(Math.abs(Number(body.receivedAt) - Date.now()) < 120_000, "the worker's milliseconds");
  const specific = Object.fromEntries(Object.entries(body).filter(([field]) => !OF_ALL.has(field)));
  assert.deepEqual(specific, { quoted: null, ...told(chat) }, name);
}

for (const isGroup of [false, true]) {
  Deno.test(`Every kind of message comes in as it was sent ${isGroup ? "to a group" : "to the number"}`, async (t) => {
    await using stack = await startStack({ broker });
    await stack.startWorker({ RECEIVE_INCLUDE: EVERYTHING });
    await pair(stack, LINE);
    const { chat, send } = await chatOn(stack, isGroup);
    for (const example of EXAMPLES) {
      await t.step(example.name, async () => {
        const id = await send(example.message(chat));
        const { body } = await event(stack, LINE, "message_received", { messageId: id });
        assertTold(body, id, example, chat);
      });
    }
    assert.deepEqual(stack.standIn.stats.violations, []);
  });
}

for (const include of ["", "reactions", "edits"]) {
  Deno.test(`With RECEIVE_INCLUDE=${include} what it does not name is not told, and all else is`, async () => {
    await using stack = await startStack({ broker });
    await stack.startWorker({ RECEIVE_INCLUDE: include });
    await pair(stack, LINE);
    const { chat, send } = await chatOn(stack, false);
    const expected: [string, unknown][] = [];
    for (const example of EXAMPLES) {
      const id = await send(example.message(chat));
      const isTold = example.include === undefined || example.include === include;
      if (isTold) expected.push([id, example.told(chat).type]);
    }
    const last = await send({ conversation: "last" });
    await event(stack, LINE, "message_received", { messageId: last });
    await settled(stack, LINE);
    const known = [chat.theirs.id, chat.polls.theirs.id, last];
    const told = events(stack, LINE, "message_received").map(({ body }) => [body.messageId, body.type]);
    assert.deepEqual(told.filter(([id]) => !known.includes(String(id))), expected);
  });
}
