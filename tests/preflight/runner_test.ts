import { strict as assert } from "node:assert";
import { type Check, failure, ok, warning } from "../../src/preflight/check.ts";
import { exitCodeOf } from "../../src/preflight/report.ts";
import { type Progress, runChecks } from "../../src/preflight/runner.ts";

const OPTIONS = { envFile: undefined, environment: {} };
const BAD = failure({ code: "bad", found: "It is bad", remedy: "Mend it" });

function check<T>(id: string, run: Check<T>["run"], more: Partial<Check<T>> = {}): Check<T> {
  return { id, title: `Title of ${id}`, why: "", exitCode: 69, after: [], run, ...more };
}

const fine = (id: string, more: Partial<Check> = {}) =>
  check(id, () => Promise.resolve({ findings: [ok("fine")], value: `value of ${id}` }), more);
const bad = (id: string, more: Partial<Check> = {}) =>
  check(id, () => Promise.resolve({ findings: [BAD] }), more);
const hanging = (id: string, more: Partial<Check> = {}) =>
  check(id, () => Promise.withResolvers<never>().promise, more);

Deno.test("runChecks() runs side by side what needs nothing of each other", async () => {
  const both = Promise.withResolvers<void>();
  let waiting = 0;
  const meet = (id: string) =>
    check(id, async () => {
      if (++waiting === 2) both.resolve();
      await both.promise;
      return { findings: [ok("met")] };
    });
  const results = await runChecks([meet("a"), meet("b")], OPTIONS);
  assert.deepEqual(results.map(({ id, status }) => [id, status]), [["a", "ok"], ["b", "ok"]]);
});

Deno.test("runChecks() hands a check the values of those it needs, and no others", async () => {
  const first = fine("first");
  const stranger = fine("stranger");
  const second = check("second", (probe) =>
    Promise.resolve({
      findings: [ok(String(probe.valueOf(first)))],
    }), { after: [first] });
  const nosy = check(
    "nosy",
    (probe) => Promise.resolve({ findings: [ok(String(probe.valueOf(stranger)))] }),
  );
  const results = await runChecks([first, stranger, second, nosy], OPTIONS);
  assert.equal(results[2]?.findings[0]?.found, "value of first");
  assert.match(results[3]?.findings[0]?.found ?? "", /'nosy' does not say it needs 'stranger'/);
});

Deno.test("runChecks() skips what builds on a failure, and names the failure itself", async () => {
  const root = bad("root");
  const next = fine("next", { after: [root] });
  const last = fine("last", { after: [next] });
  const other = fine("other");
  const results = await runChecks([root, next, last, other], OPTIONS);
  assert.deepEqual(results.map(({ id, status, skippedFor }) => [id, status, skippedFor]), [
    ["root", "failure", undefined],
    ["next", "skipped", ["root"]],
    ["last", "skipped", ["root"]],
    ["other", "ok", undefined],
  ]);
});

Deno.test("runChecks() goes on after a warning", async () => {
  const doubtful = check("doubtful", () =>
    Promise.resolve({
      findings: [ok("a"), warning({ code: "w", found: "odd", remedy: "look" })],
      value: 1,
    }));
  const results = await runChecks([doubtful, fine("next", { after: [doubtful] })], OPTIONS);
  assert.deepEqual(results.map(({ status }) => status), ["warning", "ok"]);
});

Deno.test("runChecks() leaves behind a check that hangs in spite of its signal", async () => {
  const [slow, next] = await runChecks([hanging("slow", { timeoutMs: 20 }), fine("next")], OPTIONS);
  assert.equal(slow?.status, "failure");
  assert.equal(slow?.findings[0]?.code, "timeout");
  assert.equal(next?.status, "ok");
});

Deno.test("runChecks() lets a check word its own timeout", async () => {
  const wordy = check("wordy", ({ signal }) => {
    const { promise, resolve } = Promise.withResolvers<{ findings: [typeof BAD] }>();
    signal.addEventListener("abort", () => resolve({ findings: [BAD] }));
    return promise;
  }, { timeoutMs: 20 });
  const [result] = await runChecks([wordy], OPTIONS);
  assert.equal(result?.findings[0]?.code, "bad");
});

Deno.test("runChecks() ends when the time for all is up, however patient each one is", async () => {
  const first = hanging("first", { timeoutMs: 60_000 });
  const results = await runChecks([first, fine("next", { after: [first] })], {
    ...OPTIONS,
    totalTimeoutMs: 20,
  });
  assert.deepEqual(results.map(({ status }) => status), ["failure", "skipped"]);
});

Deno.test("runChecks() turns a throw into a failure", async () => {
  const broken = check("broken", () => {
    throw new Error("out of luck");
  });
  const [result] = await runChecks([broken], OPTIONS);
  assert.match(result?.findings[0]?.found ?? "", /broke off: out of luck/);
  assert.ok(result?.findings[0]?.remedy);
});

Deno.test("runChecks() tells how far it is", async () => {
  const seen: Progress[] = [];
  const first = fine("first");
  await runChecks([first, fine("second", { after: [first] })], {
    ...OPTIONS,
    onProgress: (progress) => seen.push(progress),
  });
  assert.deepEqual(seen[0], { ended: 0, total: 2, running: ["Title of first"] });
  assert.deepEqual(seen.at(-1), { ended: 2, total: 2, running: [] });
});

Deno.test("exitCodeOf() puts the configuration before the state folder before the network", async () => {
  const config = bad("config", { exitCode: 78 });
  const state = bad("state", { exitCode: 73 });
  const net = bad("net", { exitCode: 69 });
  const codeOf = async (...checks: Check[]) => exitCodeOf(checks, await runChecks(checks, OPTIONS));
  assert.equal(await codeOf(net, state, config), 78);
  assert.equal(await codeOf(net, state), 73);
  assert.equal(await codeOf(net, fine("a")), 69);
  assert.equal(await codeOf(fine("a")), 0);
});

Deno.test("exitCodeOf() counts warnings when it is strict", async () => {
  const doubtful = check(
    "doubtful",
    () => Promise.resolve({ findings: [warning({ code: "w", found: "odd", remedy: "look" })], value: 1 }),
  );
  const codes = async (...checks: Check[]) => {
    const results = await runChecks(checks, OPTIONS);
    return [exitCodeOf(checks, results), exitCodeOf(checks, results, { strict: true })];
  };
  assert.deepEqual(await codes(fine("a")), [0, 0]);
  assert.deepEqual(await codes(doubtful, fine("a")), [0, 1]);
  assert.deepEqual(await codes(doubtful, bad("net", { exitCode: 69 })), [69, 69]);
});

Deno.test("runChecks() tells a check how long it may take", async () => {
  let leftMs = 0;
  const asking = check("asking", (probe) => {
    leftMs = probe.leftMs();
    return Promise.resolve({ findings: [ok("asked")] });
  }, { timeoutMs: 60_000 });
  await runChecks([asking], { ...OPTIONS, totalTimeoutMs: 1_000 });
  assert.ok(leftMs > 0 && leftMs <= 1_000, String(leftMs));
});
