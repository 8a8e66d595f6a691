import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  budgetsAt,
  gapOf,
  longest,
  type Pace,
  parkPauseMs,
  typingMs,
  type Wait,
  waitFor,
} from "../../../src/whatsapp/pacing/rules.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const LINKED_AT_MS = 1_733_396_400_000;
const FREE: Pace = {
  perMinute: 0,
  perDay: 0,
  newContactGapMs: 0,
  warmUpDays: 0,
  warmUpStart: 20,
  typingMs: 0,
};

const aPace = fc.record({
  perMinute: fc.integer({ min: 0, max: 5 }),
  perDay: fc.integer({ min: 0, max: 12 }),
  newContactGapMs: fc.integer({ min: 0, max: 3 * MINUTE_MS }),
  warmUpDays: fc.integer({ min: 0, max: 4 }),
  warmUpStart: fc.integer({ min: 1, max: 4 }),
  typingMs: fc.constant(0),
});
/** Messages as a backend publishes them: how long after the one before, and whether to somebody new. */
const messages = fc.array(
  fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.integer({ min: 0, max: 5 * 60 * MINUTE_MS })),
    toNew: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60 },
);

interface Sent {
  readonly atMs: number;
  readonly toNew: boolean;
  readonly waits: readonly Wait[];
}

/** What the next message waits for, by the rules and what was sent so far. */
function nextWait(pace: Pace, sent: readonly Sent[], toNew: boolean, nowMs: number): Wait | undefined {
  const latest = (nth: number, windowMs: number, only: (one: Sent) => boolean = () => true) =>
    sent.filter((one) => one.atMs >= nowMs - windowMs && only(one)).toReversed()[nth - 1]?.atMs;
  const gap = toNew ? gapOf(pace) : undefined;
  return longest([
    ...budgetsAt(pace, LINKED_AT_MS, nowMs).map((budget) =>
      waitFor(budget, latest(budget.most, budget.windowMs), nowMs)
    ),
    gap && waitFor(gap, latest(1, gap.windowMs, (one) => one.toNew), nowMs),
  ]);
}

/** Sends messages in their order, each as soon as the rules let it. */
function play(pace: Pace, published: readonly { afterMs: number; toNew: boolean }[]): Sent[] {
  const sent: Sent[] = [];
  let publishedAtMs = LINKED_AT_MS;
  for (const { afterMs, toNew } of published) {
    publishedAtMs += afterMs;
    let nowMs = Math.max(publishedAtMs, sent.at(-1)?.atMs ?? 0);
    const waits: Wait[] = [];
    for (let wait = nextWait(pace, sent, toNew, nowMs); wait; wait = nextWait(pace, sent, toNew, nowMs)) {
      assert.ok(wait.untilMs > nowMs, "a wait ends later than now");
      assert.ok(waits.length < 100, "a wait ends");
      waits.push(wait);
      nowMs = wait.untilMs;
    }
    sent.push({ atMs: nowMs, toNew, waits });
  }
  return sent;
}

const inWindow = (sent: readonly Sent[], endMs: number, windowMs: number) =>
  sent.filter(({ atMs }) => atMs > endMs - windowMs && atMs <= endMs).length;

Deno.test("No window of a minute or a day ever holds more than its budget", () => {
  fc.assert(fc.property(aPace, messages, (pace, published) => {
    const sent = play(pace, published);
    for (const { atMs } of sent) {
      if (pace.perMinute > 0) assert.ok(inWindow(sent, atMs, MINUTE_MS) <= pace.perMinute);
      if (pace.perDay > 0) assert.ok(inWindow(sent, atMs, DAY_MS) <= pace.perDay);
      const day = Math.floor((atMs - LINKED_AT_MS) / DAY_MS);
      if (day < pace.warmUpDays) assert.ok(inWindow(sent, atMs, DAY_MS) <= pace.warmUpStart * 2 ** day);
    }
  }));
});

Deno.test("Messages to new contacts keep their gap, those to known ones pass no other", () => {
  fc.assert(fc.property(aPace, messages, (pace, published) => {
    const sent = play(pace, published);
    const toNew = sent.filter((one) => one.toNew).map(({ atMs }) => atMs);
    for (const [index, atMs] of toNew.slice(1).entries()) {
      assert.ok(atMs - toNew[index]! >= pace.newContactGapMs);
    }
    const order = sent.map(({ atMs }) => atMs);
    assert.deepEqual(order, order.toSorted((one, other) => one - other));
  }));
});

Deno.test("Nothing waits a millisecond longer than what it waits for", () => {
  fc.assert(fc.property(aPace, messages, (pace, published) => {
    const sent = play(pace, published);
    for (const [index, { atMs, toNew, waits }] of sent.entries()) {
      if (waits.length === 0) continue;
      const before = nextWait(pace, sent.slice(0, index), toNew, atMs - 1);
      assert.equal(before?.untilMs, atMs);
    }
  }));
});

Deno.test("Without limits nothing ever waits", () => {
  fc.assert(fc.property(messages, (published) => {
    assert.ok(play(FREE, published).every(({ waits }) => waits.length === 0));
  }));
});

Deno.test("budgetsAt() doubles the warm-up each day, up to the day's own budget, and ends it", () => {
  const pace = { ...FREE, perDay: 100, warmUpDays: 6, warmUpStart: 20 };
  const warmUp = (day: number) =>
    budgetsAt(pace, LINKED_AT_MS, LINKED_AT_MS + day * DAY_MS).find(({ reason }) => reason === "warm_up")
      ?.most;
  assert.deepEqual([-1, 0, 0.9, 1, 2, 3, 6].map(warmUp), [20, 20, 20, 40, 80, undefined, undefined]);
  const { warmUpDays } = pace;
  const last = budgetsAt({ ...pace, perDay: 0 }, LINKED_AT_MS, LINKED_AT_MS + (warmUpDays - 0.1) * DAY_MS);
  assert.deepEqual(last, [
    { reason: "warm_up", most: 640, windowMs: DAY_MS, holdsUntilMs: LINKED_AT_MS + 6 * DAY_MS },
  ]);
  assert.deepEqual(budgetsAt({ ...pace, perDay: 0 }, 0, LINKED_AT_MS), []);
});

Deno.test("typingMs() grows with the text, to 15 seconds at most, and counts characters", () => {
  assert.equal(typingMs({ ...FREE, typingMs: 100 }, "😀é"), 200);
  assert.equal(typingMs({ ...FREE, typingMs: 1000 }, "x".repeat(65_000)), 15_000);
  assert.equal(typingMs(FREE, "x"), 0);
});

Deno.test("parkPauseMs() has no more than a hundred parked sends come back in a second, of any number, and none stay away for long", () => {
  assert.deepEqual([0, 1, 3_000].map((parked) => parkPauseMs(parked)), [30_000, 30_000, 30_000]);
  assert.equal(parkPauseMs(10_000), 100_000);
  assert.equal(parkPauseMs(1_000_000), 5 * MINUTE_MS);
});
