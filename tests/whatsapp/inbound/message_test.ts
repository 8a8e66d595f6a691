import { strict as assert } from "node:assert";
import { proto, type WAMessage, type WAMessageKey } from "@whiskeysockets/baileys";
import { contentOf } from "../../../src/whatsapp/inbound/content.ts";
import { inboundMessage, isIncluded, type ReceiveInclude } from "../../../src/whatsapp/inbound/message.ts";
import { Identities } from "../../../src/whatsapp/identities.ts";

const OWN = { jid: "221771234567:3@s.whatsapp.net", lid: "90000000000001@lid" };
const CONTACT = "221779999999@s.whatsapp.net";
const LID = "80000000000001@lid";
const GROUP = "120363000000000001@g.us";
const EVERYTHING: ReceiveInclude = new Set([
  "from_me",
  "status",
  "newsletter",
  "reactions",
  "edits",
  "calls",
]);

/** Knows whose LID is whose. */
const IDENTITIES = new Identities({
  get: (_type, ids) =>
    ids.includes("80000000000001_reverse") ? { "80000000000001_reverse": "221779999999" } as never : {},
});

async function convert(
  key: WAMessageKey,
  message: proto.IMessage | null = { conversation: "hi" },
  include: ReceiveInclude = new Set(),
): Promise<Record<string, unknown> | undefined> {
  const whole = { key: { id: "3A01", fromMe: false, ...key }, messageTimestamp: 1234567890 } as WAMessage;
  const content = contentOf(message);
  if (content === undefined || !isIncluded(whole.key, content, include)) return undefined;
  return await inboundMessage(whole, content, { own: OWN, identities: IDENTITIES }, 1_700_000_000_000);
}

Deno.test("inboundMessage() names a sender by phone number whichever way WhatsApp names them", async () => {
  const expected = {
    from: "221779999999@c.us",
    to: "221771234567@c.us",
    phoneNumber: "+221779999999",
    fromMe: false,
    isGroup: false,
  };
  const keys: [WAMessageKey, lid: string | null][] = [
    [{ remoteJid: CONTACT }, null],
    [{ remoteJid: CONTACT, remoteJidAlt: LID }, LID],
    [{ remoteJid: LID, remoteJidAlt: CONTACT }, LID],
    [{ remoteJid: LID, remoteJidAlt: "221779999999:0@s.whatsapp.net" }, LID],
  ];
  for (const [key, lid] of keys) {
    const { from, to, phoneNumber, fromMe, isGroup, lid: actual } = (await convert(key))!;
    assert.deepEqual({ from, to, phoneNumber, fromMe, isGroup }, expected);
    assert.equal(actual, lid);
  }
});

Deno.test("inboundMessage() never makes a phone number of a LID", async () => {
  const message = (await convert({ remoteJid: LID }))!;
  assert.deepEqual([message.from, message.phoneNumber, message.lid], [LID, null, LID]);
});

Deno.test("inboundMessage() tells who wrote into a group", async () => {
  const key = { remoteJid: GROUP, participant: LID, participantAlt: CONTACT };
  const message = (await convert(key))!;
  assert.deepEqual(
    [message.from, message.participant, message.to, message.phoneNumber, message.lid, message.isGroup],
    [GROUP, "221779999999@c.us", "221771234567@c.us", "+221779999999", LID, true],
  );
});

Deno.test("inboundMessage() turns the owner's own messages around", async () => {
  const direct =
    (await convert({ remoteJid: LID, remoteJidAlt: CONTACT, fromMe: true }, undefined, EVERYTHING))!;
  assert.deepEqual(
    [direct.from, direct.to, direct.phoneNumber, direct.lid, direct.fromMe],
    ["221771234567@c.us", "221779999999@c.us", "+221771234567", OWN.lid, true],
  );
  const group =
    (await convert({ remoteJid: GROUP, participant: OWN.lid, fromMe: true }, undefined, EVERYTHING))!;
  assert.deepEqual([group.from, group.participant, group.to], [GROUP, "221771234567@c.us", GROUP]);
});

