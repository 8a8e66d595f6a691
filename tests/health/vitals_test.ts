import { strict as assert } from "node:assert";
import type { WorkerReport } from "../../src/contract/events.ts";
import type { VitalsReport } from "../../src/whatsapp/vitals/vitals.ts";
import { until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, event, FRIEND, health, LINE, sendText, stateOf } from "../sessions/steps.ts";
import { pair, type Stack, startStack, type WorkerExtras } from "../stack.ts";

const broker = await sharedBroker();

const DAY_MS = 24 * 60 * 60_000;
/** Probes every few tenths of a second, so that what they find out is up to date. */
const QUICK: WorkerExtras = { probe: { intervalMs: 200, countEveryMs: 200 } };

/** What `health_check` answers for the number. */
async function checked({ backend }: Stack): Promise<Record<string, unknown>> {
  const correlationId = await backend.healthCheck({ action: "health_check", numberId: LINE.numberId });
  const { body } = await backend.next(
    ({ body, properties }) => body.action === "number_health" && properties.correlationId === correlationId,
    { describe: "the answer to a health check" },
  );
  return body;
}

async function vitals(stack: Stack): Promise<VitalsReport> {
  return (await checked(stack)).vitals as VitalsReport;
}

/** Asks until the vitals are as expected. */
async function vitalsWhere(stack: Stack, isSo: (vitals: VitalsReport) => boolean): Promise<VitalsReport> {
  const deadline = AbortSignal.timeout(10_000);
  for (;;) {
    const found = await vitals(stack);
    if (isSo(found)) return found;
    assert.equal(deadline.aborted, false, `the vitals stay ${JSON.stringify(found)}`);
  }
}

Deno.test("Health and status say what the session knows of its own health", async () => {
  await using stack = await startStack({ broker });
  const startedAtMs = Date.now();
  await stack.startWorker({}, QUICK);
  await pair(stack, LINE);
  const atFirst = await vitals(stack);
  assert.equal(atFirst.lastMessageAt, null);
  assert.equal(atFirst.prekeyCount, 811, "asked again after the upload; the phone has used one");
  assert.ok(atFirst.keepaliveRoundTripMs! > 0);

  await stack.standIn.contact(FRIEND).sendText(LINE.phoneNumber, "salut");
  await event(stack, LINE, "message_received");
  const later = await vitalsWhere(stack, ({ prekeyCount }) => prekeyCount === 810);
  for (const atMs of [later.lastStanzaAt, later.lastMessageAt, later.phoneSeenAt]) {
    assert.ok(
      atMs! >= Math.floor(startedAtMs / 1000) * 1000 && atMs! <= Date.now(),
      `${atMs} is a moment of this test`,
    );
  }
  assert.ok(later.lastStanzaAt! >= later.lastMessageAt!);
  assert.deepEqual([later.reachoutTimelockUntil, later.undecryptable, later.deafSockets], [null, 0, 0]);
  const status = await stateOf(stack, LINE);
  assert.equal(status.status, "HEALTHY");
  assert.deepEqual(Object.keys(status.vitals as VitalsReport), Object.keys(later));
  await stack.backend.command({ action: "status" });
  const worker = await stack.backend.next(
    ({ body }) => body.action === "worker_status" && (body.data as WorkerReport).connectedSessions === 1,
    { describe: "a worker_status" },
  );
  assert.deepEqual((worker.body.data as WorkerReport).health, { HEALTHY: 1 });
});

Deno.test("A number that may write to nobody new is healthy, and says until when, also after a restart", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  stack.standIn.contact(FRIEND);
  stack.standIn.faults.refuseSends(463);
  await answer(stack, await sendText(stack, LINE, 1, "salut"), "FAILED");
  const { body } = await health(stack, LINE, "HEALTHY", "restricted");
  assert.deepEqual(body.warnings, ["restricted"]);
  const untilMs = (body.vitals as VitalsReport).reachoutTimelockUntil!;
  assert.ok(untilMs > Date.now() + 3_500_000 && untilMs < Date.now() + 3_700_000);

  await worker.stop();
  const restarted = await stack.startWorker();
  await event(stack, LINE, "connected");
  await health(stack, LINE, "HEALTHY", "restricted");
  await restarted.stop();
  stack.standIn.faults.refuseSends(null);
  await stack.startWorker();
  await event(stack, LINE, "connected");
  const now = await checked(stack);
  assert.deepEqual([now.status, now.reason, now.warnings], ["HEALTHY", undefined, undefined]);
});

Deno.test("Messages that cannot be decrypted are counted for as long as they have not come after all", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const friend = stack.standIn.contact(FRIEND);
  friend.damageNext();
  await friend.sendText(LINE.phoneNumber, "at the second attempt");
  await event(stack, LINE, "message_received", { body: "at the second attempt" });
  await vitalsWhere(stack, ({ undecryptable }) => undecryptable === 0);

  friend.damageNext(100);
  await friend.sendText(LINE.phoneNumber, "never");
  await vitalsWhere(stack, ({ undecryptable }) => undecryptable === 1);
  await until(() => stack.standIn.stats.retries >= 6, { describe: "every attempt" });
  assert.equal((await vitals(stack)).undecryptable, 1, "one message, however often it was tried");
  await worker.stop();
  await stack.startWorker();
  await event(stack, LINE, "connected");
  assert.equal((await vitals(stack)).undecryptable, 1);
});

Deno.test("A phone that gave no sign for 12 days is warned of, also over a restart, until it does", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const { phoneSeenAt } = await vitals(stack);
  await worker.stop();

  const almost = await stack.startWorker({}, { now: () => Date.now() + 12 * DAY_MS - 60_000 });
  await event(stack, LINE, "connected");
  const still = await checked(stack);
  assert.deepEqual([still.status, still.reason], ["HEALTHY", undefined]);
  const recalled = (still.vitals as VitalsReport).phoneSeenAt!;
  assert.ok(phoneSeenAt! - recalled < 60 * 60_000 && recalled <= phoneSeenAt!, "it is kept to the hour");
  await almost.stop();

  stack.standIn.phone(LINE.phoneNumber).isOn = false;
  await stack.startWorker({}, { ...QUICK, now: () => Date.now() + 12 * DAY_MS + 60_000 });
  const { body } = await health(stack, LINE, "HEALTHY", "phone_unseen");
  assert.deepEqual(body.warnings, ["phone_unseen"]);
  await checked(stack);
  const warned = stack.logged.filter((line) => line.includes("no sign of the phone for 12 days"));
  assert.equal(warned.length, 1);

  stack.standIn.faults.skewMs = 12 * DAY_MS;
  stack.standIn.contact(FRIEND);
  await stack.standIn.phone(LINE.phoneNumber).sendText(FRIEND, "me again");
  await vitalsWhere(stack, (found) => found.phoneSeenAt! > phoneSeenAt! + 11 * DAY_MS);
  assert.equal((await checked(stack)).reason, undefined);
});

Deno.test("A phone that is there but quiet is asked for a sign before anybody is warned", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const { phoneSeenAt } = await vitals(stack);
  await worker.stop();

  stack.standIn.faults.skewMs = 11 * DAY_MS;
  await stack.startWorker({}, { ...QUICK, now: () => Date.now() + 11 * DAY_MS });
  await event(stack, LINE, "connected");
  await vitalsWhere(stack, (found) => found.phoneSeenAt! > phoneSeenAt! + 10 * DAY_MS);
  await vitalsWhere(stack, ({ keepaliveRoundTripMs }) => keepaliveRoundTripMs !== null);
  assert.equal(stack.standIn.stats.messages, 1, "it is asked once");
});
