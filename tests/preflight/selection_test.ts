import { strict as assert } from "node:assert";
import { type Check, failure, ok } from "../../src/preflight/check.ts";
import { CHECKS } from "../../src/preflight/checks/mod.ts";
import { runChecks } from "../../src/preflight/runner.ts";
import { selectChecks, timeoutMsOf, WrongUsage } from "../../src/preflight/selection.ts";

function check(id: string, after: Check[] = [], isFine = true): Check {
  const finding = isFine ? ok("fine") : failure({ code: "bad", found: "It is bad", remedy: "Mend it" });
  const run = () => Promise.resolve({ findings: [finding], value: id });
  return { id, title: id, why: "", exitCode: 69, after, run };
}

const OPTIONS = { envFile: undefined, environment: {} };

/** The ids that `only` runs and reports. */
async function select(all: readonly Check[], only: string | undefined) {
  const { checks, reported } = selectChecks(all, only);
  const results = await runChecks(checks, OPTIONS);
  return { ran: results.map(({ id }) => id), reported: reported(results).map(({ id }) => id) };
}

function house({ configurationIsFine }: { configurationIsFine: boolean }): Check[] {
  const configuration = check("configuration", [], configurationIsFine);
  const reach = check("broker.reach", [configuration]);
  return [configuration, check("state.folder", [configuration]), reach, check("broker.login", [reach])];
}

Deno.test("selectChecks() runs all checks when none is named", async () => {
  const all = house({ configurationIsFine: true });
  const ids = all.map(({ id }) => id);
  assert.deepEqual(await select(all, undefined), { ran: ids, reported: ids });
});

Deno.test("selectChecks() runs what the named checks need and reports the named ones, in order", async () => {
  const all = house({ configurationIsFine: true });
  assert.deepEqual(await select(all, "broker.login"), {
    ran: ["configuration", "broker.reach", "broker.login"],
    reported: ["broker.login"],
  });
  const groups = await select(all, " broker, configuration");
  assert.deepEqual(groups.reported, ["configuration", "broker.reach", "broker.login"]);
});

Deno.test("selectChecks() reports what the named checks need when it fails", async () => {
  const all = house({ configurationIsFine: false });
  assert.deepEqual((await select(all, "broker.login")).reported, ["configuration", "broker.login"]);
});

Deno.test("selectChecks() refuses a name that is none, with the nearest", () => {
  const refusal = (only: string) => {
    try {
      selectChecks(CHECKS, only);
    } catch (error) {
      if (error instanceof WrongUsage) return error.message;
      throw error;
    }
    return "taken";
  };
  assert.equal(refusal("borker"), `There is no check "borker". Did you mean 'broker'?`);
  assert.equal(refusal("state.dsk"), `There is no check "state.dsk". Did you mean 'state.disk'?`);
  assert.match(refusal("zzzzzzzzzzzzzzzzzzzzzz"), /Known: configuration, /);
  assert.match(refusal("broker,"), /There is no check ""/);
});

Deno.test("timeoutMsOf() takes seconds from 1 to an hour", () => {
  assert.deepEqual(["1", "2.5", "3600"].map(timeoutMsOf), [1000, 2500, 3_600_000]);
  for (const text of ["", "0", "0.9", "3601", "-1", "1e3", "15s", "NaN", "0x10"]) {
    assert.throws(() => timeoutMsOf(text), WrongUsage, text);
  }
});

Deno.test("Every check has an id of its own and comes after those it needs", () => {
  assert.equal(new Set(CHECKS.map(({ id }) => id)).size, CHECKS.length);
  CHECKS.forEach((check, at) => {
    for (const other of check.after) assert.ok(CHECKS.indexOf(other) < at, `${check.id} after ${other.id}`);
    assert.ok(check.title.length <= 20, check.title);
  });
});
