/** What a backend that answers whatever it receives is never given unless it asks for it. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { proto } from "@whiskeysockets/baileys";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, settled } from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { element } from "../stand_in/nodes.ts";
import { contentOf, KINDS, post } from "./inbound_media.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
const NEWSLETTER = "120363000000000009@newsletter";
const EVERYTHING = "from_me,status,newsletter,reactions,edits,calls";
const { Type } = proto.Message.ProtocolMessage;
const [PICTURE] = KINDS;

/** What stands in the queue of messages received, but for statuses. */
function received({ backend }: Stack): Record<string, unknown>[] {
  return backend.received.filter(({ properties }) =>
    ["message_received", "message_media"].includes(properties.type)
  ).map(({ body }) => body);
}

/** Everything an unchanged backend might answer into a loop. */
async function provoke(stack: Stack): Promise<void> {
  const { standIn, backend } = stack;
  const contact = standIn.contact(FRIEND);
  const owner = standIn.phone(LINE.phoneNumber);
  const picture = async () => (await post(standIn, PICTURE!, 500)).message;
  let messageId = 0;
  const sent: string[] = [];
  for (const to of [`+${FRIEND}`, contact.lid, GROUP]) {
    for (const type of ["TEXT", "IMAGE", "POLL"]) {
      const command = await backend.send({
        messageId: ++messageId,
        numberId: LINE.numberId,
        to,
        type,
        content: "de nous",
        ...(type === "IMAGE"
          ? { mediaBase64: Buffer.from(SAMPLES["photo.jpg"]).toString("base64") }
          : type === "POLL"
          ? { options: ["oui", "non"] }
          : {}),
      });
      sent.push(String((await answer(stack, command, "SENT")).body.whatsappMessageId));
    }
  }
  const inGroup = (id: string, author: string) => ({
    remoteJid: GROUP,
    fromMe: false,
    id,
    participant: author,
  });
  const inPerson = (id: string) => ({ remoteJid: owner.lid, fromMe: false, id });
  for (const message of [{ conversation: "du propriétaire" }, await picture()]) {
    await owner.send(FRIEND, message);
    await owner.sendToGroup(GROUP, LINE.phoneNumber, message);
  }
  await contact.send(LINE.phoneNumber, { reactionMessage: { key: inPerson(sent[0]!), text: "👍" } });
  await contact.sendToGroup(GROUP, LINE.phoneNumber, {
    reactionMessage: { key: inGroup(sent[6]!, owner.lid), text: "👍" },
  });
  for (const type of [Type.MESSAGE_EDIT, Type.REVOKE]) {
    const change = (key: proto.IMessageKey) => ({
      protocolMessage: {
        type,
        key,
        ...(type === Type.MESSAGE_EDIT ? { editedMessage: { conversation: "corrigé" } } : {}),
      },
    });
    await contact.send(LINE.phoneNumber, change({ ...inPerson("3AFFFFFFFFFFFF"), fromMe: true }));
    await contact.sendToGroup(GROUP, LINE.phoneNumber, change({ ...inGroup("3AFFFFFFFFFFFE", contact.lid) }));
  }
  contact.call(LINE.phoneNumber);
  await contact.sendToGroup("status@broadcast", LINE.phoneNumber, await picture());
  const [device] = owner.companions.values();
  const plaintext = element(
    "plaintext",
    {},
    Buffer.from(proto.Message.encode(proto.Message.fromObject(await picture())).finish()),
  );
  const t = String(Math.floor(Date.now() / 1000));
  device!.mailbox.put(
    element("message", { id: "A", from: NEWSLETTER, type: "media", t, server_id: "101" }, [plaintext]),
  );
}

Deno.test("An unchanged backend is given nothing that it could answer into a loop", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.group(GROUP, [stack.standIn.contact(FRIEND), stack.standIn.phone(LINE.phoneNumber)]);
  await stack.startWorker();
  await pair(stack, LINE);
  await provoke(stack);
  const last = await stack.standIn.contact(FRIEND).sendText(LINE.phoneNumber, "un vrai message");
  await event(stack, LINE, "message_received", { messageId: last });
  await settled(stack, LINE);
  assert.deepEqual(received(stack).map(({ body }) => body), ["un vrai message"]);
  const downloads = stack.standIn.media.requests.filter((request) => request.startsWith("GET"));
  assert.deepEqual(downloads, [], "what nobody is told of is not fetched");
  assertNoErrorsLogged(stack);
});

Deno.test("A backend that asks for everything is told of each, and still not of what the worker has sent itself", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.group(GROUP, [stack.standIn.contact(FRIEND), stack.standIn.phone(LINE.phoneNumber)]);
  await stack.startWorker({ RECEIVE_INCLUDE: EVERYTHING });
  await pair(stack, LINE);
  await provoke(stack);
  const last = await stack.standIn.contact(FRIEND).sendText(LINE.phoneNumber, "un vrai message");
  await event(stack, LINE, "message_received", { messageId: last });
  const told = received(stack).filter(({ action }) => action === "message_received");
  const ids = new Set(
    stack.backend.received.flatMap(({ body }) =>
      typeof body.whatsappMessageId === "string" ? [body.whatsappMessageId] : []
    ),
  );
  assert.deepEqual(told.filter(({ messageId }) => ids.has(String(messageId))), []);
  // A call is told at once; what is decrypted comes in its order.
  assert.deepEqual(told.map(({ type }) => type).sort((a) => a === "CALL" ? -1 : 0), [
    "CALL",
    "TEXT",
    "TEXT",
    "IMAGE",
    "IMAGE",
    "REACTION",
    "REACTION",
    "EDIT",
    "EDIT",
    "DELETE",
    "DELETE",
    "IMAGE",
    "IMAGE",
    "TEXT",
  ]);
  for (const { messageId, type } of told) if (type === "IMAGE") await contentOf(stack, messageId);
  assert.equal(ids.size, 9);
  assertNoErrorsLogged(stack);
});

Deno.test("message_media has nothing that a message is known, or answered, by", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await pair(stack, LINE);
  const contact = stack.standIn.contact(FRIEND);
  for (const place of ["person", "group"]) {
    const { message } = await post(stack.standIn, PICTURE!, 500);
    const messageId = place === "person"
      ? await contact.send(LINE.phoneNumber, message)
      : await contact.sendToGroup(GROUP, LINE.phoneNumber, message);
    const { body } = await contentOf(stack, messageId);
    assert.deepEqual(Object.keys(body).sort(), [
      "action",
      "media",
      "messageId",
      "numberId",
      "sessionId",
      "timestamp",
      "workerId",
    ]);
    const told = await event(stack, LINE, "message_received", { messageId });
    assert.equal((body.media as { id: string }).id, (told.body.media as { id: string }).id);
  }
});
