import { strict as assert } from "node:assert";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import type { OutboxMessage } from "../../src/store/outbox.ts";

const message = (messageId: string, fields: Partial<OutboxMessage> = {}): OutboxMessage => ({
  queue: "events",
  messageId,
  type: "connected",
  body: "{}",
  ...fields,
});

function startStore() {
  const clock = { now: 1_000 };
  const store = makeStore(Database.inMemory(), () => clock.now);
  const ids = async (limit = 10, except: string[] = []) =>
    (await store.outbox.next({ rows: limit, bytes: 1e6 }, except)).map(({ messageId }) => messageId);
  const add = async (...messages: OutboxMessage[]) => {
    for (const each of messages) await store.commit(store.outbox.adding(each));
  };
  return { store, clock, ids, add, [Symbol.dispose]: () => store.close() };
}

Deno.test("next() gives what waits in its order, whole, until it is removed", async () => {
  using test = startStore();
  const { outbox } = test.store;
  await test.add(message("a", { correlationId: "c", body: '{"é":1}', expiresAtMs: 9_000 }), message("b"));
  const [first, second] = await outbox.next({ rows: 10, bytes: 1e6 }, []);
  assert.deepEqual(
    { ...first, position: 0 },
    {
      position: 0,
      addedAtMs: 1_000,
      queue: "events",
      messageId: "a",
      type: "connected",
      correlationId: "c",
      body: '{"é":1}',
      collapseKey: undefined,
      expiresAtMs: 9_000,
    },
  );
  assert.ok(second!.position > first!.position);
  await outbox.remove([first!.position]);
  assert.deepEqual(await test.ids(), ["b"]);
  // A position is never given twice: a late removal cannot hit something new.
  await outbox.remove([second!.position]);
  await test.add(message("c"));
  assert.ok((await outbox.next({ rows: 1, bytes: 1e6 }, []))[0]!.position > second!.position);
});

Deno.test("next() passes over queues that are held back", async () => {
  using test = startStore();
  await test.add(
    message("a", { queue: "gone" }),
    message("b"),
    message("c", { queue: "gone" }),
    message("d"),
  );
  assert.deepEqual(await test.ids(10, ["gone"]), ["b", "d"]);
  assert.deepEqual(await test.ids(2), ["a", "b"]);
});

Deno.test("next() drops what has expired", async () => {
  using test = startStore();
  await test.add(message("qr", { expiresAtMs: 2_000 }), message("for good"));
  assert.deepEqual(await test.ids(), ["qr", "for good"]);
  test.clock.now = 2_000;
  assert.deepEqual(await test.ids(), ["for good"]);
  assert.deepEqual(await test.store.outbox.depth(), { depth: 1, oldestAtMs: 1_000 });
});

Deno.test("adding() replaces what waits under the same key, at the end", async () => {
  using test = startStore();
  await test.add(
    message("status 1", { collapseKey: "worker_status" }),
    message("between"),
    message("other", { collapseKey: "health 6" }),
    message("status 2", { collapseKey: "worker_status" }),
  );
  assert.deepEqual(await test.ids(), ["between", "other", "status 2"]);
});

Deno.test("next() stays fast behind ten hours of what cannot leave", async () => {
  using test = startStore();
  const rows = Array.from({ length: 50_000 }, (_, index) => message(`m${index}`, { queue: "gone" }));
  await test.store.commit(rows.flatMap((row) => test.store.outbox.adding(row)));
  await test.add(message("last"));
  const startedAt = performance.now();
  for (let i = 0; i < 20; i++) assert.deepEqual(await test.ids(50, ["gone"]), ["last"]);
  for (let i = 0; i < 20; i++) assert.equal((await test.ids(50)).length, 50);
  assert.ok(performance.now() - startedAt < 4_000, `${performance.now() - startedAt} ms`);
});

Deno.test("an event is durable together with the change it reports, or not at all", async () => {
  using test = startStore();
  const { store } = test;
  const key = { numberId: "6", chat: "a@s.whatsapp.net", whatsappId: "3EB0" };
  const arrival = () => [...store.received.remembering(key), ...store.outbox.adding(message("m"))];
  await store.commit(arrival());
  await assert.rejects(store.commit(arrival()), /UNIQUE/);
  assert.deepEqual(await test.ids(), ["m"]);
  assert.equal(await store.received.has(key), true);
});
