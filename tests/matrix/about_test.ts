/** Messages about messages, through both directions: votes in a poll that was sent, what is said to one that was edited. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { proto } from "@whiskeysockets/baileys";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE } from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import type { MediaContent } from "../stand_in/media_host.ts";
import { vote } from "../stand_in/secrets.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
const OPTIONS = ["lundi", "mardi", "jeudi"];

async function send(stack: Stack, fields: Record<string, unknown>): Promise<string> {
  const id = await stack.backend.send({
    whatsappNumberId: LINE.numberId,
    recipientNumber: `+${FRIEND}`,
    ...fields,
  });
  const { body } = await answer(stack, id, "SENT");
  return String(body.whatsappMessageId);
}

for (const to of [`+${FRIEND}`, "lid", GROUP]) {
  for (const addressing of ["lid", "pn"] as const) {
    Deno.test(`A vote by ${addressing} in a poll that was sent to ${to} names what is chosen, also after a restart`, async () => {
      await using stack = await startStack({ broker });
      const contact = stack.standIn.contact(FRIEND, { addressing });
      const owner = stack.standIn.phone(LINE.phoneNumber);
      stack.standIn.group(GROUP, [contact, owner], addressing);
      const worker = await stack.startWorker();
      await pair(stack, LINE);
      const recipientNumber = to === "lid" ? contact.lid : to;
      const pollId = await send(stack, {
        messageId: 1,
        recipientNumber,
        type: "POLL",
        content: "Quel jour ?",
        options: OPTIONS,
        selectableCount: 2,
      });
      const { message } = await contact.next(({ id }) => id === pollId);
      const secret = message.messageContextInfo!.messageSecret!;
      await worker.stop();
      await stack.startWorker();
      const [author, voter] = addressing === "lid" ? [owner.lid, contact.lid] : [owner.jid, contact.jid];
      const inGroup = to === GROUP;
      const key = inGroup
        ? { remoteJid: GROUP, fromMe: false, id: pollId, participant: author }
        : { remoteJid: author, fromMe: false, id: pollId };
      const content = vote(key, ["mardi", "lundi"], { id: pollId, author, secret }, voter);
      const id = inGroup
        ? await contact.sendToGroup(GROUP, LINE.phoneNumber, content)
        : await contact.send(LINE.phoneNumber, content);
      const { body } = await event(stack, LINE, "message_received", { messageId: id });
      assert.deepEqual([body.type, body.body], ["POLL_VOTE", "lundi, mardi"]);
      const participant = inGroup ? { participant: `${LINE.phoneNumber}@c.us` } : {};
      assert.deepEqual(body.pollVote, {
        options: ["lundi", "mardi"],
        target: { messageId: pollId, fromMe: true, ...participant },
      });
    });
  }
}

Deno.test("What was edited is quoted and forwarded as it reads now, and what was taken back is not known any more", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  const other = stack.standIn.contact("221779999998");
  await stack.startWorker();
  await pair(stack, LINE);
  const id = await contact.sendText(LINE.phoneNumber, "à midi");
  await event(stack, LINE, "message_received", { messageId: id });
  const { Type } = proto.Message.ProtocolMessage;
  const key = { remoteJid: stack.standIn.phone(LINE.phoneNumber).lid, fromMe: true, id };
  await contact.send(LINE.phoneNumber, {
    editedMessage: {
      message: {
        protocolMessage: { type: Type.MESSAGE_EDIT, key, editedMessage: { conversation: "à treize heures" } },
      },
    },
  });
  const said = await contact.sendText(LINE.phoneNumber, "c'est corrigé");
  await event(stack, LINE, "message_received", { messageId: said });

  const reply = await send(stack, { messageId: 1, type: "TEXT", content: "d'accord", quoted: id });
  const quoting = (await contact.next((message) => message.id === reply)).message.extendedTextMessage!;
  const { quotedMessage } = quoting.contextInfo!;
  assert.equal(quotedMessage?.conversation || quotedMessage?.extendedTextMessage?.text, "à treize heures");
  const forward = await send(stack, {
    messageId: 2,
    recipientNumber: `+${other.number}`,
    type: "FORWARD",
    target: id,
  });
  const forwarded = await other.next((message) => message.id === forward);
  assert.equal(forwarded.text, "à treize heures");

  await contact.send(LINE.phoneNumber, { protocolMessage: { type: Type.REVOKE, key } });
  const last = await contact.sendText(LINE.phoneNumber, "oublie");
  await event(stack, LINE, "message_received", { messageId: last });
  const command = await stack.backend.send({
    messageId: 3,
    whatsappNumberId: LINE.numberId,
    recipientNumber: `+${other.number}`,
    type: "FORWARD",
    target: id,
  });
  const { body } = await answer(stack, command, "FAILED");
  assert.equal(body.retryable, false);
});

for (const place of ["person", "lid", "group"] as const) {
  for (const by of ["the backend", "the owner's phone"] as const) {
    Deno.test(`What ${by} does to a message that was sent to a ${place} is known when it is quoted and forwarded`, async () => {
      await using stack = await startStack({ broker });
      const contact = stack.standIn.contact(FRIEND);
      const other = stack.standIn.contact("221779999998");
      const owner = stack.standIn.phone(LINE.phoneNumber);
      stack.standIn.group(GROUP, [contact, owner]);
      const worker = await stack.startWorker();
      await pair(stack, LINE);
      const to = place === "group" ? GROUP : place === "lid" ? contact.lid : `+${FRIEND}`;
      let messageId = 0;
      const say = (fields: Record<string, unknown>) =>
        send(stack, { messageId: ++messageId, recipientNumber: to, ...fields });
      const { Type } = proto.Message.ProtocolMessage;
      const onPhone = async (protocolMessage: proto.Message.IProtocolMessage) => {
        const message = { protocolMessage };
        if (place === "group") await owner.sendToGroup(GROUP, LINE.phoneNumber, message);
        else await owner.send(FRIEND, message);
        // What comes later comes when this is taken.
        const last = await contact.sendText(LINE.phoneNumber, "?");
        await event(stack, LINE, "message_received", { messageId: last });
      };
      const keyOf = (id: string) => ({
        remoteJid: place === "group" ? GROUP : contact.lid,
        fromMe: true,
        id,
      });
      const text = await say({ type: "TEXT", content: "à midi" });
      const picture = await say({
        type: "IMAGE",
        content: "avant",
        mediaBase64: Buffer.from(SAMPLES["photo.jpg"]).toString("base64"),
      });
      for (
        const [id, content] of [[text, "à treize heures"], [text, "à quatorze heures"], [picture, "après"]]
      ) {
        if (by === "the backend") await say({ type: "EDIT", target: id, content });
        else {
          const editedMessage = id === text
            ? { conversation: content! }
            : { imageMessage: { caption: content! } };
          await onPhone({ type: Type.MESSAGE_EDIT, key: keyOf(id!), editedMessage });
        }
      }
      await worker.stop();
      await stack.startWorker();
      const reply = await say({ type: "TEXT", content: "donc", quoted: text });
      const { quotedMessage } = (await contact.next(({ id }) => id === reply)).message.extendedTextMessage!
        .contextInfo!;
      assert.equal(
        quotedMessage?.conversation || quotedMessage?.extendedTextMessage?.text,
        "à quatorze heures",
      );
      const forward = async (target: string) => {
        const id = await say({ type: "FORWARD", recipientNumber: `+${other.number}`, target });
        return (await other.next((message) => message.id === id)).message;
      };
      const { extendedTextMessage } = await forward(text);
      assert.equal(extendedTextMessage?.text, "à quatorze heures");
      const { imageMessage } = await forward(picture);
      assert.equal(imageMessage?.caption, "après");
      assert.deepEqual(
        await stack.standIn.media.open(imageMessage as Partial<MediaContent>, "image"),
        Buffer.from(SAMPLES["photo.jpg"]),
      );

      if (by === "the backend") await say({ type: "DELETE", target: text });
      else await onPhone({ type: Type.REVOKE, key: keyOf(text) });
      const command = await stack.backend.send({
        messageId: ++messageId,
        whatsappNumberId: LINE.numberId,
        recipientNumber: `+${other.number}`,
        type: "FORWARD",
        target: text,
      });
      assert.equal((await answer(stack, command, "FAILED")).body.code, "unknown_message");
      assert.deepEqual(stack.standIn.stats.violations, []);
      assertNoErrorsLogged(stack);
    });
  }
}

Deno.test("An edit that WhatsApp refuses changes nothing of what is known", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const text = await send(stack, { messageId: 1, type: "TEXT", content: "à midi" });
  stack.standIn.faults.sendRefusal = 479;
  const command = await stack.backend.send({
    messageId: 2,
    whatsappNumberId: LINE.numberId,
    recipientNumber: `+${FRIEND}`,
    type: "EDIT",
    target: text,
    content: "à treize heures",
  });
  await answer(stack, command, "FAILED");
  stack.standIn.faults.sendRefusal = undefined;
  const forward = await send(stack, { messageId: 3, type: "FORWARD", target: text });
  assert.equal((await contact.next(({ id }) => id === forward)).text, "à midi");
});
