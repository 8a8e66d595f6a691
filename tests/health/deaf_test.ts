import { strict as assert } from "node:assert";
import type { ProbeTimings } from "../../src/whatsapp/probe.ts";
import type { VitalsReport } from "../../src/whatsapp/vitals.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { event, FRIEND, health, LINE } from "../sessions/steps.ts";
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
