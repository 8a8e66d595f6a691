import { strict as assert } from "node:assert";
import type { Delivery, Outcome } from "../../src/broker/consumer.ts";
import { Leases } from "../../src/broker/lease.ts";
import { QueuePlace } from "../../src/broker/queue_place.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { lookOn, NAMES, startBridge, until } from "./bridge.ts";

const broker = await sharedBroker();
const forever = new AbortController().signal;

/** A number whose handler holds every message of priority 0 for as long as it may, and takes all others at once. */
async function startHolding() {
  const url = await broker.vhost();
  const bridge = await startBridge({ url });
  const onlooker = await lookOn(url);
  const deliveries: string[] = [];
  const done: string[] = [];
  const ended = new AbortController();
  const hold = async ({ message, place }: Delivery): Promise<Outcome> => {
    const text = String(message.content);
    deliveries.push(text);
    if (message.properties.priority) {
      done.push(text);
      return "ack";
    }
    while (await place!.keep(60_000, ended.signal));
    return "requeue";
  };
  const leases = new Leases({
    connection: bridge.connection,
    names: NAMES,
    workerId: "worker-1",
    handler: hold,
    deadLetters: bridge.deadLetters,
    onLost: () => {},
    log: bridge.log,
  });
  await leases.claim("6");
  const queue = NAMES.number("6");
  return {
    deliveries,
    done,
    publish: (text: string, priority = 0) => onlooker.publish("", queue, text, { priority }),
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await leases.releaseAll();
      await bridge[Symbol.asyncDispose]();
      await onlooker[Symbol.asyncDispose]();
    },
  };
}

Deno.test("keep() lets what is more urgent pass a message that is held, whenever it comes", async () => {
  await using test = await startHolding();
  for (let index = 1; index <= 20; index++) await test.publish(`campaign ${index}`);
  for (const text of ["urgent 1", "urgent 2", "urgent 3"]) {
    const before = test.deliveries.length;
    await test.publish(text, 2);
    await until(() => test.done.includes(text), { describe: text });
    await until(() => test.deliveries.length > before + 1, { describe: "the campaign again" });
  }
  assert.deepEqual(test.done, ["urgent 1", "urgent 2", "urgent 3"]);
  assert.ok(
    test.deliveries.filter((text) => text.startsWith("campaign")).every((text) => text === "campaign 1"),
  );
});

Deno.test("keep() puts a message back once in a while, not again and again", async () => {
  let count = 7;
  const place = new QueuePlace(() => Promise.resolve(count), 1);
  place.taken();
  assert.equal(await place.keep(1_000, forever), false, "nobody knows what came before the first look");
  place.taken();
  for (let look = 0; look < 20; look++) assert.equal(await place.keep(1_000, forever), true);
  count = 8;
  assert.equal(await place.keep(1_000, forever), false);
  place.taken();
  assert.equal(await place.keep(1_000, forever), true);
  assert.equal(place.behind, 8);
  // The next message is another one, and as many behind it are no sign that none of them is more urgent.
  place.taken();
  assert.equal(place.behind, undefined);
  assert.equal(await place.keep(1_000, forever), false);
});

Deno.test("keep() gives a message up at the end of the wait for it, or of its channel", async () => {
  const place = new QueuePlace(() => Promise.reject(new Error("Channel closed")), 1);
  assert.equal(await place.keep(1_000, forever), false);
  assert.equal(await place.keep(1_000, AbortSignal.abort()), false);
});
