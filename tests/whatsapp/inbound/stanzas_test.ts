import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { type BinaryNode, encodeWAMessage, proto } from "@whiskeysockets/baileys";
import pino from "pino";
import { Stanzas } from "../../../src/whatsapp/inbound/stanzas.ts";

const ME = { id: "221771234567:1@s.whatsapp.net", lid: "1000:1@lid" };
const FRIEND = { lid: "2000@lid", jid: "221779999999@s.whatsapp.net" };

/** A stanza with as many ciphertexts, and what came in it. */
function stanza(attrs: Record<string, string>, ciphertexts: Buffer[]): BinaryNode {
  const content = ciphertexts.map((bytes): BinaryNode => ({ tag: "enc", attrs: { v: "2" }, content: bytes }));
  return { tag: "message", attrs: { id: "3AA0", t: "1733396400", type: "text", ...attrs }, content };
}

function setUp(attrs: Record<string, string>, count = 1) {
  const stanzas = new Stanzas(pino({ level: "silent" }));
  const ciphertexts = Array.from({ length: count }, () => Buffer.from("the same bytes"));
  stanzas.add(stanza(attrs, ciphertexts));
  return {
    stanzas,
    ciphertexts,
    read: (message: proto.IMessage, index = 0) =>
      stanzas.messagesOf(ciphertexts[index]!, encodeWAMessage(message), ME)[0],
  };
}

Deno.test("Stanzas.messagesOf() builds the message that Baileys would, from the stanza around the ciphertext", () => {
  const { read } = setUp({ from: FRIEND.lid, sender_pn: FRIEND.jid, notify: "Awa", addressing_mode: "lid" });
  const { key, message, messageTimestamp, pushName } = read({ conversation: "salut" })!;
  assert.deepEqual([key.remoteJid, key.remoteJidAlt, key.id, key.fromMe], [
    FRIEND.lid,
    FRIEND.jid,
    "3AA0",
    false,
  ]);
  assert.deepEqual([message?.conversation, messageTimestamp, pushName], ["salut", 1733396400, "Awa"]);
});

Deno.test("Stanzas.messagesOf() unwraps what another device of the account sent, and names no device", () => {
  const { read } = setUp({ from: "1000:2@lid", recipient: "2000:5@lid" });
  const sent = { deviceSentMessage: { destinationJid: FRIEND.lid, message: { conversation: "de moi" } } };
  const { key, message } = read(sent)!;
  assert.deepEqual([key.fromMe, key.remoteJid, message?.conversation], [true, FRIEND.lid, "de moi"]);
});

Deno.test("Stanzas.messagesOf() makes a message of each ciphertext of a group's stanza", () => {
  const { read } = setUp({ from: "120363000000000001@g.us", participant: "2000:3@lid" }, 2);
  const key = { senderKeyDistributionMessage: { groupId: "120363000000000001@g.us" } };
  assert.ok(read(key, 0)?.message?.senderKeyDistributionMessage);
  const text = read({ conversation: "à tous" }, 1)!;
  assert.equal(text.message?.conversation, "à tous");
  assert.deepEqual([text.key.remoteJid, text.key.participant], ["120363000000000001@g.us", FRIEND.lid]);
});

Deno.test("Stanzas.messagesOf() knows nothing of bytes that came in no stanza, and of what is no message", () => {
  const { stanzas, ciphertexts, read } = setUp({ from: FRIEND.lid });
  const padded = encodeWAMessage({ conversation: "salut" });
  assert.deepEqual(stanzas.messagesOf(Buffer.from(ciphertexts[0]!), padded, ME), []);
  assert.deepEqual(stanzas.messagesOf(ciphertexts[0]!, padded, undefined), []);
  assert.deepEqual(stanzas.messagesOf(ciphertexts[0]!, Buffer.from([0xff, 0xff, 1]), ME), []);
  assert.ok(read({ conversation: "salut" }));
});

Deno.test("Stanzas.messagesOf() says that there is more in a message than Baileys knows, unless a device wrote it", () => {
  // A text in field 900, beside what goes with every message; padded as all are.
  const added = Buffer.concat([
    proto.Message.encode(proto.Message.create({ messageContextInfo: { messageSecret: Buffer.alloc(32) } }))
      .finish(),
    Buffer.from([0xa2, 0x38, 2, 1, 1]),
    Buffer.from([1]),
  ]);
  const { stanzas, ciphertexts } = setUp({ from: FRIEND.lid });
  assert.deepEqual(stanzas.messagesOf(ciphertexts[0]!, added, ME)[0]?.unreadFields, [900]);
  const peer = setUp({ from: "1000:2@lid", category: "peer" });
  assert.equal(peer.stanzas.messagesOf(peer.ciphertexts[0]!, added, ME)[0]?.unreadFields, undefined);
});

Deno.test("Stanzas.messagesOf() keeps the secret that stands beside what another device of the account sent", () => {
  const { read } = setUp({ from: "1000:2@lid", recipient: "2000:5@lid" });
  const { message } = read({
    deviceSentMessage: { destinationJid: FRIEND.lid, message: { pollCreationMessageV3: { name: "?" } } },
    messageContextInfo: { messageSecret: Buffer.alloc(32, 1) },
  })!;
  assert.equal(message?.messageContextInfo?.messageSecret?.length, 32);
});

Deno.test("Stanzas.messagesOf() gives what the own phone hands on twice once, and nothing that others say it does", () => {
  const handedOn = (...keys: proto.IMessageKey[]): proto.IMessage => ({
    protocolMessage: {
      peerDataOperationRequestResponseMessage: {
        peerDataOperationResult: keys.map((key) => ({
          placeholderMessageResendResponse: {
            webMessageInfoBytes: proto.WebMessageInfo.encode(
              proto.WebMessageInfo.create({ key, message: { conversation: "from an ad" } }),
            ).finish(),
          },
        })),
      },
    },
  });
  const [one, other] = [FRIEND.lid, "3000@lid"].map((remoteJid) => ({
    remoteJid,
    id: "3AB0",
    fromMe: false,
  }));
  const message = encodeWAMessage(handedOn(one!, other!, one!));
  const phone = setUp({ from: "1000:0@lid", category: "peer" });
  const [, ...resent] = phone.stanzas.messagesOf(phone.ciphertexts[0]!, message, ME);
  assert.deepEqual(resent.map(({ key }) => key.remoteJid), [FRIEND.lid, "3000@lid"]);
  const friend = setUp({ from: FRIEND.lid });
  assert.equal(friend.stanzas.messagesOf(friend.ciphertexts[0]!, message, ME).length, 1);
});
