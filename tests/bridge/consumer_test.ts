import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import type { ConsumeMessage } from "amqplib";
import { closeChannel, openChannel } from "../../src/broker/channel.ts";
import type { Link } from "../../src/broker/connection.ts";
import { consume, type ConsumeOptions, type Delivery, type Outcome } from "../../src/broker/consumer.ts";
import { PublishFailed } from "../../src/broker/publishing.ts";
import { StoreError } from "../../src/store/database.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { type Bridge, lookOn, NAMES, queueExists, startBridge, until } from "./bridge.ts";

const broker = await sharedBroker();

/** A queue that is consumed, and what was delivered. */
async function startConsumer(
  handler: (delivery: Delivery, count: number) => Outcome | Promise<Outcome>,
  options: Partial<ConsumeOptions> & { url?: string; through?: string } = {},
) {
  const url = options.url ?? await broker.vhost();
  const onlooker = await lookOn(url);
  await onlooker.channel.assertQueue("work", { durable: true });
  const bridge = await startBridge({ url: options.through ?? url });
  const deliveries: Delivery[] = [];
  const stop = new AbortController();
  const roleUntil = (signal: AbortSignal) => (link: Link) =>
    consume(link, {
      queue: "work",
      deadLetters: bridge.deadLetters,
      log: bridge.log,
      signal,
      handler: async (delivery) => await handler(delivery, deliveries.push(delivery)),
      ...options,
    });
  bridge.keep("work", roleUntil(stop.signal));
  return {
    onlooker,
    bridge,
    deliveries,
    stop,
    roleUntil,
    url,
    redelivered: () => deliveries.map(({ message }) => message.fields.redelivered),
    [Symbol.asyncDispose]: async () => {
      await bridge[Symbol.asyncDispose]();
      await onlooker[Symbol.asyncDispose]();
    },
  };
}

const settled = (onlooker: Awaited<ReturnType<typeof lookOn>>, queue = "work") =>
  until(async () => (await onlooker.depth(queue)) === 0, { describe: `'${queue}' empty` });

function headerOf(message: ConsumeMessage, name: string): unknown {
  return message.properties.headers?.[name];
}

Deno.test("consume() has no more bytes in hand than it may, keeps the order and loses nothing", async () => {
  const KIB = 1024;
  const inHand = new Set<Buffer>();
  const seen: { count: number; bytes: number }[] = [];
  await using test = await startConsumer(async ({ message: { content } }): Promise<Outcome> => {
    inHand.add(content);
    const bytes = [...inHand].reduce((sum, { byteLength }) => sum + byteLength, 0);
    seen.push({ count: inHand.size, bytes });
    await delay(1);
    inHand.delete(content);
    return "ack";
  }, { prefetch: 10, maxBytes: 64 * KIB });
  const sizes = [...Array(15).fill(10), ...Array(30).fill(30 * KIB), 100 * KIB, ...Array(60).fill(10)];
  test.stop.abort();
  for (const [index, size] of sizes.entries()) {
    await test.onlooker.publish("", "work", `${index} `.padEnd(size));
  }
  const stop = new AbortController();
  test.bridge.keep("again", test.roleUntil(stop.signal));
  await until(() => test.deliveries.length === sizes.length, { describe: "all of them" });
  await settled(test.onlooker);
  const order = test.deliveries.map(({ message }) => parseInt(message.content.toString()));
  assert.deepEqual(order, [...sizes.keys()]);
  assert.ok(seen.every(({ count, bytes }) => bytes <= 64 * KIB || count === 1));
  const most = (part: typeof seen) => Math.max(...part.map(({ count }) => count));
  assert.equal(most(seen.slice(0, 15)), 10);
  assert.equal(most(seen.slice(25, 45)), 2);
  assert.equal(most(seen.slice(-30)), 10, "and it takes many again once they are small");
});

Deno.test("consume() acks what its handler says is done, one at a time and in order", async () => {
  let running = 0;
  await using test = await startConsumer(async (): Promise<Outcome> => {
    assert.equal(++running, 1);
    await Promise.resolve();
    running--;
    return "ack";
  });
  for (const text of ["a", "b", "c"]) await test.onlooker.publish("", "work", text);
  await until(() => test.deliveries.length === 3, { describe: "three" });
  test.stop.abort();
  await until(async () => (await test.onlooker.channel.checkQueue("work")).consumerCount === 0, {
    describe: "nobody consuming",
  });
  assert.deepEqual(test.deliveries.map(({ message }) => String(message.content)), ["a", "b", "c"]);
  assert.equal(await test.onlooker.depth("work"), 0);
});

