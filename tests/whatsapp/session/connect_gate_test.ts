import { strict as assert } from "node:assert";
import { ConnectGate } from "../../../src/whatsapp/session/connect_gate.ts";

/**
 * A gate on a machine of its own: connects cost CPU, most of it a while after they began, and the event loop does one
 * thing after the other. Time passes only while nothing else is to be done.
 */
class Machine {
  nowMs = 0;
  cpuMs = 0;
  /** When somebody was let through, by name. */
  readonly passed: [name: string, atMs: number][] = [];
  /** The longest that anything had to wait for its turn. */
  worstMs = 0;
  readonly gate = new ConnectGate({
    now: () => this.nowMs,
    cpuMs: () => this.cpuMs,
    pause: (ms, { signal }) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      this.#timers.push({ atMs: this.nowMs + ms, run: () => resolve() });
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      return promise;
    },
  });
  #timers: { atMs: number; run: () => void }[] = [];
  readonly #never = new AbortController().signal;

  /** Somebody wants to connect, at a cost that falls due after the server's answer. */
  connect(name: string, { costMs = 10, answerMs = 100, urgent = false, signal = this.#never } = {}): void {
    this.gate.pass(signal, { urgent }).then((settle) => {
      if (signal.aborted) return;
      this.passed.push([name, this.nowMs]);
      const answered = () => {
        this.work(costMs);
        settle();
      };
      this.#timers.push({ atMs: this.nowMs + answerMs, run: answered });
    });
  }

  /** The loop is busy. */
  work(costMs: number): void {
    this.nowMs += costMs;
    this.cpuMs += costMs;
  }

  /** Lets time pass until nothing is left to be done. */
  async run(): Promise<void> {
    for (;;) {
      // Longer than any chain of promises here.
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
      this.#timers.sort((a, b) => a.atMs - b.atMs);
      const timer = this.#timers.shift();
      if (timer === undefined) return;
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      this.worstMs = Math.max(this.worstMs, this.nowMs - timer.atMs);
      timer.run();
    }
  }

  get names(): string[] {
    return this.passed.map(([name]) => name);
  }
}

const numbered = (count: number) => Array.from({ length: count }, (_, index) => String(index));

Deno.test("ConnectGate.pass() lets a few through at once, as often as they come after a rest", async () => {
  const machine = new Machine();
  for (let round = 0; round < 5; round++) {
    const startedAtMs = machine.nowMs;
    for (const name of ["a", "b", "c"]) machine.connect(name);
    await machine.run();
    assert.deepEqual(machine.passed.splice(0), ["a", "b", "c"].map((name) => [name, startedAtMs]));
    machine.nowMs += 1_000;
  }
});

Deno.test("ConnectGate.pass() has many come back in their order, at the pace of what they cost", async () => {
  for (const costMs of [4, 10, 40]) {
    const machine = new Machine();
    for (const name of numbered(300)) machine.connect(name, { costMs });
    await machine.run();
    assert.deepEqual(machine.names, numbered(300));
    const late = machine.passed.slice(-101);
    const paceMs = (late.at(-1)![1] - late[0]![1]) / 100;
    assert(paceMs > costMs * 1.2 && paceMs < costMs * 1.8, `${paceMs} ms each at ${costMs} ms of CPU`);
  }
});

Deno.test("ConnectGate.pass() leaves the loop free in between, however slowly the server answers", async () => {
  for (const costMs of [4, 10, 40]) {
    const togetherMs = 300 * costMs;
    for (const answerMs of [5, 100, 500, 2_000]) {
      const machine = new Machine();
      for (const name of numbered(300)) machine.connect(name, { costMs, answerMs });
      await machine.run();
      const what = `${machine.worstMs} ms of ${togetherMs} at ${costMs} ms each, answered in ${answerMs} ms`;
      // Without a gate the last one's turn comes after all the others.
      assert(machine.worstMs < togetherMs / 10, what);
      assert(machine.nowMs < 2.5 * togetherMs + 2 * answerMs, what);
    }
  }
});

Deno.test("ConnectGate.pass() slows down for what else the process does, and for what other processes do", async () => {
  const alone = new Machine();
  for (const name of numbered(100)) alone.connect(name);
  await alone.run();

  const sharing = new Machine();
  for (const name of numbered(100)) sharing.connect(name, { costMs: 30 });
  await sharing.run();
  assert(sharing.passed.at(-1)![1] > 2 * alone.passed.at(-1)![1], "messages cost CPU as well");

  const starved = new Machine();
  const work = starved.work.bind(starved);
  // Other processes have two thirds of the time: no CPU of ours.
  starved.work = (costMs) => {
    starved.nowMs += 2 * costMs;
    work(costMs);
  };
  for (const name of numbered(100)) starved.connect(name);
  await starved.run();
  assert(starved.passed.at(-1)![1] > 1.5 * alone.passed.at(-1)![1], "the loop is behind");
});

Deno.test("ConnectGate.pass() lets what somebody asked for go first, in its own order", async () => {
  const machine = new Machine();
  for (const name of numbered(100)) machine.connect(name);
  for (const name of ["create", "pairing_code"]) machine.connect(name, { urgent: true });
  await machine.run();
  const { names } = machine;
  assert(names.indexOf("create") < 20, "not after all the others");
  assert.equal(names.indexOf("pairing_code"), names.indexOf("create") + 1);
  assert.deepEqual(names.filter((name) => /\d/.test(name)), numbered(100));
});

Deno.test("ConnectGate.pass() does not hold a place for whoever gave up", async () => {
  const machine = new Machine();
  const given = new AbortController();
  for (const name of numbered(50)) machine.connect(name);
  for (const name of numbered(200)) machine.connect(`gone ${name}`, { signal: given.signal });
  machine.connect("last");
  given.abort();
  await machine.run();
  assert.deepEqual(machine.names, [...numbered(50), "last"]);
  const aborted = machine.gate.pass(given.signal);
  await aborted;
});

Deno.test("ConnectGate.pass() is not held up by connects that hang", async () => {
  const hanging = new Machine();
  for (const name of numbered(300)) hanging.connect(name, { costMs: 0, answerMs: 90_000 });
  await hanging.run();
  assert(hanging.passed.at(-1)![1] < 9_000, "a tenth of what one of them takes");
});

Deno.test("ConnectGate.pass() leaves nothing behind when all have given up", async () => {
  const gate = new ConnectGate({ cpuMs: () => 0, now: () => 0 });
  const given = new AbortController();
  // Its clock stands still: all but the first ones would wait for ever.
  const waiting = numbered(50).map(() => gate.pass(given.signal));
  given.abort();
  await Promise.all(waiting);
});

Deno.test("ConnectGate.pass() pauses for whoever comes at the moment the last one gives up", async () => {
  const signals: AbortSignal[] = [];
  const given = new AbortController();
  const gate = new ConnectGate({
    cpuMs: () => 0,
    now: () => 0,
    pause: (_ms, { signal }) => {
      // A pause that is over at once, again and again, would leave nobody else a turn.
      assert(!signal.aborted);
      signals.push(signal);
      const { promise, reject } = Promise.withResolvers<void>();
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      return promise;
    },
  });
  const waiting = numbered(50).map(() => gate.pass(given.signal));
  given.abort();
  const late = new AbortController();
  const newcomer = gate.pass(late.signal);
  await Promise.all(waiting);
  while (signals.length < 2) await Promise.resolve();
  late.abort();
  await newcomer;
});
