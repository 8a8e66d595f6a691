import { strict as assert } from "node:assert";
import pino from "pino";
import { Announcer } from "../../src/announcer.ts";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import { hardenBaileys } from "../../src/whatsapp/hardening.ts";
import { Inbound } from "../../src/whatsapp/inbound/inbound.ts";
import { Receipts } from "../../src/whatsapp/receipts.ts";
import { Session } from "../../src/whatsapp/session.ts";
import { connecting } from "./connecting.ts";
import { clearBaileysTimers } from "../baileys_timers.ts";
import type { StandIn } from "../stand_in/stand_in.ts";
import { startStandIn } from "../stand_in/stand_in.ts";

/** A session on a stand-in, over a store in memory, and the actions of the events it has told. */
function sessionOn(standIn: StandIn) {
  hardenBaileys(standIn.rootKeyHex);
  const database = Database.inMemory();
  const store = makeStore(database, Date.now);
  const newId = () => crypto.randomUUID();
  let news = Promise.withResolvers<void>();
  const queues = { sessionEvent: "s", messageReceive: "r", messageStatus: "m", numberHealth: "h" };
  const announcer = new Announcer({
    store,
    queues,
    workerId: "worker-1",
    now: Date.now,
    newId,
    onNews: () => {
      news.resolve();
      news = Promise.withResolvers();
    },
  });
  let ended = 0;
  const session = new Session({
    numberId: "6",
    numberIdJson: "6",
    phoneNumber: "221771234567",
    atStart: "open",
  }, {
    store,
    announcer,
    receipts: new Receipts(store, announcer, newId),
    inbound: new Inbound({ store, announcer, include: new Set(), now: Date.now }),
    webUrl: standIn.url,
    ...connecting(store, standIn.url),
    maxQrAttempts: 3,
    sessionTimeoutMs: 3_600_000,
    now: Date.now,
    random: () => 0,
    log: pino({ level: "silent" }),
    onEnded: () => void ended++,
  });
  const told = async () => {
    const rows = await database.select("SELECT type FROM outbox WHERE queue = 's' ORDER BY position");
    return rows.map(({ type }) => String(type));
  };
  return {
    session,
    told,
    ended: () => ended,
    until: async (action: string, count = 1) => {
      while ((await told()).filter((type) => type === action).length < count) await news.promise;
    },
    [Symbol.asyncDispose]: async () => {
      await session.shutDown();
      clearBaileysTimers();
      store.close();
    },
  };
}

Deno.test("Session.open() leaves one socket, however many ask for it at once", async () => {
  await using standIn = await startStandIn();
  await using test = sessionOn(standIn);
  const { session } = test;
  await Promise.all([
    session.open(),
    session.open(),
    session.close("command"),
    session.open(),
    session.open(),
  ]);
  await test.until("qr_generated");
  assert.equal(session.state, "awaiting_scan");
  assert.equal(standIn.clients.length, 1);
  assert.deepEqual(await test.told(), ["qr_generated"], "what was overtaken has said nothing");
});

Deno.test("Session.close() wins over a reconnect that waits for its pause", async () => {
  await using standIn = await startStandIn();
  standIn.faults.refuseUpgrade(503);
  await using test = sessionOn(standIn);
  await test.session.open();
  await test.until("disconnected");
  standIn.faults.refuseUpgrade(null);
  await test.session.close("command");
  assert.equal(test.session.state, "closed");
  assert.deepEqual(await test.told(), ["disconnected", "closed"]);
  assert.deepEqual(standIn.clients, []);
});

Deno.test("Session.shutDown() says nothing, and nothing happens after it", async () => {
  await using standIn = await startStandIn();
  await using test = sessionOn(standIn);
  await test.session.open();
  await test.until("qr_generated");
  await test.session.shutDown();
  assert.deepEqual(await test.told(), ["qr_generated"]);
});

Deno.test("Session.logOut() tells one end of a session, and ends it once", async () => {
  await using standIn = await startStandIn();
  await using test = sessionOn(standIn);
  await test.session.open();
  await test.until("qr_generated");
  await Promise.all([test.session.logOut(), test.session.open()]);
  if (test.session.state !== "ended") await test.session.logOut();
  assert.equal((await test.told()).filter((type) => type === "logged_out").length, 1);
  assert.equal(test.ended(), 1);
});
