import { strict as assert } from "node:assert";
import pino from "pino";
import { Announcer } from "../../../src/announcer.ts";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { Inbound } from "../../../src/whatsapp/inbound/inbound.ts";
import { Receipts } from "../../../src/whatsapp/receipts/receipts.ts";
import { connecting } from "../connecting.ts";
import { type NumberLeases, Sessions } from "../../../src/whatsapp/session/sessions.ts";

const CREATE = { action: "create", numberId: 6, phoneNumber: "221771234567" } as const;

/** Sessions whose every claim goes as told, over a store in memory. */
function sessionsWith(claim: NumberLeases["claim"]) {
  const store = makeStore(Database.inMemory(), () => 1);
  const queues = { sessionEvent: "s", messageReceive: "r", messageStatus: "m", numberHealth: "h" };
  const newId = () => crypto.randomUUID();
  const announcer = new Announcer({
    store,
    queues,
    workerId: "worker-1",
    now: () => 1,
    newId,
    onNews: () => {},
  });
  const sessions = new Sessions({
    store,
    announcer,
    receipts: new Receipts(store, announcer, newId),
    inbound: new Inbound({ store, announcer, include: new Set(), servesMedia: false, newId, now: () => 1 }),
    leases: { claim, forget: () => Promise.resolve("given_up") },
    webUrl: "ws://127.0.0.1:1/ws/chat",
    ...connecting(store, "ws://127.0.0.1:1/ws/chat"),
    maxQrAttempts: 3,
    sessionTimeoutMs: 3_600_000,
    now: () => 1,
    random: () => 0,
    log: pino({ level: "silent" }),
    onCount: () => {},
  });
  return { sessions, store, [Symbol.dispose]: () => store.close() };
}

Deno.test("Sessions.handle() writes down no number that another worker may have", async () => {
  for (const [claim, outcome] of [["refused", "held_elsewhere"], ["pinned", "pinned_elsewhere"]] as const) {
    using test = sessionsWith(async () => {
      assert.deepEqual(await test.store.sessions.all(), [], "a kill now must leave nothing");
      return claim;
    });
    assert.equal(await test.sessions.handle({ command: CREATE, commandId: "c" }), outcome);
    assert.deepEqual(await test.store.sessions.all(), []);
  }
});

Deno.test("Sessions.handle() that is broken off has the command come again, and claims nothing at the next start", async () => {
  using test = sessionsWith(() => Promise.resolve("given_up"));
  assert.equal(await test.sessions.handle({ command: CREATE, commandId: "c" }), "given_up");
  assert.deepEqual(await test.store.sessions.all(), []);
  assert.deepEqual(test.sessions.all(), []);
});

Deno.test("Sessions.handle() has a number that was nobody's forgotten when somebody else was faster", async () => {
  using test = sessionsWith(async (_numberId, { onFree } = {}) => {
    await onFree!();
    assert.deepEqual((await test.store.sessions.all()).map(({ atStart }) => atStart), ["forget"]);
    return "refused";
  });
  assert.equal(await test.sessions.handle({ command: CREATE, commandId: "c" }), "held_elsewhere");
  assert.deepEqual(await test.store.sessions.all(), []);
});
