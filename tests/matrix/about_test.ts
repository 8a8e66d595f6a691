/** Messages about messages, through both directions: votes in a poll that was sent, what is said to one that was edited. */

import { strict as assert } from "node:assert";
import { proto } from "@whiskeysockets/baileys";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, event, FRIEND, LINE } from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
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
