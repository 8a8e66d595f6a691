/** What the pace of a number is kept by: whom it knows, what it has handed over, and what waits. */

import { strict as assert } from "node:assert";
import { DatabaseSync } from "node:sqlite";
import { Database } from "../../src/store/database.ts";
import type { SendRecord } from "../../src/store/ledger.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";
import { pace } from "../../src/store/migrations/0013_pace.ts";
import { prune } from "../../src/store/retention.ts";
import { makeStore } from "../../src/store/store.ts";

const DAY_MS = 24 * 60 * 60_000;
const forever = new AbortController().signal;
const [FRIEND, STRANGER] = ["221779999999@s.whatsapp.net", "221778888888@s.whatsapp.net"] as const;

function startStore() {
  const clock = { now: 1_733_396_400_000 };
  const database = Database.inMemory();
  const store = makeStore(database, () => clock.now);
  return { clock, store, [Symbol.dispose]: () => store.close() };
}

const send = (index: number, fields: Partial<SendRecord> = {}): SendRecord => ({
  numberId: "6",
  fingerprint: `print ${index}`,
  whatsappId: `3EB0${index}`,
  chat: FRIEND,
  numberIdJson: "6",
  status: "PENDING",
  final: false,
  ...fields,
});

Deno.test("The migration knows whom a number was in touch with, and that what is linked is not new", () => {
  const sqlite = new DatabaseSync(":memory:");
  for (const sql of MIGRATIONS.slice(0, MIGRATIONS.indexOf(pace))) sqlite.exec(sql);
  const sending = sqlite.prepare(
    "INSERT INTO send (number_id, fingerprint, whatsapp_id, chat, number_id_json, status, created_at) VALUES ('6', ?, ?, ?, '6', ?, 1)",
  );
  for (
    const [index, [chat, status]] of [
      [FRIEND, "READ"],
      ["111@s.whatsapp.net", "FAILED"],
      ["222@s.whatsapp.net", "PENDING"],
      ["120363000000000001@g.us", "SENT"],
    ].entries()
  ) sending.run(`print ${index}`, `id ${index}`, chat!, status!);
  const receiving = sqlite.prepare("INSERT INTO received VALUES ('6', ?, ?, 1)");
  for (const chat of ["123456789@lid", FRIEND, "120363000000000001@g.us", "status@broadcast"]) {
    receiving.run(chat, `id of ${chat}`);
  }
  const credential = sqlite.prepare("INSERT INTO credential VALUES (?, 'creds', '', ?)");
  credential.run("6", '{"me":{"id":"221771234567:1@s.whatsapp.net"}}');
  credential.run("7", '{"me":null}');
  credential.run("8", '{"me":{"id');

  sqlite.exec(pace);
  const rows = (sql: string) => sqlite.prepare(sql).all().map((row) => Object.values(row));
  assert.deepEqual(rows("SELECT * FROM contact ORDER BY jid"), [["6", "123456789@lid"], ["6", FRIEND]]);
  assert.deepEqual(rows("SELECT * FROM linked"), [["6", 0]]);
  sqlite.close();
});

Deno.test("Contacts are those who have got a message or have written one, under every name they were met by", async () => {
  using test = startStore();
  const { store } = test;
  const knows = (...jids: string[]) => store.contacts.knows("6", jids);
  for (const status of ["PENDING", "FAILED"] as const) {
    await store.commit(store.ledger.recording(send(1, { status })));
    assert.equal(await knows(FRIEND), false, status);
  }
  await store.commit(store.ledger.recording(send(1, { status: "SENT" })));
  assert.equal(await knows(FRIEND), true);
  assert.equal(await store.contacts.knows("7", [FRIEND]), false);
  await store.commit(store.contacts.meeting("6", ["123@lid", "120363000000000001@g.us", "status@broadcast"]));
  assert.deepEqual(
    await Promise.all([knows(STRANGER), knows(STRANGER, "123@lid"), knows("120363000000000001@g.us")]),
    [false, true, false],
  );
});

