import { strict as assert } from "node:assert";
import type { ConsumeMessage } from "amqplib";
import { OutboxPublisher } from "../../src/broker/outbox_publisher.ts";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import type { OutboxMessage } from "../../src/store/outbox.ts";
import { startBroker } from "../rabbitmq/broker.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { lookOn, queueExists, startBridge, timed, until } from "./bridge.ts";

const broker = await sharedBroker();

/** An outbox that is published, and a listener on its queues. */
async function startOutbox(
  options: { url?: string; through?: number; contentType?: string; start?: boolean } = {},
) {
  const url = options.url ?? await broker.vhost();
  const own = new URL(url);
  if (options.through !== undefined) own.port = String(options.through);
  const onlooker = await lookOn(url);
  const bridge = await startBridge({ url: own.href, prepare: () => Promise.resolve() });
  const clock = { now: Date.now };
  const store = makeStore(Database.inMemory(), () => clock.now());
  const publisher = new OutboxPublisher({
    outbox: store.outbox,
    deadLetterQueue: "dead",
    contentType: options.contentType ?? "application/json",
    workerId: "worker-1",
    now: () => clock.now(),
    log: bridge.log,
  });
  const start = () => bridge.keep("outbox", publisher.role);
  if (options.start !== false) start();
  const add = async (...messages: (Partial<OutboxMessage> & { messageId: string })[]) => {
    await store.commit(
      messages.flatMap((message) =>
        store.outbox.adding({ queue: "events", type: "connected", body: "{}", ...message })
      ),
    );
    publisher.wake();
  };
  const received: ConsumeMessage[] = [];
  const listen = async (queue: string) => {
    await onlooker.channel.assertQueue(queue, { durable: true });
    await onlooker.channel.consume(queue, (message) => {
      if (message) received.push(message);
    }, { noAck: true });
  };
  return {
    url,
    onlooker,
    bridge,
    store,
    clock,
    publisher,
    start,
    add,
    listen,
    received,
    ids: () => received.map(({ properties }) => String(properties.messageId)),
    depth: async () => (await store.outbox.depth()).depth,
    [Symbol.asyncDispose]: async () => {
      await bridge[Symbol.asyncDispose]();
      await onlooker[Symbol.asyncDispose]();
      store.close();
    },
  };
}

const series = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => ({ messageId: `${prefix}${index}` }));

Deno.test("role() publishes in order, with the properties of the contract, and empties the outbox", async () => {
  await using test = await startOutbox({ contentType: "text/plain" });
  await test.listen("events");
  const events = series("m", 120).map((event, index) => ({ ...event, body: `{"n":${index}}` }));
  await test.add(...events, { messageId: "answer", correlationId: "c-1", type: "error", body: '{"é":"ß"}' });
  await until(() => test.received.length === 121, { describe: "all" });
  assert.deepEqual(test.ids(), [...events.map(({ messageId }) => messageId), "answer"]);
  const { properties, content } = test.received.at(-1)!;
  assert.equal(String(content), '{"é":"ß"}');
  assert.equal(properties.contentType, "text/plain");
  assert.equal(properties.deliveryMode, 2);
  assert.equal(properties.type, "error");
  assert.equal(properties.appId, "whatsapp-worker");
  assert.equal(properties.correlationId, "c-1");
  assert.equal(properties.headers?.["x-worker-id"], "worker-1");
  assert.ok(Math.abs(Number(properties.timestamp) - Date.now() / 1000) < 30, "seconds");
  await until(async () => await test.depth() === 0, { describe: "an empty outbox" });
});

Deno.test("role() loses nothing and keeps the order when connections break under it", async () => {
  await using proxy = await startProxy(broker.port);
  await using test = await startOutbox({ through: proxy.port });
  await test.listen("events");
  let count = 0;
  for (const fault of [() => proxy.reset(), () => proxy.drop(), () => proxy.reset()]) {
    await test.add(...series(`${count}-`, 300));
    await until(() => test.received.length > count, { describe: "some" });
    fault();
    count += 300;
  }
  await test.add({ messageId: "last" });
  await until(() => test.ids().includes("last"), { describe: "the last" });
  const once = [...new Set(test.ids())];
  assert.deepEqual(
    once,
    [...[0, 300, 600].flatMap((n) => series(`${n}-`, 300)), { messageId: "last" }]
      .map(({ messageId }) => messageId),
  );
  // What is repeated is what was in flight.
  assert.ok(test.received.length - once.length <= 3 * 50, `${test.received.length - once.length} repeats`);
});

