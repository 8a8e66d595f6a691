/** A worker that stands still (a host that swaps, a virtual machine that is moved) and goes on as if nothing had been. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { until } from "../../bridge/bridge.ts";
import { sharedBroker } from "../../rabbitmq/shared.ts";
import { startStack } from "../../stack.ts";
import { startTraffic } from "./traffic.ts";

const broker = await sharedBroker();

Deno.test("a reader that stands still is replaced, and does nothing twice when it goes on", async () => {
  await using stack = await startStack({ broker });
  const { backend, standIn, logged } = stack;
  const settings = { RABBITMQ_URL: `${stack.url}?heartbeat=1` };
  const frozen = stack.startProgram({ ...settings, LOG_LEVEL: "info" });
  await frozen.printed("is the reader of the shared queues");
  const traffic = await startTraffic(stack);
  const other = await stack.startWorker({
    ...settings,
    WORKER_ID: "worker-2",
    SESSION_DIR: join(stack.folder, "worker-2"),
  });
  await traffic.round(3);
  await traffic.settled();

  // One send is in hand and waits for WhatsApp's word, others wait behind it; commands are on their way.
  standIn.faults.ackDelayMs = 1_000;
  await traffic.send(5);
  await traffic.command(5);
  await until(() => traffic.contact.inbox.length === 4, { describe: "the first of them" });
  frozen.process.kill("SIGSTOP");
  const stoppedAt = performance.now();
  try {
    standIn.faults.ackDelayMs = 0;
    const isReader = () => logged.some((line) => line.includes("is the reader of the shared queues"));
    await until(isReader, { describe: "another reader" });
    const failoverMs = performance.now() - stoppedAt;
    // Two to three heartbeats and the pause of an election.
    assert.ok(failoverMs < 8_000, `${failoverMs} ms`);

    // A command for nobody in particular is carried out; what is for the number waits for its worker.
    const asked = await backend.command({ action: "status", workerId: "worker-2" });
    await backend.next(({ properties }) => properties.correlationId === asked, { describe: "an answer" });
    await traffic.round(3);
    const held = await backend.command({
      action: "create",
      numberId: 6,
      phoneNumber: "+221771234567",
      workerId: "worker-2",
    });
    const { body } = await backend.next(({ properties }) => properties.correlationId === held);
    assert.equal(body.code, "held_elsewhere", "its number is nobody else's");
  } finally {
    frozen.process.kill("SIGCONT");
  }
  await traffic.round(3);
  await traffic.settled();
  const log = () => frozen.output();
  assert.ok(log().includes("the connection to the broker is gone"), "it has noticed");
  assert.equal(log().split("is the reader of the shared queues").length, 2, "and is not the reader any more");
  assert.ok(!log().includes("lease_lost"), "its number is still its own");
  assert.ok(!log().includes(`"level":50`), `nothing of it is an error:\n${log()}`);
  await other.stop();
});
