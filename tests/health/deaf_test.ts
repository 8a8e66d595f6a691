import { strict as assert } from "node:assert";
import type { ProbeTimings } from "../../src/whatsapp/vitals/probe.ts";
import type { VitalsReport } from "../../src/whatsapp/vitals/vitals.ts";
import type { Received } from "../backend/backend.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import {
  answer,
  event,
  events,
  FRIEND,
  health,
  LINE,
  sendText,
  settled,
  stateOf,
} from "../sessions/steps.ts";
import { until } from "../bridge/bridge.ts";
import { pair, type Stack, startStack } from "../stack.ts";

const broker = await sharedBroker();

/** Pauses of tests; a worker's own are in minutes. */
const QUICK: ProbeTimings = { intervalMs: 200, patienceMs: 500, countEveryMs: 600, quietMs: 3_600_000 };

/** A worker with one number that is healthy, and whose probes are as quick as given. */
async function connected(stack: Stack, probe: Partial<ProbeTimings> = {}): Promise<void> {
  await stack.startWorker({}, { random: () => 0, probe: { ...QUICK, ...probe } });
  await pair(stack, LINE);
}

/** The health reports about the number from here on. */
function reportsFrom({ backend }: Stack) {
  const start = backend.received.length;
  return () =>
    backend.received.slice(start).filter(({ body }) => body.action === "number_health")
      .map(({ body }) => [body.status, body.reason]);
}

for (const deafness of ["everything", "queries"] as const) {
  Deno.test(`A socket that answers ${deafness === "everything" ? "nothing" : "pings alone"} is deaf, and rebuilt`, async () => {
    await using stack = await startStack({ broker });
    await connected(stack);
    const reports = reportsFrom(stack);
    const { logins } = stack.standIn.stats;

    stack.standIn.faults.deafen(deafness);
    const told = await health(stack, LINE, "UNHEALTHY", "deaf");
    assert.equal((told.body.vitals as VitalsReport).deafSockets, 1);
    const { body } = await event(stack, LINE, "disconnected");
    assert.deepEqual([body.code, body.reason, body.willReconnect], [408, "deaf", true]);
    await event(stack, LINE, "connected");
    await health(stack, LINE, "HEALTHY");

    assert.deepEqual(reports(), [["UNHEALTHY", "deaf"], ["HEALTHY", undefined]]);
    assert.equal(stack.standIn.stats.logins, logins + 1);
    assert.equal(stack.standIn.clients.length, 1, "the deaf socket is gone");
    await stack.standIn.contact(FRIEND).sendText(LINE.phoneNumber, "salut");
    await event(stack, LINE, "message_received", { body: "salut" });
  });
}

Deno.test("A number whose socket was deaf is away, no longer deaf, when WhatsApp cannot be reached at all", async () => {
  await using stack = await startStack({ broker });
  await connected(stack);
  stack.standIn.faults.refuseUpgrade(503);
  stack.standIn.faults.deafen("everything");
  await health(stack, LINE, "UNHEALTHY", "deaf");
  await health(stack, LINE, "DISCONNECTED", "reconnecting");
  assert.equal((await stateOf(stack, LINE)).status, "DISCONNECTED");
  stack.standIn.faults.refuseUpgrade(null);
  await health(stack, LINE, "HEALTHY");
  assert.deepEqual(events(stack, LINE, "disconnected").map(({ body }) => body.reason), [
    "deaf",
    "upgrade_refused",
  ]);
});

