import { strict as assert } from "node:assert";
import { Announcer, type EventOptions } from "../../src/announcer.ts";
import { PublishFailed } from "../../src/broker/publishing.ts";
import { Reporter } from "../../src/health/reporter.ts";
import { makeLog } from "../../src/log.ts";
import { Database } from "../../src/store/database.ts";
import type { OutboxMessage } from "../../src/store/outbox.ts";
import { makeStore } from "../../src/store/store.ts";
import type { Session } from "../../src/whatsapp/session/session.ts";

const HOUR_MS = 60 * 60_000;
const STATUS_INTERVAL_MS = 30_000;
const HEALTH_INTERVAL_MS = 60_000;
const NUMBERS = 298;

/** A reporter over a store, with nobody who would publish anything. */
function startReporter() {
  const clock = { now: 0 };
  const database = Database.inMemory();
  const store = makeStore(database, () => clock.now);
  const logged: string[] = [];
  const publishedNow: OutboxMessage[] = [];
  let id = 0;
  const announcer = new Announcer({
    store,
    queues: {
      sessionEvent: "events",
      messageReceive: "messages",
      messageStatus: "statuses",
      numberHealth: "health",
    },
    workerId: "worker-1",
    now: () => clock.now,
    newId: () => String(++id),
    onNews: () => {},
  });
  const sessions = Array.from({ length: NUMBERS }, (_, index) => {
    const record = {
      numberId: String(index),
      numberIdJson: String(index),
      phoneNumber: "221771234567",
      atStart: "open",
    } as const;
    const tellingHealth = (options: EventOptions) => announcer.health(record, { status: "HEALTHY" }, options);
    return { record, tellingHealth };
  }) as unknown as Session[];
  const reporter = new Reporter({
    announcer,
    publishNow: (message) => {
      if (publishedNow.length > 0) return Promise.reject(new PublishFailed("No broker"));
      publishedNow.push(message);
      return Promise.resolve();
    },
    sessions: () => sessions,
    workerStatus: () => Promise.resolve({ uptime: clock.now }),
    statusIntervalMs: STATUS_INTERVAL_MS,
    healthIntervalMs: HEALTH_INTERVAL_MS,
    now: () => clock.now,
    log: makeLog({
      level: "info",
      pretty: false,
      workerId: "worker-1",
      destination: { write: (line: string) => void logged.push(line) },
    }),
  });
  return {
    clock,
    database,
    store,
    announcer,
    reporter,
    logged,
    publishedNow,
    [Symbol.dispose]: () => store.close(),
  };
}

Deno.test("Ten hours without a broker put no 180,000 stale reports before a message", async () => {
  using test = startReporter();
  const { clock, store, announcer, reporter } = test;
  const message = (id: string) => announcer.commit(announcer.received({ messageId: id }, { messageId: id }));
  let reports = 0;
  let deepest = 0;
  await message("first");
  for (; clock.now < 10 * HOUR_MS; clock.now += STATUS_INTERVAL_MS) {
    await reporter.reportWorker();
    reports++;
    if (clock.now % HEALTH_INTERVAL_MS === 0) {
      await reporter.reportNumbers();
      reports += NUMBERS;
    }
    deepest = Math.max(deepest, (await store.outbox.depth()).depth);
  }
  await message("last");
  assert.equal(reports, 180_000);
  assert.equal(deepest, 1 + 1 + NUMBERS);
  assert.deepEqual(await store.outbox.depth(), { depth: 2 + 1 + NUMBERS, oldestAtMs: 0 });
  const waiting = await store.outbox.next({ rows: 1_000, bytes: 1e9 }, []);
  assert.equal(waiting[0]?.messageId, "first");
  assert.equal(waiting.at(-1)?.messageId, "last");
  // Another ten minutes, and none of the reports is worth sending.
  clock.now += HOUR_MS / 6;
  const worthIt = await store.outbox.next({ rows: 1_000, bytes: 1e9 }, []);
  assert.deepEqual(worthIt.map(({ messageId }) => messageId), ["first", "last"]);
});

Deno.test("A worker that cannot write down how it is says so past its outbox, and waits for nothing", async () => {
  using test = startReporter();
  const { database, reporter, publishedNow } = test;
  const [page] = await database.select("PRAGMA page_count");
  await database.select(`PRAGMA max_page_count=${page?.page_count}`);
  const large = { sql: "INSERT INTO setting VALUES ('large', ?)", parameters: ["x".repeat(1e6)] };
  const waiting = database.commit([large]);
  const run = new AbortController();
  const reporting = reporter.run(run.signal);
  await reporter.reportWorker().catch((error) => assert.ok(error instanceof PublishFailed));
  await reporter.reportNumbers().catch((error) => assert.equal(error.code, "state_unusable"));
  assert.equal(publishedNow.length, 1);
  assert.deepEqual(JSON.parse(publishedNow[0]!.body).data, { uptime: 0 });
  run.abort();
  await reporting;
  assert.deepEqual(test.logged, []);
  database.room.end();
  await assert.rejects(waiting);
});