Deno.test("inboundMessage() publishes by default what others send to the number, and the rest on demand", async () => {
  const onDemand: [WAMessageKey, proto.IMessage?][] = [
    [{ remoteJid: CONTACT, fromMe: true }],
    [{ remoteJid: "status@broadcast", participant: CONTACT }],
    [{ remoteJid: "120363000000000002@newsletter" }],
    [{ remoteJid: CONTACT }, { reactionMessage: { text: "👍" } }],
    [{ remoteJid: GROUP, participant: CONTACT }, { encReactionMessage: {} }],
  ];
  for (const [key, message] of onDemand) {
    assert.equal(await convert(key, message), undefined, JSON.stringify([key, message]));
    assert.notEqual(await convert(key, message, EVERYTHING), undefined, JSON.stringify([key, message]));
  }
});

Deno.test("inboundMessage() never publishes what is the protocol's own, or cannot be read yet", async () => {
  const silent: (proto.IMessage | null)[] = [
    null,
    {},
    { protocolMessage: { type: proto.Message.ProtocolMessage.Type.REVOKE } },
    { senderKeyDistributionMessage: { groupId: GROUP } },
    { messageContextInfo: {} },
    { call: { callKey: new Uint8Array(32) } },
    { callLogMesssage: { isVideo: false } },
  ];
  for (const message of silent) {
    assert.equal(await convert({ remoteJid: CONTACT }, message, EVERYTHING), undefined);
  }
});

Deno.test("inboundMessage() says what it can of every kind of content", async () => {
  const contents: [proto.IMessage, type: string, body: string][] = [
    [{ conversation: "plain" }, "TEXT", "plain"],
    [{ extendedTextMessage: { text: "with a link" } }, "TEXT", "with a link"],
    [{ imageMessage: { caption: "a picture" } }, "IMAGE", "a picture"],
    [{ videoMessage: {} }, "VIDEO", ""],
    [{ audioMessage: { ptt: true } }, "AUDIO", ""],
    [{ stickerMessage: {} }, "STICKER", ""],
    [{ documentMessage: { fileName: "a.pdf" } }, "DOCUMENT", "a.pdf"],
    [
      { documentWithCaptionMessage: { message: { documentMessage: { caption: "read" } } } },
      "DOCUMENT",
      "read",
    ],
    [{ ephemeralMessage: { message: { conversation: "soon gone" } } }, "TEXT", "soon gone"],
    [{ viewOnceMessageV2: { message: { imageMessage: { caption: "once" } } } }, "IMAGE", "once"],
    [{ senderKeyDistributionMessage: {}, conversation: "first in a group" }, "TEXT", "first in a group"],
    [{ invoiceMessage: { note: "for June" } }, "UNKNOWN", "for June"],
  ];
  for (const [content, type, body] of contents) {
    const message = (await convert({ remoteJid: CONTACT }, content))!;
    assert.deepEqual([message.type, message.body], [type, body]);
    assert.equal(message.protoName, type === "UNKNOWN" ? "invoiceMessage" : undefined);
    assert.deepEqual([message.timestamp, message.receivedAt], [1234567890, 1_700_000_000_000]);
  }
});

Deno.test("inboundMessage() tells what a message answers", async () => {
  const contextInfo = {
    stanzaId: "3EB0AA",
    participant: "221771234567@s.whatsapp.net",
    quotedMessage: { conversation: "the question" },
  };
  const message =
    (await convert({ remoteJid: CONTACT }, { extendedTextMessage: { text: "yes", contextInfo } }))!;
  const quoted = {
    messageId: "3EB0AA",
    participant: "221771234567@c.us",
    body: "the question",
    type: "TEXT",
    fromMe: true,
  };
  assert.deepEqual(message.quoted, quoted);
});
