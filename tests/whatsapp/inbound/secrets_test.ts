import { strict as assert } from "node:assert";
import { randomBytes } from "node:crypto";
import { proto } from "@whiskeysockets/baileys";
import pino from "pino";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { Identities } from "../../../src/whatsapp/identities.ts";
import { contentOf } from "../../../src/whatsapp/inbound/content.ts";
import { unsealed } from "../../../src/whatsapp/inbound/secrets.ts";
import { vote } from "../../stand_in/secrets.ts";

const OWN = { jid: "221771234567:3@s.whatsapp.net", lid: "90000000000001@lid" };
const OWN_NAMES = ["221771234567@s.whatsapp.net", OWN.lid];
const AWA = ["221779999999@s.whatsapp.net", "80000000000001@lid"] as const;
const GROUP = "120363000000000001@g.us";
const POLL_ID = "3EB0C431C26A1916E07E";
const SECRET = randomBytes(32);
const POLL: proto.IMessage = {
  messageContextInfo: { messageSecret: SECRET },
  pollCreationMessageV3: { name: "?", options: [{ optionName: "oui" }, { optionName: "non" }] },
};

/** What was sent from here and what came in, of a number that knows Awa by both names. */
async function setUp(
  { sent, received }: { sent?: [chat: string, proto.IMessage]; received?: [string, proto.IMessage] },
) {
  const store = makeStore(Database.inMemory(), Date.now);
  const encode = (message: proto.IMessage) => proto.Message.encode(proto.Message.create(message)).finish();
  if (sent) {
    await store.commit(store.ledger.recording({
      numberId: "6",
      numberIdJson: "6",
      fingerprint: "f",
      whatsappId: POLL_ID,
      chat: sent[0],
      status: "SENT",
      final: true,
      content: encode(sent[1]),
    }));
  }
  if (received) {
    const [chat, message] = received;
    const content = encode(message);
    await store.commit(store.messages.keeping({
      numberId: "6",
      whatsappId: POLL_ID,
      chat,
      fromMe: false,
      author: chat === GROUP ? AWA[0] : undefined,
      content,
    }));
  }
  const identities = new Identities({
    get: (_type, ids) => {
      const known: Record<string, string> = {
        "221779999999": "80000000000001",
        "80000000000001_reverse": "221779999999",
      };
      return Object.fromEntries(ids.filter((id) => id in known).map((id) => [id, known[id]])) as never;
    },
  });
  return {
    options: async (message: proto.IMessage, key: proto.IMessageKey) => {
      const log = pino({ level: "silent" });
      const opened = await unsealed(contentOf(message)!, key, {
        store,
        numberId: "6",
        own: OWN,
        identities,
        log,
      });
      return (opened.fields!.pollVote as { options: unknown }).options;
    },
    [Symbol.dispose]: () => store.close(),
  };
}

for (const chat of [AWA[0], AWA[1], GROUP]) {
  for (const author of OWN_NAMES) {
    for (const voter of AWA) {
      Deno.test(`unsealed() opens a vote of ${voter} in a poll sent to ${chat} as ${author}`, async () => {
        using test = await setUp({ sent: [chat, POLL] });
        const key = chat === GROUP
          ? { remoteJid: GROUP, participant: AWA[1], fromMe: false }
          : { remoteJid: AWA[1], fromMe: false };
        const target = { remoteJid: key.remoteJid, fromMe: true, id: POLL_ID };
        const about = { id: POLL_ID, author, secret: SECRET };
        assert.deepEqual(await test.options(vote(target, ["non"], about, voter), key), ["non"]);
      });
    }
  }
}

for (const author of AWA) {
  for (const wrapped of [false, true]) {
    Deno.test(`unsealed() opens the owner's vote in a poll of ${author}${wrapped ? " in a wrapper" : ""}`, async () => {
      const poll = wrapped ? { ephemeralMessage: { message: POLL } } : POLL;
      using test = await setUp({ received: [AWA[0], poll] });
      const key = { remoteJid: AWA[1], fromMe: true };
      const target = { remoteJid: AWA[1], fromMe: false, id: POLL_ID };
      const about = { id: POLL_ID, author, secret: SECRET };
      for (const voter of OWN_NAMES) {
        assert.deepEqual(await test.options(vote(target, ["oui"], about, voter), key), ["oui"]);
      }
    });
  }
}

Deno.test("unsealed() opens nothing with the secret of another chat, of a stranger, or of what is no poll", async () => {
  using test = await setUp({ sent: [AWA[0], POLL] });
  const about = { id: POLL_ID, author: OWN.lid, secret: SECRET };
  const message = (voter: string) =>
    vote({ remoteJid: AWA[1], fromMe: true, id: POLL_ID }, ["oui"], about, voter);
  const stranger = "70000000000001@lid";
  assert.equal(await test.options(message(AWA[1]), { remoteJid: stranger, fromMe: false }), null);
  assert.equal(await test.options(message(stranger), { remoteJid: AWA[1], fromMe: false }), null);
  using other = await setUp({
    sent: [AWA[0], { conversation: "?", messageContextInfo: { messageSecret: SECRET } }],
  });
  assert.equal(await other.options(message(AWA[1]), { remoteJid: AWA[1], fromMe: false }), null);
});
