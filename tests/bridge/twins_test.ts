import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import type { ConsumeMessage } from "amqplib";
import type { Outcome } from "../../src/broker/consumer.ts";
import { type Side, Twins } from "../../src/broker/twins.ts";

const MINUTE_MS = 60_000;

const message = (content: string, messageId?: string) =>
  ({ content: Buffer.from(content), properties: { messageId } }) as ConsumeMessage;

/** Takes messages and counts which of them were handled. */
function taking() {
  let nowMs = 1_700_000_000_000;
  const twins = new Twins(() => nowMs);
  const handled: string[] = [];
  const take = (side: Side, content: string, messageId?: string, outcome: Outcome = "ack", expected = true) =>
    twins.once(side, message(content, messageId), expected, () => {
      handled.push(`${side} ${content}`);
      return Promise.resolve(outcome);
    });
  return { twins, take, handled, later: (ms: number) => void (nowMs += ms) };
}

Deno.test("once() counts one message of each queue as one, whichever comes first", async () => {
  const { take, handled } = taking();
  assert.equal(await take("own", "a"), "ack");
  assert.equal(await take("shared", "a"), "ack");
  assert.equal(await take("shared", "b"), "ack");
  assert.equal(await take("own", "b"), "ack");
  assert.deepEqual(handled, ["own a", "shared b"]);
});

Deno.test("once() counts what comes twice by one queue twice", async () => {
  const { take, handled } = taking();
  for (const side of ["own", "own", "shared", "shared"] as const) await take(side, "a");
  assert.deepEqual(handled, ["own a", "own a"], "two commands, each by both queues");
  await take("shared", "a");
  await take("shared", "a");
  assert.equal(handled.length, 4);
});

Deno.test("once() tells messages apart by their message_id as well", async () => {
  const { take, handled } = taking();
  await take("own", "a", "1");
  await take("shared", "a", "2");
  await take("shared", "b", "1");
  await take("shared", "a");
  await take("shared", "a", "1");
  assert.deepEqual(handled, ["own a", "shared a", "shared b", "shared a"]);
});

Deno.test("once() takes what comes more than a minute later for another command", async () => {
  const { take, handled, later, twins } = taking();
  await take("own", "a");
  later(MINUTE_MS - 1);
  await take("shared", "a");
  assert.equal(handled.length, 1);
  await take("own", "a");
  later(MINUTE_MS);
  await take("shared", "a");
  assert.equal(handled.length, 3);
  later(2 * MINUTE_MS);
  await take("own", "z", undefined, "ack", false);
  assert.equal(twins.size, 0, "nothing is kept for ever");
});

Deno.test("once() drops nothing whose copy went back to its queue, or is not through yet", async () => {
  const { take, handled, twins } = taking();
  await take("shared", "a", undefined, "requeue");
  await take("own", "a");
  assert.deepEqual(handled, ["shared a", "own a"]);
  await assert.rejects(
    twins.once("shared", message("b"), true, () => Promise.reject(new Error("gone"))),
    /gone/,
  );
  await take("own", "b");
  assert.deepEqual(handled, ["shared a", "own a", "own b"]);

  const first = Promise.withResolvers<Outcome>();
  const slow = twins.once("shared", message("c"), true, () => first.promise);
  const second = take("own", "c");
  first.resolve("requeue");
  assert.equal(await slow, "requeue");
  assert.equal(await second, "ack");
  assert.equal(handled.at(-1), "own c");
});
