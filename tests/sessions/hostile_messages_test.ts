/** Messages that no app of WhatsApp's writes: whoever knows the number can send them. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { proto } from "@whiskeysockets/baileys";
import { stringifyJson } from "../../src/contract/json.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { assertNoErrorsLogged, event, events, FRIEND, LINE } from "./steps.ts";

const broker = await sharedBroker();
const KEY = { remoteJid: "1@lid", fromMe: true, id: "'; DROP TABLE send; --" };
const LARGE = "x".repeat(1024 * 1024);
const MANY = Array.from({ length: 10_000 }, (_, i) => i);

function nested(levels: number): string {
  return `{"a":${"[".repeat(levels)}${"]".repeat(levels)}}`;
}

function flow(paramsJson: string): proto.IMessage {
  return { interactiveResponseMessage: { nativeFlowResponseMessage: { name: "form", paramsJson } } };
}

/** Comments on comments. */
function comments(levels: number): proto.IMessage {
  let message: proto.IMessage = { conversation: "at last" };
  for (let i = 0; i < levels; i++) message = { commentMessage: { message } };
  return message;
}

const HOSTILE: Readonly<Record<string, proto.IMessage>> = {
  "parameters nested too deep to be written": flow(nested(20_000)),
  "parameters with a name that means something": flow('{"__proto__":{"x":1},"constructor":1}'),
  "comments nested deep": comments(1_000),
  "a caption of a megabyte": { imageMessage: { caption: LARGE, mimetype: LARGE, mediaKey: randomBytes(3) } },
  "a thumbnail of a megabyte": {
    imageMessage: {
      jpegThumbnail: Buffer.concat([Buffer.from([0xff, 0xd8, 0xff]), randomBytes(1 << 20)]),
      mediaKey: randomBytes(32),
      directPath: "//evil.example/v/t62",
      fileLength: Number.MAX_SAFE_INTEGER,
      width: 4_294_967_295,
    },
  },
  "a file whose name is none": {
    documentMessage: {
      fileName: `../../etc/passwd\0${LARGE}`,
      mimetype: "text/html\r\nX: y",
      mediaKey: randomBytes(32),
    },
  },
  "a card of a megabyte": { contactMessage: { displayName: "\0", vcard: `BEGIN:VCARD\nNOTE:${LARGE}` } },
  "ten thousand cards": {
    contactsArrayMessage: {
      contacts: MANY.map((i) => ({ displayName: `${i}`, vcard: "\x01".repeat(1_000) })),
    },
  },
  "ten thousand options": {
    pollCreationMessage: { name: "\x02".repeat(100_000), options: MANY.map((i) => ({ optionName: `${i}` })) },
  },
  "ten thousand mentions of nobody": {
    extendedTextMessage: {
      text: "@1 @2",
      contextInfo: { mentionedJid: MANY.map((i) => `${"@".repeat(i % 3)}${i}`) },
    },
  },
  "mentions that are no names": {
    extendedTextMessage: {
      text: `@${"1".repeat(100_000)}`,
      contextInfo: {
        mentionedJid: [
          "\ud800@lid",
          "'; --@lid",
          "0\0@lid",
          `${"1".repeat(100_000)}@lid`,
          "1@g.us",
          "%00@lid",
        ],
      },
    },
  },
  "an answer to nobody's message": {
    extendedTextMessage: {
      text: "so what",
      contextInfo: {
        stanzaId: "\0",
        participant: "nobody",
        quotedMessage: { conversation: LARGE },
        expiration: 4_294_967_295,
      },
    },
  },
  "a place that is nowhere": {
    locationMessage: { degreesLatitude: NaN, degreesLongitude: Infinity, speedInMps: -Infinity },
  },
  "an event at the end of time": {
    eventMessage: { name: "doom", startTime: "9223372036854775807" as never, endTime: 1 },
  },
  "a basket with less than nothing": {
    orderMessage: { itemCount: -5, totalAmount1000: "-9223372036854775808" as never },
  },
  "an invitation that is over before it began": {
    groupInviteMessage: { groupJid: "\0@", inviteExpiration: "9223372036854775807" as never },
  },
  "a sign on what is not known": { reactionMessage: { key: { ...KEY, participant: "nobody" }, text: LARGE } },
  "a vote in what is not known": {
    pollUpdateMessage: {
      pollCreationMessageKey: KEY,
      vote: { encPayload: randomBytes(3), encIv: randomBytes(1) },
    },
  },
};

Deno.test("Nothing that somebody writes costs a number its link, a message or an event", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  await stack.startWorker({ RECEIVE_INCLUDE: "reactions,edits,calls" });
  await pair(stack, LINE);
  for (const [name, message] of Object.entries(HOSTILE)) {
    const id = `HOSTILE ${name}`;
    await contact.send(LINE.phoneNumber, proto.Message.fromObject(message), id);
    const { body } = await event(stack, LINE, "message_received", { messageId: id });
    assert(stringifyJson(body).length < 14 * 1024 * 1024, name);
  }
  const group = "120363000000000001@g.us";
  for (const [name, message] of Object.entries(HOSTILE)) {
    const id = `IN A GROUP ${name}`;
    await contact.sendToGroup(group, LINE.phoneNumber, proto.Message.fromObject(message), id);
    await event(stack, LINE, "message_received", { messageId: id, isGroup: true });
  }
  await contact.sendText(LINE.phoneNumber, "still here");
  await event(stack, LINE, "message_received", { body: "still here" });
  assert.equal(events(stack, LINE, "connected").length, 1);
  assertNoErrorsLogged(stack);
});
