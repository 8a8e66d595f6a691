import { strict as assert } from "node:assert";
import { Backoff, YIELDED } from "../../../src/whatsapp/session/backoff.ts";

const pauses = (backoff: Backoff, count: number) => Array.from({ length: count }, () => backoff.nextMs());

Deno.test("Backoff.nextMs() doubles up to five minutes", () => {
  const backoff = new Backoff({ now: () => 0, random: () => 0 });
  assert.deepEqual(pauses(backoff, 11), [
    500,
    1_000,
    2_000,
    4_000,
    8_000,
    16_000,
    32_000,
    64_000,
    128_000,
    150_000,
    150_000,
  ]);
});

Deno.test("Backoff.nextMs() never exceeds what it doubles", () => {
  const backoff = new Backoff({ now: () => 0, random: () => 0.999_999 });
  assert(pauses(backoff, 20).every((pauseMs) => pauseMs <= 300_000));
});

Deno.test("Backoff.opened() forgives what failed only when the connection has lasted", () => {
  let nowMs = 0;
  const backoff = new Backoff({ now: () => nowMs, random: () => 0 });
  pauses(backoff, 4);
  backoff.opened();
  nowMs += 59_999;
  assert.equal(backoff.nextMs(), 8_000);
  backoff.opened();
  nowMs += 60_000;
  assert.equal(backoff.nextMs(), 500);
});

Deno.test("Backoff.longestMs() is the longest pause, and so is every one after it", () => {
  let nowMs = 0;
  const backoff = new Backoff({ now: () => nowMs, random: () => 0 });
  backoff.opened();
  nowMs += 60_000;
  assert.equal(backoff.longestMs(), 150_000);
  assert.deepEqual(pauses(backoff, 2), [150_000, 150_000]);
  backoff.opened();
  nowMs += 60_000;
  assert.equal(backoff.nextMs(), 500);
});

Deno.test("Backoff.nextMs() has two that take over from each other do so ever more rarely", () => {
  const MINUTE = 60_000;
  let nowMs = 0;
  const backoff = new Backoff({ pauses: YIELDED, now: () => nowMs, random: () => 0 });
  const taken = Array.from({ length: 6 }, () => {
    const pauseMs = backoff.nextMs();
    backoff.opened();
    // The other one waits as long.
    nowMs += pauseMs;
    return pauseMs / MINUTE;
  });
  assert.deepEqual(taken, [10, 20, 40, 80, 120, 120]);
});