Deno.test("role() holds back only the queue that is gone, and what waits for it comes in order", async () => {
  await using test = await startOutbox();
  await test.listen("events");
  await test.add({ messageId: "g1", queue: "gone" }, { messageId: "e1" }, { messageId: "g2", queue: "gone" });
  await until(() => test.received.length === 1, { describe: "the other queue's" });
  await test.add({ messageId: "g3", queue: "gone" }, { messageId: "e2" });
  await until(() => test.received.length === 2, { describe: "the other queue's" });
  assert.deepEqual(test.ids(), ["e1", "e2"]);
  assert.equal(await test.depth(), 3);
  // Its backend makes it anew, with arguments of its own: those stay.
  await test.onlooker.channel.assertQueue("gone", { durable: true, arguments: { "x-max-length": 100 } });
  await test.onlooker.channel.consume("gone", (message) => {
    if (message) test.received.push(message);
  }, { noAck: true });
  await until(() => test.received.length === 5, { describe: "what waited" });
  assert.deepEqual(test.ids().slice(2), ["g1", "g2", "g3"]);
  assert.equal(test.bridge.logged.filter((line) => line.includes("their queue does not exist")).length, 1);
});

Deno.test("role() declares a queue that nobody makes anew", async () => {
  await using test = await startOutbox();
  await test.add({ messageId: "m", queue: "gone" });
  await until(() => queueExists(broker, test.url, "gone"), { describe: "the queue" });
  await test.listen("gone");
  await until(() => test.received.length === 1, { describe: "the event" });
});

Deno.test("role() does not publish what expired or was replaced while there was no broker", async () => {
  await using test = await startOutbox({ start: false });
  await test.listen("events");
  const startedAt = Date.now();
  await test.add(
    { messageId: "old qr", expiresAtMs: startedAt + 20_000 },
    { messageId: "status 1", collapseKey: "worker_status", expiresAtMs: startedAt + 60_000 },
    { messageId: "for good" },
    { messageId: "status 2", collapseKey: "worker_status", expiresAtMs: startedAt + 60_000 },
  );
  test.clock.now = () => startedAt + 30_000;
  test.start();
  await until(() => test.received.length === 2, { describe: "two" });
  assert.deepEqual(test.ids(), ["for good", "status 2"]);
  assert.equal(test.received[0]!.properties.expiration, undefined);
  assert.equal(test.received[1]!.properties.expiration, "30000");
});

Deno.test("role() puts events that AMQP cannot carry among the dead letters, and goes on", async () => {
  await using test = await startOutbox();
  await test.listen("events");
  await test.onlooker.channel.assertQueue("dead", { durable: true });
  await test.add(
    { messageId: "x".repeat(300), body: '{"kept":1}' },
    { messageId: "m1" },
    { messageId: "q", queue: "q".repeat(300), body: '{"kept":2}' },
    { messageId: "large", body: `{"text":"${"x".repeat(17_000_000)}"}` },
    { messageId: "m2" },
  );
  const kept = new Map<string, string>();
  for (let count = 0; count < 3; count++) {
    const { content, properties: { headers } } = await test.onlooker.take("dead");
    assert.equal(headers?.["x-dead-reason"], "not_publishable");
    assert.match(String(headers?.["x-dead-error"]), /long|large|255/i);
    kept.set(JSON.parse(String(headers?.["x-dead-event"])).messageId, String(content.subarray(0, 10)));
  }
  await until(async () => await test.depth() === 0, { describe: "an empty outbox" });
  assert.deepEqual(test.ids(), ["m1", "m2"]);
  assert.equal(kept.get("x".repeat(300)), '{"kept":1}');
  assert.equal(kept.get("q"), '{"kept":2}');
  assert.equal(kept.get("large"), '{"text":"x');
  assert.equal(test.bridge.logged.filter((line) => line.includes("AMQP cannot carry")).length, 3);
});

