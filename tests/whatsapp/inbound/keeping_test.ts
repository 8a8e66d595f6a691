import { strict as assert } from "node:assert";
import { proto, type WAMessage, type WAMessageKey } from "@whiskeysockets/baileys";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { contentOf } from "../../../src/whatsapp/inbound/content.ts";
import { keeping } from "../../../src/whatsapp/inbound/keeping.ts";

const AWA = "221779999999@s.whatsapp.net";
const GROUP = "120363000000000001@g.us";
const { Type } = proto.Message.ProtocolMessage;

/** Nobody has two names here. */
const identities = { isSame: (one: string, other: string) => Promise.resolve(one === other) };

function setUp() {
  const database = Database.inMemory();
  const store = makeStore(database, Date.now);
  return {
    store,
    take: async (key: WAMessageKey, message: proto.IMessage) => {
      const content = contentOf(message)!;
      const whole = { key: { id: "3A01", fromMe: false, ...key }, message } as WAMessage;
      const statements = await keeping(whole, content, { store, numberId: "6", identities });
      await store.commit(statements);
      return statements.length;
    },
    kept: async (whatsappId = "3A01") => {
      const found = await store.messages.find("6", whatsappId);
      return found.map(({ content }) => proto.Message.decode(content).toJSON());
    },
    [Symbol.dispose]: () => store.close(),
  };
}

const edit = (editedMessage: proto.IMessage, key: proto.IMessageKey = {}) => ({
  protocolMessage: { type: Type.MESSAGE_EDIT, key: { id: "3A01", fromMe: true, ...key }, editedMessage },
});
const revoke = (key: proto.IMessageKey = {}) => ({
  protocolMessage: { type: Type.REVOKE, key: { id: "3A01", fromMe: true, ...key } },
});

Deno.test("keeping() keeps a message once, without the key that came with it, and nothing that is said about one", async () => {
  using test = setUp();
  const message = { senderKeyDistributionMessage: { groupId: GROUP }, conversation: "salut" };
  assert.equal(await test.take({ remoteJid: AWA }, message), 1);
  assert.equal(await test.take({ remoteJid: AWA }, message), 0);
  assert.deepEqual(await test.kept(), [{ conversation: "salut" }]);
  const key = { id: "3A01", remoteJid: AWA };
  for (
    const [index, about] of [
      { reactionMessage: { key, text: "👍" } },
      { pollUpdateMessage: { pollCreationMessageKey: key } },
      { pinInChatMessage: { key, type: 1 } },
      { encEventResponseMessage: { eventCreationMessageKey: key } },
    ].entries()
  ) {
    assert.equal(await test.take({ remoteJid: AWA, id: `3B0${index}` }, about), 0);
  }
});

Deno.test("keeping() names a chat by number when it is known, and an author as the chat does", async () => {
  using test = setUp();
  await test.take({ remoteJid: "1@lid", remoteJidAlt: AWA }, { conversation: "salut" });
  await test.take({ remoteJid: GROUP, participant: "1@lid", participantAlt: AWA }, {
    conversation: "à tous",
  });
  const found = await test.store.messages.find("6", "3A01");
  assert.deepEqual(found.map(({ chat, author, fromMe }) => [chat, author, fromMe]), [
    [GROUP, "1@lid", false],
    [AWA, "1@lid", false],
  ]);
});

Deno.test("keeping() gives a message its latest text, in its wrapper, with its secret and its medium", async () => {
  const secret = { messageContextInfo: { messageSecret: new Uint8Array(32) } };
  const spoken = { messageContextInfo: { messageSecret: "A".repeat(43) + "=" } };
  const image = { caption: "avant", directPath: "/v/1" };
  for (
    const [message, edited, expected] of [
      [{ conversation: "avant" }, { conversation: "après" }, { conversation: "après" }],
      [
        { extendedTextMessage: { text: "avant", contextInfo: { stanzaId: "Q" } } },
        { conversation: "après" },
        { extendedTextMessage: { text: "après", contextInfo: { stanzaId: "Q" } } },
      ],
      [
        { conversation: "avant" },
        { extendedTextMessage: { text: "après" } },
        { extendedTextMessage: { text: "après" } },
      ],
      [
        { ephemeralMessage: { message: { extendedTextMessage: { text: "avant" } } } },
        { extendedTextMessage: { text: "après" } },
        { ephemeralMessage: { message: { extendedTextMessage: { text: "après" } } } },
      ],
      [
        { imageMessage: image },
        { imageMessage: { caption: "après" } },
        { imageMessage: { ...image, caption: "après" } },
      ],
    ]
  ) {
    using test = setUp();
    await test.take({ remoteJid: AWA }, { ...message, ...secret } as proto.IMessage);
    assert.equal(await test.take({ remoteJid: AWA, id: "3A02" }, edit(edited as proto.IMessage)), 1);
    const strip = (value: unknown) =>
      JSON.parse(JSON.stringify(value, (_, v) => Array.isArray(v) && v.length === 0 ? undefined : v));
    assert.deepEqual((await test.kept()).map(strip), [{ ...expected, ...spoken }]);
    // The same edit once more changes nothing.
    assert.equal(await test.take({ remoteJid: AWA, id: "3A02" }, edit(edited as proto.IMessage)), 0);
  }
});

Deno.test("keeping() forgets what its author, or an administrator, has taken back, and lets nobody else change it", async () => {
  using test = setUp();
  const author = { remoteJid: GROUP, participant: AWA };
  const other = { remoteJid: GROUP, participant: "221770000000@s.whatsapp.net" };
  await test.take(author, { conversation: "à tous" });
  const forged = edit({ conversation: "faux" }, { fromMe: false, participant: AWA });
  assert.equal(await test.take({ ...other, id: "3A02" }, forged), 0);
  assert.deepEqual(await test.kept(), [{ conversation: "à tous" }]);
  const elsewhere = { remoteJid: "120363000000000002@g.us", participant: AWA };
  assert.equal(await test.take({ ...elsewhere, id: "3A03" }, revoke()), 0);
  assert.equal(await test.take({ ...other, id: "3A04" }, revoke({ fromMe: false, participant: AWA })), 1);
  assert.deepEqual(await test.kept(), []);

  await test.take({ remoteJid: AWA, fromMe: true }, { conversation: "de moi" });
  assert.equal(await test.take({ remoteJid: AWA, id: "3A05" }, revoke({ fromMe: false })), 0);
  assert.equal(await test.take({ remoteJid: AWA, id: "3A06", fromMe: true }, revoke()), 1);
  assert.equal(await test.take({ remoteJid: AWA, id: "3A07" }, revoke({ id: "3A99" })), 0);
});

Deno.test("keeping() keeps nothing that is larger than what people write, nor lets anything become so", async () => {
  using test = setUp();
  const large = { conversation: "x".repeat(600 * 1024) };
  assert.equal(await test.take({ remoteJid: AWA }, large), 0);
  assert.equal(await test.take({ remoteJid: AWA }, { conversation: "👋".repeat(32 * 1024) }), 1);
  assert.equal(await test.take({ remoteJid: AWA, id: "3A02" }, edit(large)), 0);
});
