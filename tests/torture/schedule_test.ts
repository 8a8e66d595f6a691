import { strict as assert } from "node:assert";
import { makeSchedule } from "./schedule.ts";
import { wordSchedule } from "./wording.ts";

const MINUTE_MS = 60_000;

Deno.test("makeSchedule() makes the same schedule of the same seed", () => {
  const one = makeSchedule({ seed: "a", durationMs: 5 * MINUTE_MS });
  const other = makeSchedule({ seed: "a", durationMs: 5 * MINUTE_MS });
  assert.deepEqual(one, other);
  assert.equal(wordSchedule(one, { traffic: true }), wordSchedule(other, { traffic: true }));
});

Deno.test("makeSchedule() makes other schedules of other seeds", () => {
  const fingerprints = ["a", "b", "1", "2"].map((seed) =>
    makeSchedule({ seed, durationMs: MINUTE_MS }).fingerprint
  );
  assert.equal(new Set(fingerprints).size, fingerprints.length);
});

Deno.test("makeSchedule() has every kind of fault and of traffic in five minutes", () => {
  for (const seed of ["a", "b", "c"]) {
    const { faults, traffic, cast } = makeSchedule({ seed, durationMs: 5 * MINUTE_MS });
    assert.equal(new Set(faults.map(({ kind }) => kind)).size, 15);
    assert.equal(new Set(traffic.map(({ kind }) => kind)).size, 4);
    assert.equal(cast.workers.length, 3);
    assert.equal(cast.lines.length, 30);
    const freezes = faults.filter(({ kind }) => kind === "worker_freeze");
    assert.ok(freezes.every((fault) => "forMs" in fault && fault.forMs >= 1_000 && fault.forMs <= 40_000));
  }
});
