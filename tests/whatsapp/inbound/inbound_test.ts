import { strict as assert } from "node:assert";
import { proto, type WAMessage, type WAMessageKey } from "@whiskeysockets/baileys";
import pino from "pino";
import { Announcer } from "../../../src/announcer.ts";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { Identities } from "../../../src/whatsapp/identities.ts";
import { Inbound, type Recipient } from "../../../src/whatsapp/inbound/inbound.ts";

const AWA = "221779999999@s.whatsapp.net";
const GROUP = "120363000000000001@g.us";
const { Type } = proto.Message.ProtocolMessage;
const QUEUES = { sessionEvent: "s", messageReceive: "r", messageStatus: "m", numberHealth: "h" };

function setUp() {
  const store = makeStore(Database.inMemory(), Date.now);
  const newId = () => crypto.randomUUID();
  const announcer = new Announcer({
    store,
    queues: QUEUES,
    workerId: "worker-1",
    now: Date.now,
    newId,
    onNews: () => {},
  });
  const inbound = new Inbound({
    store,
    announcer,
    include: new Set(["edits", "from_me"] as const),
    servesMedia: true,
    newId,
    now: Date.now,
  });
  const to: Recipient = {
    session: { numberId: "6", numberIdJson: "6", phoneNumber: "221771234567", atStart: "open" },
    own: { jid: "221771234567:1@s.whatsapp.net", lid: null },
    identities: new Identities({ get: () => ({}) }),
    log: pino({ level: "silent" }),
  };
  return {
    store,
    take: (message: proto.IMessage, key: WAMessageKey = {}) => {
      const from = { remoteJid: AWA, id: "3A01", fromMe: false, ...key };
      return inbound.take({ key: from, messageTimestamp: 1_700_000_000, message } as WAMessage, to);
    },
    told: async () => {
      const rows = await store.outbox.next({ rows: 10, bytes: 1e9 }, []);
      return rows.map(({ body }) => JSON.parse(body));
    },
    [Symbol.dispose]: () => store.close(),
  };
}

Deno.test("Inbound.take() tells of what it cannot read, once, and does not reject: it would come for ever", async () => {
  using test = setUp();
  let message: proto.IMessage = { conversation: "at last" };
  for (let i = 0; i < 100_000; i++) message = { commentMessage: { message } };
  assert.deepEqual(await test.take(message), { type: "UNKNOWN", outcome: "new", hasMedium: false });
  assert.deepEqual(await test.take(message), { type: "UNKNOWN", outcome: "repeated" });
  const [event, ...others] = await test.told();
  assert.deepEqual([event.type, event.body, event.protoName], ["UNKNOWN", "", "commentMessage"]);
  assert.deepEqual(others, []);
  assert.deepEqual(await test.store.messages.find("6", "3A01"), []);
});

Deno.test("Inbound.take() rejects when the disk fails: WhatsApp is not told that the message has arrived", async () => {
  const test = setUp();
  test[Symbol.dispose]();
  await assert.rejects(test.take({ conversation: "salut" }));
});

/** An edit, or the taking back, of a message: as who does it names that. */
const edit = (key: proto.IMessageKey) => ({
  protocolMessage: { type: Type.MESSAGE_EDIT, key, editedMessage: { conversation: "never said" } },
});
const revoke = (key: proto.IMessageKey) => ({ protocolMessage: { type: Type.REVOKE, key } });

Deno.test("Inbound.take() tells of no change to a message by somebody who did not write it", async () => {
  using test = setUp();
  const own = { remoteJid: AWA, id: "MINE", fromMe: true };
  await test.take({ conversation: "by the number" }, own);
  await test.take({ conversation: "by Awa" }, { id: "HERS" });
  const inGroup = { remoteJid: GROUP, participant: AWA };
  const other = { remoteJid: GROUP, participant: "221770000000@s.whatsapp.net" };
  await test.take({ conversation: "to all" }, { ...inGroup, id: "ALL" });
  const before = await test.told();

  const forgeries: [proto.IMessage, WAMessageKey][] = [
    // By what they claim, of messages that nobody knows any more;
    [edit({ id: "GONE", fromMe: false }), {}],
    [revoke({ id: "GONE", fromMe: false }), {}],
    [edit({ id: "GONE", participant: "221771234567@s.whatsapp.net" }), inGroup],
    // and whatever they claim, of those that are known.
    [edit({ id: "MINE", fromMe: true }), {}],
    [revoke({ id: "MINE", fromMe: true }), {}],
    [edit({ id: "ALL", fromMe: true }), other],
    [edit({ id: "ALL", participant: AWA }), other],
    [edit({ id: "HERS", fromMe: true }), own],
  ];
  for (const [index, [message, key]] of forgeries.entries()) {
    assert.equal(await test.take(message, { ...key, id: `FORGED ${index}` }), undefined, `${index}`);
  }
  assert.deepEqual(await test.told(), before);

  const changes: [proto.IMessage, WAMessageKey][] = [
    [edit({ id: "HERS", fromMe: true }), {}],
    [revoke({ id: "HERS", fromMe: true }), {}],
    [edit({ id: "ALL", fromMe: true }), inGroup],
    [edit({ id: "ALL", fromMe: true, participant: AWA }), { ...inGroup, participant: "1@lid" }],
    [edit({ id: "MINE", fromMe: true }), own],
    [revoke({ id: "ALL", participant: AWA }), other],
    [edit({ id: "GONE", fromMe: true }), inGroup],
  ];
  for (const [index, [message, key]] of changes.entries()) {
    assert.equal((await test.take(message, { ...key, id: `CHANGE ${index}` }))?.outcome, "new", `${index}`);
  }
});
