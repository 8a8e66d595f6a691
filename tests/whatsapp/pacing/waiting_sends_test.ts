import { strict as assert } from "node:assert";
import pino from "pino";
import type { Telemetry } from "../../../src/telemetry.ts";
import type { PaceReason } from "../../../src/whatsapp/pacing/rules.ts";
import { WaitingSends } from "../../../src/whatsapp/pacing/waiting_sends.ts";

const MINUTE_MS = 60_000;
const send = (fingerprint: string, numberId = "6") => ({ numberId, fingerprint });

/** Waiting sends on a clock of their own, what they log, and what they count. */
function watching() {
  const clock = { now: 1_733_396_400_000 };
  const paced: [string, number][] = [];
  const logged: Record<string, unknown>[] = [];
  const telemetry = { paced: (reason: string, ms: number) => void paced.push([reason, ms]) } as Telemetry;
  const waiting = new WaitingSends({ now: () => clock.now, telemetry });
  const log = pino({ level: "info" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const wait = (fingerprint: string, reason: PaceReason, forMs: number, behind = 0) =>
    waiting.waits(send(fingerprint), { reason, untilMs: clock.now + forMs }, behind, log);
  return { clock, paced, logged, waiting, wait };
}

Deno.test("waits() says once what a long wait is for, and nothing of a short one", () => {
  const { clock, logged, waiting, wait } = watching();
  wait("short", "per_minute", 59_000, 3);
  waiting.ends(send("short"));
  assert.deepEqual(logged, []);
  for (let second = 0; second < 5; second++, clock.now += 1_000) wait("long", "per_day", 60 * MINUTE_MS, 50);
  assert.deepEqual(logged.map(({ reason, behind }) => [reason, behind]), [["per_day", 50]]);
});

Deno.test("ends() measures from when a send was first held, whatever passed it meanwhile", () => {
  const { clock, paced, waiting, wait } = watching();
  wait("campaign", "per_minute", 50_000, 49);
  clock.now += 10_000;
  wait("important", "per_minute", 40_000, 50);
  assert.deepEqual(waiting.numbers, [
    { numberId: "6", reason: "per_minute", until: clock.now + 40_000, waiting: 51 },
  ]);
  clock.now += 40_000;
  waiting.ends(send("important"));
  wait("campaign", "new_contact_gap", 5_000, 49);
  clock.now += 5_000;
  waiting.ends(send("campaign"));
  waiting.ends(send("never waited"));
  assert.deepEqual(paced, [["per_minute", 40_000], ["new_contact_gap", 55_000]]);
  assert.deepEqual(waiting.numbers, []);
});

Deno.test("reasonOf() knows what kept a number's sends waiting until a minute ago", () => {
  const { clock, waiting, wait } = watching();
  assert.equal(waiting.reasonOf("6"), undefined);
  wait("one", "warm_up", MINUTE_MS);
  assert.equal(waiting.reasonOf("6"), "warm_up");
  waiting.ends(send("one"));
  clock.now += MINUTE_MS - 1;
  assert.equal(waiting.reasonOf("6"), "warm_up");
  clock.now += 1;
  assert.equal(waiting.reasonOf("6"), undefined);
});

Deno.test("numbers leaves out what nobody has had in hand for ten minutes", () => {
  const { clock, waiting, wait } = watching();
  wait("one", "per_day", 60 * MINUTE_MS);
  clock.now += 10 * MINUTE_MS;
  assert.equal(waiting.numbers.length, 1);
  clock.now += 1;
  assert.deepEqual(waiting.numbers, []);
});
