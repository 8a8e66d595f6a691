import { strict as assert } from "node:assert";
import { join } from "node:path";
import { Database, DATABASE_FILE } from "../../src/store/database.ts";
import { BYTES_OF_SLICE, type SendRecord } from "../../src/store/ledger.ts";
import { prune } from "../../src/store/retention.ts";
import { makeStore } from "../../src/store/store.ts";

const DAY_MS = 24 * 60 * 60_000;
const LIMITS = { mediaKeepMs: 7 * DAY_MS, mediaKeepBytes: 1_000_000 };
const forever = new AbortController().signal;

function startStore(database = Database.inMemory()) {
  const clock = { now: 0 };
  const store = makeStore(database, () => clock.now);
  const count = async (table: string) =>
    Number((await database.selectOne(`SELECT count(*) AS n FROM ${table}`))?.n);
  return { clock, store, database, count, [Symbol.dispose]: () => store.close() };
}

const send = (index: number, fields: Partial<SendRecord> = {}): SendRecord => ({
  numberId: "6",
  fingerprint: `print ${index}`,
  whatsappId: `3EB0${index}`,
  chat: "221779999999@s.whatsapp.net",
  numberIdJson: "6",
  status: "SENT",
  final: true,
  answer: "{}",
  answerId: `answer ${index}`,
  content: new Uint8Array(100),
  ...fields,
});

const received = (index: number) => ({ numberId: "6", chat: "a@s.whatsapp.net", whatsappId: `3EB0${index}` });

Deno.test("prune() forgets sends, received messages and counts of retries after seven days, and none before", async () => {
  using test = startStore();
  const { store, clock } = test;
  for (let day = 0; day < 9; day++) {
    clock.now = day * DAY_MS;
    await store.commit([...store.ledger.recording(send(day)), ...store.received.remembering(received(day))]);
    await store.retryCounts.set("6", `request ${day}`, 1);
    await store.retryCounts.set("6", `request ${day}`, 2);
  }
  await prune(store, LIMITS, 9 * DAY_MS - 1, forever);
  for (let day = 0; day < 9; day++) {
    assert.equal(await store.ledger.find("6", `print ${day}`) !== undefined, day >= 2, `send of day ${day}`);
    assert.equal(await store.received.has(received(day)), day >= 2, `message of day ${day}`);
    const count = await store.retryCounts.get("6", `request ${day}`);
    assert.equal(count, day >= 2 ? 2 : undefined, `retries of day ${day}`);
  }
});

Deno.test("prune() forgets the recipients of a send together with it, a little at a time", async () => {
  using test = startStore();
  const { store, database, clock } = test;
  const address = async (index: number, people: number) => {
    const { numberId, whatsappId } = send(index);
    const members = Array.from({ length: people }, (_, person) => [`${person}@lid`] as const);
    await store.commit([
      ...store.ledger.recording(send(index)),
      ...await store.recipients.addressing({ numberId, whatsappId }, members),
    ]);
  };
  for (let index = 0; index < 3; index++) await address(index, 250);
  clock.now = DAY_MS;
  await address(3, 2);
  const { commit } = database;
  let largest = 0;
  database.commit = async (...args) => {
    const changes = await commit.apply(database, args);
    largest = Math.max(largest, changes);
    return changes;
  };
  await prune(store, LIMITS, 8 * DAY_MS, forever);
  assert.equal(await test.count("send"), 1);
  assert.equal(await test.count("recipient"), 2);
  assert.equal(largest, 100);
});

Deno.test("prune() drops events that expired while there was no broker", async () => {
  using test = startStore();
  const { store } = test;
  const event = { queue: "events", type: "qr_generated", body: "{}" };
  await store.commit([
    ...store.outbox.adding({ ...event, messageId: "qr", expiresAtMs: 1_000 }),
    ...store.outbox.adding({ ...event, messageId: "for good" }),
  ]);
  await prune(store, LIMITS, 2_000, forever);
  test.clock.now = 2_000;
  await prune(store, LIMITS, 2_000, forever);
  assert.equal(await test.count("outbox"), 1);
});