Deno.test("role() carries large events, a few at a time", async () => {
  await using test = await startOutbox();
  await test.listen("events");
  const large = series("large", 6).map((event) => ({ ...event, body: "x".repeat(8_000_000) }));
  await test.add({ messageId: "first" }, ...large, { messageId: "last" });
  await until(() => test.received.length === 8, { describe: "all", timeoutMs: 30_000 });
  assert.deepEqual(test.ids(), ["first", ...large.map(({ messageId }) => messageId), "last"]);
  assert.equal(test.received[1]!.content.length, 8_000_000);
});

Deno.test("role() has no more in flight than its window when the broker confirms nothing", async () => {
  await using proxy = await startProxy(broker.port);
  await using test = await startOutbox({ through: proxy.port });
  await test.onlooker.channel.assertQueue("events", { durable: true });
  await test.add({ messageId: "first" });
  await until(async () => await test.depth() === 0, { describe: "a channel that works" });
  proxy.blackhole("down");
  await test.add(...series("m", 500));
  await until(async () => await test.onlooker.depth("events") > 1, { describe: "what arrives unconfirmed" });
  // The broker answers the onlooker after it has taken what came before on the other connection, or shortly after.
  for (let look = 0; look < 20; look++) assert.ok(await test.onlooker.depth("events") <= 1 + 50);
  assert.equal(await test.depth(), 500);
  proxy.restore();
  proxy.reset();
  await until(async () => await test.depth() === 0, { describe: "an empty outbox", timeoutMs: 30_000 });
  assert.ok(await test.onlooker.depth("events") <= 1 + 500 + 50);
});

Deno.test("role() publishes nothing while the broker is blocked, and goes on when it is not", async () => {
  await using alarmed = await startBroker();
  const url = await alarmed.vhost();
  await using test = await startOutbox({ url });
  await test.listen("events");
  await test.add({ messageId: "before" });
  await until(() => test.received.length === 1, { describe: "the first" });
  await alarmed.ctl("set_vm_memory_high_watermark", "absolute", "1MB");
  // The broker says that it is blocked when something is published.
  await test.add({ messageId: "m0" });
  await until(() => test.bridge.connection.state === "blocked", { describe: "a blocked connection" });
  await test.add(...series("w", 200));
  assert.equal(await test.depth(), 201);
  assert.deepEqual(test.ids(), ["before"]);
  await alarmed.ctl("set_vm_memory_high_watermark", "0.6");
  await until(() => test.received.length === 202, { describe: "what waited", timeoutMs: 30_000 });
  assert.deepEqual(test.ids(), ["before", "m0", ...series("w", 200).map(({ messageId }) => messageId)]);
  assert.equal(test.bridge.connection.state, "connected");
});

Deno.test("drained() waits for what can leave, and only for that", async () => {
  await using proxy = await startProxy(broker.port);
  await using test = await startOutbox({ through: proxy.port });
  const patience = () => AbortSignal.timeout(20_000);
  await test.listen("events");
  await test.add({ messageId: "first" });
  await until(() => test.received.length === 1, { describe: "a channel that works" });
  await test.add(...series("m", 500));
  await test.publisher.drained(patience());
  assert.equal(await test.depth(), 0);

  await test.add({ messageId: "g", queue: "gone" });
  assert.ok(await timed(test.publisher.drained(patience())) < 1_500, "with a queue that is gone");
  assert.equal(await test.depth(), 1);

  proxy.blackhole("down");
  await test.add({ messageId: "late" });
  assert.ok(await timed(test.publisher.drained(AbortSignal.timeout(300))) < 1_000, "with a hung broker");
  proxy.refuse();
  await until(() => test.bridge.connection.state === "connecting", { describe: "a lost connection" });
  assert.ok(await timed(test.publisher.drained(patience())) < 500, "without a broker");
  assert.ok(await test.depth() > 0, "it waits on disk");
});
