import { strict as assert } from "node:assert";
import pino from "pino";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { Vitals } from "../../../src/whatsapp/vitals/vitals.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const OWN = { jid: "221771234567:3@s.whatsapp.net", lid: "9900000001@lid" };

/** Vitals of one number on a clock of its own; `recalled()` are those that a restart would find. */
function measuring() {
  const clock = { now: 1_733_396_400_000 };
  const now = () => clock.now;
  const store = makeStore(Database.inMemory(), now);
  const make = () => new Vitals({ numberId: "6", store, now, log: () => pino({ level: "silent" }) });
  const vitals = make();
  return {
    clock,
    vitals,
    phoneSigns: () => vitals.heard({ tag: "receipt", attrs: { from: OWN.lid } }, OWN),
    recalled: async () => {
      const again = make();
      await again.load();
      return again;
    },
    [Symbol.dispose]: () => store.close(),
  };
}

Deno.test("Vitals.isPhoneDue() asks a phone that was not seen for ten days, once a day", () => {
  using test = measuring();
  const { vitals, clock } = test;
  test.phoneSigns();
  clock.now += 10 * DAY_MS - 1;
  assert.equal(vitals.isPhoneDue(), false);
  clock.now += 1;
  assert.equal(vitals.isPhoneDue(), true);
  clock.now += DAY_MS - 1;
  assert.equal(vitals.isPhoneDue(), false);
  clock.now += 1;
  assert.equal(vitals.isPhoneDue(), true);
  clock.now += DAY_MS;
  test.phoneSigns();
  assert.equal(vitals.isPhoneDue(), false);
});

Deno.test("Vitals.isPhoneDue() asks a phone that was never seen at once", () => {
  using test = measuring();
  assert.deepEqual([test.vitals.isPhoneDue(), test.vitals.isPhoneDue()], [true, false]);
});

Deno.test("Vitals.warnings count 12 days for a phone that was never seen from the first time it could have been", async () => {
  using test = measuring();
  const { vitals, clock } = test;
  clock.now += 20 * DAY_MS;
  assert.deepEqual(vitals.warnings, []);
  vitals.opened();
  clock.now += 12 * DAY_MS;
  assert.deepEqual(vitals.warnings, []);
  clock.now += 1;
  assert.deepEqual(vitals.warnings, ["phone_unseen"]);
  assert.deepEqual((await test.recalled()).warnings, ["phone_unseen"], "a restart does not begin anew");
  assert.equal(vitals.report().phoneSeenAt, null, "it was not seen for all that");
});

Deno.test("Vitals write down a sign of the phone once an hour", async () => {
  using test = measuring();
  const seen = async () => (await test.recalled()).report().phoneSeenAt;
  test.phoneSigns();
  const first = await seen();
  assert.equal(first, test.clock.now);
  test.clock.now += HOUR_MS - 1;
  test.phoneSigns();
  assert.equal(await seen(), first);
  test.clock.now += 1;
  test.phoneSigns();
  assert.equal(await seen(), test.clock.now);
});

Deno.test("Vitals warn of a restriction until it ends, or is lifted, or for as long as WhatsApp names no end", async () => {
  using test = measuring();
  const { vitals, clock } = test;
  const told = () => [vitals.warnings, vitals.report().reachoutTimelockUntil];
  const endMs = clock.now + HOUR_MS;
  const recalled = async () => (await test.recalled()).restrictedUntilMs;
  await vitals.timelock({ isActive: true, timeEnforcementEnds: new Date(endMs) });
  assert.deepEqual(told(), [["restricted"], endMs]);
  // It says more than that there is a restriction.
  await vitals.refusedNew();
  assert.deepEqual([vitals.restrictedUntilMs, await recalled()], [endMs, endMs]);
  clock.now = endMs;
  assert.deepEqual(told(), [[], null]);
  await vitals.refusedNew();
  assert.deepEqual([told(), await recalled()], [[["restricted"], null], Infinity]);
  await vitals.timelock({ isActive: true });
  assert.deepEqual(told(), [["restricted"], null]);
  await vitals.timelock({ isActive: false });
  assert.deepEqual([told(), await recalled()], [[[], null], 0]);
});

Deno.test("Vitals.forget() leaves nothing of the phone to the next device", async () => {
  using test = measuring();
  test.phoneSigns();
  await test.vitals.timelock({ isActive: true });
  test.vitals.forget();
  test.clock.now += 13 * DAY_MS;
  assert.deepEqual(test.vitals.warnings, []);
  assert.equal(test.vitals.report().phoneSeenAt, null);
});

Deno.test("Vitals.timelockUntilMs() waits for what WhatsApp says after a refusal, and no longer than it is asked to", async () => {
  using test = measuring();
  const { vitals, clock } = test;
  const end = (hours: number) => new Date(clock.now + hours * HOUR_MS);
  vitals.timelock({ isActive: true, timeEnforcementEnds: end(1) });
  clock.now += 1;
  const patience = new AbortController();
  const waiting = vitals.timelockUntilMs(clock.now, patience.signal);
  const late = end(2);
  vitals.timelock({ isActive: true, timeEnforcementEnds: late });
  assert.equal(await waiting, late.getTime());
  assert.equal(await vitals.timelockUntilMs(clock.now, patience.signal), late.getTime(), "it came before");
  clock.now += 1;
  const silent = vitals.timelockUntilMs(clock.now, patience.signal);
  patience.abort();
  assert.equal(await silent, late.getTime(), "what was known before");
  vitals.timelock({ isActive: true });
  assert.equal(await vitals.timelockUntilMs(clock.now, patience.signal), undefined, "nobody knows");
  vitals.timelock({ isActive: false });
  assert.equal(await vitals.timelockUntilMs(clock.now, patience.signal), undefined);
});