Deno.test("consume() requeues to the head what its handler wants again", async () => {
  await using test = await startConsumer((_delivery, count) => count < 3 ? "requeue" : "ack");
  await test.onlooker.publish("", "work", "a");
  await test.onlooker.publish("", "work", "b");
  await until(() => test.deliveries.length === 4, { describe: "four" });
  assert.deepEqual(test.deliveries.map(({ message }) => String(message.content)), ["a", "a", "a", "b"]);
});

Deno.test("consume() takes what its handler has put back itself for no fault", async () => {
  await using test = await startConsumer((_delivery, count) => {
    if (count <= 2) return "requeue";
    throw new Error("a fault of the program");
  });
  await test.onlooker.publish("", "work", "a");
  const dead = await test.onlooker.take(NAMES.deadLetter);
  assert.equal(headerOf(dead, "x-dead-reason"), "handler_failed");
  assert.deepEqual(
    test.redelivered(),
    [false, true, true, true],
    "it was tried again before it was given up",
  );
});

Deno.test("consume() keeps a dead letter whole, with the reason and where it came from", async () => {
  await using test = await startConsumer(() => ({ dead: "unknown_action" }));
  const { onlooker } = test;
  await onlooker.channel.assertExchange("somewhere", "topic");
  await onlooker.channel.bindQueue("work", "somewhere", "a.#");
  const content = Buffer.from([0, 1, 2, 255]);
  const properties = {
    contentType: "text/plain",
    contentEncoding: "UTF-8",
    correlationId: "c-1",
    messageId: "m-1",
    replyTo: "r",
    timestamp: 1_700_000_000,
    type: "t",
    appId: "spring",
    priority: 1,
  };
  const headers = {
    __TypeId__: "java.lang.String",
    nested: { list: [1, "two", true, null] },
    "x-dead-reason": "forged",
  };
  await onlooker.publish("somewhere", "a.b", content, { ...properties, headers, expiration: "60000" });
  const dead = await onlooker.take(NAMES.deadLetter);
  assert.deepEqual(dead.content, content);
  for (const [name, value] of Object.entries(properties)) {
    assert.equal(dead.properties[name as keyof typeof properties], value, name);
  }
  assert.equal(dead.properties.expiration, undefined);
  assert.equal(dead.properties.deliveryMode, 2);
  assert.equal(headerOf(dead, "__TypeId__"), "java.lang.String");
  assert.deepEqual(headerOf(dead, "nested"), headers.nested);
  assert.equal(headerOf(dead, "x-dead-reason"), "unknown_action");
  assert.equal(headerOf(dead, "x-dead-queue"), "work");
  assert.equal(headerOf(dead, "x-dead-exchange"), "somewhere");
  assert.equal(headerOf(dead, "x-dead-routing-key"), "a.b");
  assert.equal(headerOf(dead, "x-dead-time"), "2023-11-14T22:13:20.000Z");
  assert.equal(headerOf(dead, "x-dead-count"), 1);
  assert.equal(headerOf(dead, "x-dead-worker"), "worker-1");
  await settled(onlooker);

  // Put back by a person, it dies a second time.
  await onlooker.publish("", "work", dead.content, { headers: dead.properties.headers });
  assert.equal(headerOf(await onlooker.take(NAMES.deadLetter), "x-dead-count"), 2);
});

Deno.test("consume() dead-letters what AMQP can read and not write again", async () => {
  await using test = await startConsumer(() => ({ dead: "invalid_utf8" }));
  await test.onlooker.publish("", "work", "x", { headers: { "x-large": "y".repeat(65_400) } });
  const dead = await test.onlooker.take(NAMES.deadLetter);
  assert.equal(headerOf(dead, "x-dead-reason"), "invalid_utf8");
  assert.ok(headerOf(dead, "x-large") === undefined);
});

Deno.test("consume() makes the queue of dead letters anew when somebody deleted it", async () => {
  await using test = await startConsumer(() => ({ dead: "malformed_json" }));
  await test.onlooker.channel.deleteQueue(NAMES.deadLetter);
  await test.onlooker.publish("", "work", "x");
  await until(() => queueExists(broker, test.url, NAMES.deadLetter), { describe: "the queue made anew" });
  assert.equal(String((await test.onlooker.take(NAMES.deadLetter)).content), "x");
});

