import { strict as assert } from "node:assert";
import { proto, type WAMessage } from "@whiskeysockets/baileys";
import pino from "pino";
import { Announcer } from "../../../src/announcer.ts";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { Identities } from "../../../src/whatsapp/identities.ts";
import { Inbound, type Recipient } from "../../../src/whatsapp/inbound/inbound.ts";

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
    include: new Set(),
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
    take: (message: proto.IMessage) => {
      const key = { remoteJid: "221779999999@s.whatsapp.net", id: "3A01", fromMe: false };
      return inbound.take({ key, messageTimestamp: 1_700_000_000, message } as WAMessage, to);
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