Deno.test("Handovers are counted back from the latest, within a span, and forgotten after two days", async () => {
  using test = startStore();
  const { clock, store } = test;
  const first = clock.now;
  for (let index = 0; index < 250; index++, clock.now += 1_000) {
    await store.commit(store.handovers.counting(send(index), index % 100 === 0));
  }
  const { handovers } = store;
  const span = { fromMs: first, toMs: clock.now };
  assert.equal(await handovers.nthLatest("6", 1, span), first + 249_000);
  assert.equal(await handovers.nthLatest("6", 250, span), first);
  assert.equal(await handovers.nthLatest("6", 251, span), undefined);
  assert.equal(await handovers.nthLatest("6", 1, { ...span, toMs: first + 500 }), first);
  assert.equal(await handovers.nthLatest("7", 1, span), undefined);
  assert.equal(await handovers.latestToNew("6", span), first + 200_000);
  assert.equal(await handovers.latestToNew("6", { ...span, fromMs: first + 200_001 }), undefined);

  await store.commit(store.handovers.counting(send(1, { numberId: "7" }), false));
  await prune(store, { mediaKeepMs: 0, mediaKeepBytes: 0 }, first + 2 * DAY_MS + 240_000, forever);
  assert.equal(await handovers.nthLatest("6", 10, span), first + 240_000);
  assert.equal(await handovers.nthLatest("6", 11, span), undefined);
  assert.equal(await handovers.nthLatest("7", 1, span), clock.now);
});

Deno.test("A number is as old as its first login, until it is forgotten with all its pace", async () => {
  using test = startStore();
  const { clock, store } = test;
  assert.equal(await store.handovers.linkedSince("6"), 0);
  const linkedAt = clock.now;
  await store.commit(store.handovers.linking("6"));
  clock.now += DAY_MS;
  const key = { ...send(1), priority: 0, expiresAtMs: clock.now + DAY_MS };
  await store.commit([
    ...store.handovers.linking("6"),
    ...store.handovers.counting(send(1), true),
    ...store.contacts.meeting("6", [FRIEND]),
    ...store.parked.parking(key),
  ]);
  await store.vitals.noteRestriction("6", clock.now + DAY_MS);
  assert.equal(await store.handovers.linkedSince("6"), linkedAt);
  await store.commit(store.credentials.forgetting("6"));
  const span = { fromMs: 0, toMs: Infinity };
  assert.deepEqual(
    await Promise.all([
      store.handovers.linkedSince("6"),
      store.handovers.nthLatest("6", 1, span),
      store.contacts.knows("6", [FRIEND]),
      store.parked.since(key),
      store.vitals.read("6").then(({ restrictedUntilMs }) => restrictedUntilMs),
    ]),
    [0, undefined, false, undefined, undefined],
  );
});

Deno.test("Parked sends keep their order, the urgent ones before the others, until they are recorded", async () => {
  using test = startStore();
  const { clock, store } = test;
  const keyOf = (index: number, priority = 0) => ({
    numberId: "6",
    fingerprint: `print ${index}`,
    priority,
    expiresAtMs: clock.now + DAY_MS,
  });
  const park = (index: number, priority?: number) =>
    store.commit(store.parked.parking(keyOf(index, priority)));
  const behind = (index: number, priority?: number) => store.parked.isBehind(keyOf(index, priority));
  await park(1);
  await park(2);
  await park(3, 2);
  // They come back, and are parked again.
  clock.now += 30_000;
  await park(1);
  await park(2);
  assert.deepEqual([await behind(1), await behind(2), await behind(3, 2)], [false, true, false]);
  assert.deepEqual([await behind(4), await behind(4, 2), await behind(4, 1)], [true, true, true]);
  assert.equal(await store.parked.since(keyOf(1)), clock.now - 30_000);
  assert.deepEqual([...await store.parked.counts()], [["6", 3]]);

  await store.commit(store.ledger.recording(send(1)));
  await store.commit(store.ledger.recording(send(3, { status: "FAILED" })));
  assert.deepEqual([await behind(2), await behind(4)], [false, true]);
  // Of one that has not come back for a quarter of an hour somebody has taken care.
  clock.now += 15 * 60_000 + 1;
  assert.equal(await behind(4), false);
  await park(2);
  assert.equal(await behind(4), true);
  clock.now += DAY_MS;
  assert.deepEqual([await behind(4), [...await store.parked.counts()]], [false, []]);
});

Deno.test("Sends that were parked when the worker stopped are waited for after any time", async () => {
  const database = Database.inMemory();
  let now = 1_733_396_400_000;
  const before = makeStore(database, () => now);
  const key = { numberId: "6", fingerprint: "print 1", priority: 0, expiresAtMs: now + DAY_MS };
  await before.commit(before.parked.parking(key));
  now += DAY_MS / 2;
  const after = makeStore(database, () => now);
  assert.equal(await after.parked.isBehind({ ...key, fingerprint: "print 2" }), true);
  after.close();
});