Deno.test("consume() tries once more what threw, then gives it to the dead letters", async () => {
  await using once = await startConsumer((_delivery, count) => {
    if (count === 1) throw new Error("by chance");
    return "ack";
  });
  await once.onlooker.publish("", "work", "x");
  await until(() => once.deliveries.length === 2, { describe: "a second try" });
  assert.deepEqual(once.redelivered(), [false, true]);

  await using always = await startConsumer(() => Promise.reject(new Error("always")));
  await always.onlooker.publish("", "work", "poison");
  await always.onlooker.publish("", "work", "poison too");
  const dead = await always.onlooker.take(NAMES.deadLetter);
  assert.equal(String(dead.content), "poison");
  assert.equal(headerOf(dead, "x-dead-reason"), "handler_failed");
  await always.onlooker.take(NAMES.deadLetter);
  assert.equal(always.deliveries.length, 4);
});

Deno.test("consume() never gives up a message over a fault of broker or disk", async () => {
  const faults = [
    new PublishFailed("The channel is closed"),
    new StoreError("state_unusable", "Cannot write the state: disk full", "Make room"),
  ];
  await using test = await startConsumer(() => {
    const fault = faults.pop();
    if (fault) throw fault;
    return "ack";
  });
  await test.onlooker.publish("", "work", "x");
  await until(() => test.deliveries.length === 3, { describe: "three tries" });
  await settled(test.onlooker);
  assert.equal(await test.onlooker.depth(NAMES.deadLetter), 0);
});

Deno.test("consume() finishes what is in hand and takes nothing new when told to stop", async () => {
  const going = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  await using test = await startConsumer(async (): Promise<Outcome> => {
    going.resolve();
    await finish.promise;
    return "ack";
  });
  await test.onlooker.publish("", "work", "in hand");
  await test.onlooker.publish("", "work", "next");
  await going.promise;
  test.stop.abort();
  finish.resolve();
  await until(async () => (await test.onlooker.channel.checkQueue("work")).consumerCount === 0, {
    describe: "nobody consuming",
  });
  assert.equal(test.deliveries.length, 1);
  assert.equal(String((await test.onlooker.take("work")).content), "next");
});

Deno.test("consume() tells its handler when the channel is gone, and settles the message as it comes again", async () => {
  const url = await broker.vhost();
  await using proxy = await startProxy(broker.port);
  const through = Object.assign(new URL(url), { port: String(proxy.port) }).href;
  const lost = Promise.withResolvers<void>();
  await using test = await startConsumer(async (delivery, count): Promise<Outcome> => {
    if (count > 1) return "ack";
    proxy.reset();
    await new Promise<void>((resolve) => delivery.lost.addEventListener("abort", () => resolve()));
    lost.resolve();
    // Decided on a dead channel: it has no effect, not even a dead letter.
    return { dead: "too_late" };
  }, { url, through });
  await test.onlooker.publish("", "work", "x");
  await lost.promise;
  await until(() => test.deliveries.length === 2, { describe: "the redelivery" });
  assert.deepEqual(test.redelivered(), [false, true]);
  await settled(test.onlooker);
  assert.equal(await test.onlooker.depth(NAMES.deadLetter), 0);
});

Deno.test("consume() ends when its queue is deleted, and rejects when its channel is closed", async () => {
  await using bridge = await startBridge({ url: await broker.vhost() });
  const run = async (channelFault: (bridge: Bridge, link: Link) => Promise<unknown>) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    bridge.keep("once", async (link) => {
      const { channel } = await openChannel(link);
      await channel.assertQueue("work");
      const working = consume(link, {
        queue: "work",
        deadLetters: bridge.deadLetters,
        log: bridge.log,
        signal: bridge.signal,
        handler: () => Promise.resolve("ack"),
        onConsuming: async () => void await channelFault(bridge, link),
      });
      await working.then(resolve, reject);
      await new Promise<void>((done) => link.signal.addEventListener("abort", () => done()));
    });
    await promise;
  };
  await run(async (_bridge, link) => {
    const open = await openChannel(link);
    await open.channel.deleteQueue("work");
    await closeChannel(open);
  });
  await assert.rejects(run(() => Promise.reject(new Error("onConsuming failed"))), /onConsuming failed/);
});

Deno.test("consume() correlates by message id, else by correlation id, if answers can carry them", async () => {
  await using test = await startConsumer(() => "ack");
  await test.onlooker.publish("", "work", "x", { messageId: "m", correlationId: "c" });
  await test.onlooker.publish("", "work", "x", { messageId: "", correlationId: "c" });
  await test.onlooker.publish("", "work", "x");
  await until(() => test.deliveries.length === 3, { describe: "three" });
  assert.deepEqual(test.deliveries.map(({ commandId }) => commandId), ["m", "c", undefined]);
});
