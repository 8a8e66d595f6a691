import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { act, done, result } from "./chat_steps.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, sendText } from "./steps.ts";

const broker = await sharedBroker();
const MINUTE_MS = 60_000;

/** A stack with a worker whose clock can be put forward. */
async function startWithClock(environment: Record<string, string> = {}) {
  const stack = await startStack({ broker, environment });
  const clock = { laterMs: 0 };
  await stack.startWorker({}, { now: () => Date.now() + clock.laterMs });
  await pair(stack, LINE);
  return { stack, clock };
}

async function check(stack: Stack, phoneNumber: string): Promise<Record<string, unknown>> {
  return await done(stack, "CHECK_NUMBER", { phoneNumber });
}

Deno.test("CHECK_NUMBER tells who has WhatsApp, under which number and LID", async () => {
  const { stack } = await startWithClock();
  await using _ = stack;
  const { standIn } = stack;
  const friend = standIn.contact(FRIEND);
  const hidden = standIn.contact("221778888888", { lidInDirectory: false });
  // Brazil has added a digit to its mobile numbers; WhatsApp knows older accounts without it.
  const ana = standIn.contact("553188887777");
  standIn.formerNumber("5531988887777", ana);
  const cases = [
    [`+${FRIEND}`, { exists: true, jid: `${FRIEND}@c.us`, lid: friend.lid }],
    ["221 77 888 88 88", { exists: true, jid: `${hidden.number}@c.us`, lid: null }],
    ["+55 31 98888-7777".replace("-", " "), { exists: true, jid: "553188887777@c.us", lid: ana.lid }],
    ["+221770000000", { exists: false, jid: null, lid: null }],
    [LINE.phoneNumber, {
      exists: true,
      jid: `${LINE.phoneNumber}@c.us`,
      lid: standIn.phone(LINE.phoneNumber).lid,
    }],
  ] as const;
  for (const [phoneNumber, expected] of cases) {
    const { status, data } = await check(stack, phoneNumber);
    assert.equal(status, "DONE");
    const { checkedAt, ...rest } = data as Record<string, unknown>;
    assert.ok(Math.abs(Number(checkedAt) - Date.now()) < MINUTE_MS);
    assert.deepEqual(rest, { phoneNumber: `+${phoneNumber.replace(/\D/g, "")}`, ...expected });
  }
  const commandId = await stack.backend.command({
    action: "check_number",
    numberId: LINE.numberId,
    to: FRIEND,
  });
  assert.equal((await result(stack, commandId)).body.status, "DONE");
  assert.deepEqual(standIn.stats.violations, []);
  assertNoErrorsLogged(stack);
});

Deno.test("CHECK_NUMBER asks WhatsApp once a day for who has it, and every ten minutes for who has not", async () => {
  const { stack, clock } = await startWithClock();
  await using _ = stack;
  const { standIn: { stats } } = stack;
  stack.standIn.contact(FRIEND);
  const absent = "221770000000";
  for (const number of [FRIEND, absent, FRIEND, absent]) await check(stack, number);
  assert.equal(stats.numberChecks, 2);
  clock.laterMs = 11 * MINUTE_MS;
  for (const number of [FRIEND, absent]) await check(stack, number);
  assert.equal(stats.numberChecks, 3);
  stack.standIn.contact(absent);
  clock.laterMs = 22 * MINUTE_MS;
  assert.equal(((await check(stack, absent)).data as Record<string, unknown>).exists, true);
  clock.laterMs = 25 * 60 * MINUTE_MS;
  await check(stack, FRIEND);
  assert.equal(stats.numberChecks, 5);
});

Deno.test("CHECK_NUMBER asks no faster than it may, and holds up nothing that is behind it", async () => {
  const { stack, clock } = await startWithClock({ NUMBER_CHECKS_PER_MINUTE: "2" });
  await using _ = stack;
  const { standIn: { stats } } = stack;
  stack.standIn.contact(FRIEND);
  await check(stack, FRIEND);
  clock.laterMs = MINUTE_MS / 2;
  await check(stack, "221770000001");
  const commandId = await act(stack, "CHECK_NUMBER", { phoneNumber: "221770000002" });
  const text = await sendText(stack, LINE, 1, "behind it");
  const { body } = await result(stack, commandId);
  await answer(stack, text, "SENT");
  assert.deepEqual([body.status, body.code, body.retryable], ["FAILED", "rate_limited", true]);
  // The first of the two is a minute ago then.
  const leftMs = Number(body.retryAt) - (Date.now() + clock.laterMs);
  assert.ok(leftMs > 0 && leftMs <= MINUTE_MS / 2, `${leftMs}`);
  // What is known need not be asked for.
  assert.equal((await check(stack, FRIEND)).status, "DONE");
  clock.laterMs += leftMs + 1;
  assert.equal((await check(stack, "221770000002")).status, "DONE");
  assert.equal((await check(stack, "221770000003")).status, "FAILED");
  assert.equal(stats.numberChecks, 3);
  // With a clock that was put back what was asked is still to come.
  clock.laterMs = -60 * MINUTE_MS;
  assert.equal((await check(stack, "221770000003")).status, "DONE");
  assertNoErrorsLogged(stack);
});

Deno.test("CHECK_NUMBER asks once in a minute while WhatsApp restricts the number, whatever the setting", async () => {
  const { stack } = await startWithClock({ NUMBER_CHECKS_PER_MINUTE: "0" });
  await using _ = stack;
  stack.standIn.contact(FRIEND);
  for (let number = 221770000001; number <= 221770000012; number++) await check(stack, String(number));
  assert.equal(stack.standIn.stats.numberChecks, 12);
  stack.standIn.faults.refuseSends(463);
  await answer(stack, await sendText(stack, LINE, 1, "to a stranger"), "FAILED");
  await event(stack, LINE, "number_health", { reason: "restricted" });
  const failed = await check(stack, "221770000013");
  assert.deepEqual([failed.status, failed.code, failed.retryable], ["FAILED", "rate_limited", true]);
  assert.match(String(failed.error), /restricted/);
  assert.equal(stack.standIn.stats.numberChecks, 12);
});