Deno.test("No report calls a number healthy from its deaf socket to the first answer on its new one", async () => {
  await using stack = await startStack({ broker });
  const { backend, standIn } = stack;
  await stack.startWorker({ HEALTH_CHECK_INTERVAL: "1000" }, { random: () => 1, probe: QUICK });
  await pair(stack, LINE);
  const isReport = ({ body }: Received) => body.action === "number_health";
  standIn.faults.deafen("everything");
  await health(stack, LINE, "UNHEALTHY", "deaf");
  // The new socket opens, and is not open: its login is never answered.
  standIn.faults.silence = true;
  for (let asked = 0; asked < 3; asked++) {
    const correlationId = await backend.healthCheck({ action: "health_check", numberId: LINE.numberId });
    const { body } = await backend.next(
      ({ body, properties }) => body.action === "number_health" && properties.correlationId === correlationId,
      { describe: "the answer to a health check" },
    );
    assert.deepEqual([body.status, body.reason], ["UNHEALTHY", "deaf"]);
    assert.equal((body.vitals as VitalsReport).deafSockets, 1);
    // A periodic report, which comes although nothing has changed.
    const periodic = await backend.next(
      ({ body, properties }) => body.status === "UNHEALTHY" && properties.correlationId !== correlationId,
      { describe: "a periodic report" },
    );
    assert.deepEqual(
      Object.keys(periodic.body.vitals as VitalsReport),
      Object.keys(body.vitals as VitalsReport),
    );
  }
  const reports = backend.received.filter(isReport).map(({ body }) => body.status);
  assert.equal(reports.includes("HEALTHY", reports.indexOf("UNHEALTHY")), false);
  standIn.faults.silence = false;
  standIn.faults.dropLinks();
  await health(stack, LINE, "HEALTHY");
});

Deno.test("A socket on which three messages are not answered is deaf, whatever else it answers", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND, { autoDeliver: false });
  await stack.startWorker({ MESSAGE_TIMEOUT: "1000" }, { random: () => 0 });
  await pair(stack, LINE);
  stack.standIn.faults.dropAcks = true;
  for (const [index, text] of ["one", "two", "three"].entries()) {
    assert.deepEqual(events(stack, LINE, "disconnected"), []);
    const { body } = await answer(stack, await sendText(stack, LINE, index, text), "FAILED");
    assert.equal(body.code, "unconfirmed");
  }
  await health(stack, LINE, "UNHEALTHY", "deaf");
  stack.standIn.faults.dropAcks = false;
  await health(stack, LINE, "HEALTHY");
  await answer(stack, await sendText(stack, LINE, 4, "four"), "SENT");
});

Deno.test("A socket that answers and delivers nothing is exchanged, and found out by what had been kept back", async () => {
  await using stack = await startStack({ broker });
  await connected(stack, { quietMs: 4_000 });
  const { faults } = stack.standIn;
  const reports = reportsFrom(stack);
  faults.deafen("deliveries");
  faults.skewMs = -60 * 60_000;
  await stack.standIn.contact(FRIEND).sendText(LINE.phoneNumber, "an hour ago");
  faults.skewMs = 0;

  await event(stack, LINE, "message_received", { body: "an hour ago" });
  const told = await health(stack, LINE, "UNHEALTHY", "deaf");
  assert.equal((told.body.vitals as VitalsReport).deafSockets, 1);
  await health(stack, LINE, "HEALTHY");
  assert.deepEqual(reports(), [["UNHEALTHY", "deaf"], ["HEALTHY", undefined]]);
  assert.deepEqual(events(stack, LINE, "disconnected"), []);
  assert.ok(stack.logged.some((line) => line.includes("the socket before was deaf")));
});

Deno.test("A number that has nothing to say changes its sockets without a word", async () => {
  await using stack = await startStack({ broker });
  await connected(stack, { quietMs: 400 });
  const reports = reportsFrom(stack);
  const { stats } = stack.standIn;
  const { logins } = stats;
  await until(() => stats.logins >= logins + 3, { describe: "three new sockets" });
  // What came at once with the last of them may be on its way still.
  await stack.standIn.contact(FRIEND).sendText(LINE.phoneNumber, "salut");
  await event(stack, LINE, "message_received", { body: "salut" });
  await settled(stack, LINE);
  assert.deepEqual(reports(), []);
  assert.deepEqual(events(stack, LINE, "disconnected"), []);
  assert.equal(events(stack, LINE, "connected").length, 1);
  assert.equal(stack.logged.some((line) => line.includes("was deaf")), false);
});

Deno.test("A quiet socket that cannot be exchanged is a number that is away", async () => {
  await using stack = await startStack({ broker });
  await connected(stack, { quietMs: 1_000 });
  stack.standIn.faults.refuseUpgrade(503);
  const { body } = await event(stack, LINE, "disconnected");
  assert.equal(body.reason, "upgrade_refused");
  await health(stack, LINE, "DISCONNECTED", "reconnecting");
  stack.standIn.faults.refuseUpgrade(null);
  await event(stack, LINE, "connected");
  await health(stack, LINE, "HEALTHY");
});