Deno.test("prune() lets everything else have its turn, and ends when it is told to", async () => {
  using test = startStore();
  const { store } = test;
  await store.commit(
    Array.from({ length: 2_000 }, (_, index) => send(index)).flatMap(
      store.ledger.recording.bind(store.ledger),
    ),
  );
  const stopped = new AbortController();
  let turns = 0;
  const ticker = setInterval(() => {
    turns++;
    if (turns === 3) stopped.abort();
  }, 0);
  await prune(store, LIMITS, 8 * DAY_MS, stopped.signal);
  clearInterval(ticker);
  const left = await test.count("send");
  assert.ok(left > 0 && left < 2_000, `${left} are left`);
  await prune(store, LIMITS, 8 * DAY_MS, forever);
  assert.equal(await test.count("send"), 0);
});

Deno.test("boundContent() forgets the oldest contents and no send", async () => {
  using test = startStore();
  const { store, clock } = test;
  for (let index = 0; index < 1_000; index++) {
    clock.now = Math.floor(index / 7);
    await store.commit(store.ledger.recording(send(index)));
  }
  for (const [maxBytes, kept] of [[1e9, 1_000], [30_000, 300], [30_000, 300], [150, 1], [0, 0]] as const) {
    await store.ledger.boundContent(maxBytes, forever);
    assert.equal(await test.count("send"), 1_000);
    assert.equal(await test.count("send WHERE content IS NOT NULL"), kept, `of at most ${maxBytes} bytes`);
    const oldest = await test.database.selectOne(
      "SELECT min(created_at) AS at FROM send WHERE content IS NOT NULL",
    );
    if (kept > 0) assert.equal(oldest?.at, Math.floor((1_000 - kept) / 7));
  }
  const first = await store.ledger.find("6", "print 0");
  assert.deepEqual([first?.status, first?.answerId, first?.content], ["SENT", "answer 0", undefined]);
});

Deno.test("boundContent() adds up what there is from an index alone", async () => {
  using test = startStore();
  const plan = await test.database.select(`EXPLAIN QUERY PLAN ${BYTES_OF_SLICE}`, 0, 1);
  assert.match(String(plan[0]?.detail), /USING COVERING INDEX/);
});

Deno.test("the file does not grow for ever: what was forgotten makes room for what comes", async () => {
  const folder = await Deno.makeTempDir({ prefix: "retention-test-" });
  const database = await Database.open(folder);
  using test = startStore(database);
  const { store, clock } = test;
  const sizes: number[] = [];
  // A week each, of as many sends.
  for (let week = 0; week < 6; week++) {
    clock.now = week * 7 * DAY_MS;
    for (let batch = 0; batch < 20; batch++) {
      const sends = Array.from({ length: 100 }, (_, index) => send(week * 10_000 + batch * 100 + index));
      await store.commit(sends.flatMap((each) => store.ledger.recording(each)));
    }
    await prune(store, LIMITS, clock.now + DAY_MS, forever);
    await database.select("PRAGMA wal_checkpoint(TRUNCATE)");
    sizes.push((await Deno.stat(join(folder, DATABASE_FILE))).size);
  }
  // The second week came before the first was forgotten.
  assert.ok(sizes[5]! <= sizes[1]! * 1.1, sizes.join(", "));
  assert.equal(await test.count("send"), 2_000);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Messages.bound() forgets the oldest messages alone, until the others fit", async () => {
  using test = startStore();
  const { store, clock } = test;
  const message = (index: number) => ({
    numberId: "6",
    whatsappId: `3A${String(index).padStart(4, "0")}`,
    chat: "221779999999@s.whatsapp.net",
    fromMe: false,
    content: new Uint8Array(100),
  });
  for (let index = 0; index < 350; index++) {
    clock.now = index;
    await store.commit(store.messages.keeping(message(index)));
  }
  await store.messages.bound(35_000, forever);
  assert.equal(await test.count("message"), 350, "what fits is left alone");
  await store.messages.bound(10_050, forever);
  assert.equal(await test.count("message"), 100);
  for (const index of [249, 250]) {
    const found = await store.messages.find("6", message(index).whatsappId);
    assert.equal(found.length, index < 250 ? 0 : 1, `message ${index}`);
  }
  await store.messages.prune(300, forever);
  assert.equal(await test.count("message"), 50);
});
