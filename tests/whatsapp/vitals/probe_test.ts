import { strict as assert } from "node:assert";
// @ts-types="@types/sinonjs__fake-timers"
import { install } from "@sinonjs/fake-timers";
import type { BinaryNode } from "@whiskeysockets/baileys";
import pino from "pino";
import { Probe, type Verdict } from "../../../src/whatsapp/vitals/probe.ts";

const HOUR_S = 60 * 60;

type Answer = "answer" | "other stanza" | "silence";

/**
 * A probe with a worker's own pauses, on a clock of its own. The server does with each question what `script` says, and
 * with all further ones what it says last.
 */
function probing(script: readonly Answer[], { random = (): number => 0.5, isCounted = true } = {}) {
  const clock = install({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const asked: { question: string; atS: number }[] = [];
  const roundTrips: number[] = [];
  let proven = 0;
  let onQuestion = (_number: number) => {};
  const probe: Probe = new Probe({
    send: ({ attrs, content }) => {
      asked.push({ question: (content as BinaryNode[])[0]!.tag, atS: clock.now / 1000 });
      const action = script[Math.min(asked.length, script.length) - 1];
      if (action === "answer") clock.setTimeout(() => probe.heard(answerTo(attrs.id!)), 40);
      if (action === "other stanza") clock.setTimeout(() => probe.heard({ tag: "message", attrs: {} }), 40);
      onQuestion(asked.length);
      return action === "silence" ? Promise.reject(new Error("nothing goes out")) : Promise.resolve();
    },
    newId: () => String(asked.length),
    onRoundTrip: (ms) => roundTrips.push(ms),
    random,
    log: pino({ level: "silent" }),
  });
  if (isCounted) probe.heard(counted(812));
  const running = Promise.withResolvers<Verdict | undefined>();
  let endedAtS: number | undefined;
  return {
    clock,
    probe,
    asked,
    roundTrips,
    questions: () => asked.map(({ question }) => question),
    proven: () => proven,
    endedAtS: () => endedAtS,
    /** Calls back at each question with how many there were. */
    whenAsked: (callback: (number: number) => void) => void (onQuestion = callback),
    start: () => {
      probe.run(() => void proven++).then((verdict) => {
        endedAtS = clock.now / 1000;
        running.resolve(verdict);
      });
    },
    /** What it finds within this time. */
    verdict: async (seconds: number) => {
      await clock.tickAsync(seconds * 1000);
      assert.notEqual(endedAtS, undefined, `nothing was found within ${seconds} s`);
      return await running.promise;
    },
    [Symbol.dispose]: () => clock.uninstall(),
  };
}

function answerTo(id: string): BinaryNode {
  return { tag: "iq", attrs: { id, type: "result" } };
}

function counted(value: number): BinaryNode {
  const content = [{ tag: "count", attrs: { value: String(value) } }];
  return { tag: "iq", attrs: { id: "of Baileys", type: "result" }, content };
}

Deno.test("Probe.run() finds a socket deaf within 50 s of its last answer", async () => {
  using test = probing(["answer", "answer", "silence"], { random: () => 1 });
  test.start();
  assert.equal(await test.verdict(200), "deaf");
  assert.deepEqual(test.questions(), ["ping", "ping", "ping", "count"]);
  const lastAnswerAtS = test.asked[1]!.atS + 0.04;
  assert.ok(test.endedAtS()! - lastAnswerAtS <= 50.001);
  assert.deepEqual(test.roundTrips, [40, 40]);
});

Deno.test("Probe.run() takes a socket for proven at once whose login was answered", () => {
  using test = probing(["answer"]);
  test.start();
  assert.equal(test.proven(), 1);
  assert.deepEqual(test.asked, []);
  test.probe.stop();
});

Deno.test("Probe.run() asks before it takes a socket for proven whose login was not answered", async () => {
  {
    using late = probing(["silence", "answer", "silence"], { isCounted: false });
    late.start();
    assert.equal(late.proven(), 0);
    assert.equal(await late.verdict(100), "deaf");
    assert.equal(late.proven(), 1);
    assert.deepEqual(late.questions().slice(0, 2), ["count", "count"]);
  }
  using never = probing(["silence"], { isCounted: false });
  never.start();
  assert.equal(await never.verdict(20), "deaf");
  assert.equal(never.proven(), 0, "a socket that never answered is not open");
});

Deno.test("Probe.run() asks again for a count that Baileys is about to change by an upload", async () => {
  using test = probing(["answer"]);
  test.probe.heard(counted(0));
  test.start();
  assert.deepEqual(test.questions(), ["count"]);
  assert.equal(test.proven(), 0);
  await test.clock.tickAsync(40);
  assert.equal(test.proven(), 1);
  test.probe.stop();
});

Deno.test("Probe.run() is patient with an answer that is late behind other stanzas, but not for ever", async () => {
  {
    using late = probing(["other stanza", "other stanza", "other stanza", "answer"], { isCounted: false });
    late.start();
    await late.clock.tickAsync(40_000);
    assert.equal(late.proven(), 1);
    late.probe.stop();
  }
  using never = probing(["other stanza"], { isCounted: false });
  never.start();
  assert.equal(await never.verdict(60), "deaf");
  assert.equal(never.asked.length, 6);
});

Deno.test("Probe.run() asks the server's session for the count when five minutes of pings were answered", async () => {
  using test = probing(["answer"]);
  test.start();
  await test.clock.tickAsync(10 * 60_000);
  const firstCount = test.asked.find(({ question }) => question === "count")!;
  assert.ok(firstCount.atS >= 300 && firstCount.atS < 330);
  test.probe.stop();
});

Deno.test("Probe.doubt() asks at once; three sends in a row without an answer are deafness", async () => {
  using test = probing(["answer"]);
  test.start();
  const doubt = async () => {
    test.probe.doubt();
    await test.clock.tickAsync(50);
  };
  await doubt();
  await doubt();
  test.probe.heard({ tag: "ack", attrs: { class: "message" } });
  await doubt();
  await doubt();
  assert.equal(test.endedAtS(), undefined);
  await doubt();
  assert.equal(await test.verdict(0), "deaf");
  assert.deepEqual(test.questions(), ["count", "count", "count", "count", "count"]);
});

Deno.test("Probe.run() finds a socket quiet that delivers nothing, between an hour and a half and two and a half", async () => {
  for (const [chance, hours] of [[0, 1.5], [1, 2.5]] as const) {
    using test = probing(["answer"], { random: () => chance });
    test.start();
    assert.equal(await test.verdict(hours * HOUR_S + 30), "quiet");
    assert.ok(test.endedAtS()! > hours * HOUR_S);
  }
});

Deno.test("Probe.run() finds no socket quiet on which anything is delivered", async () => {
  using test = probing(["answer"]);
  test.start();
  const kinds = ["message", "receipt", "notification", "call"];
  for (let hour = 0; hour < 8; hour++) {
    await test.clock.tickAsync(HOUR_S * 1000);
    test.probe.heard({ tag: kinds[hour % kinds.length]!, attrs: {} });
  }
  assert.equal(test.endedAtS(), undefined);
  test.probe.stop();
});

Deno.test("Probe.run() does not ask on all sockets at the same time", async () => {
  const firstAsked = async (chance: number) => {
    using test = probing(["answer"], { random: () => chance });
    test.start();
    await test.clock.tickAsync(31_000);
    test.probe.stop();
    return test.asked[0]!.atS;
  };
  assert.deepEqual([await firstAsked(0), await firstAsked(0.5), await firstAsked(1)], [20, 25, 30]);
});

Deno.test("Probe.stop() ends it at any time, without a verdict", async () => {
  {
    using pausing = probing(["answer"]);
    pausing.start();
    pausing.probe.stop();
    assert.equal(await pausing.verdict(0), undefined);
  }
  using asking = probing(["silence"], { isCounted: false });
  asking.start();
  asking.probe.stop();
  assert.equal(await asking.verdict(0), undefined);
  assert.equal(asking.proven(), 0);
});
