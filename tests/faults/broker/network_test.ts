/** What the network does between worker and broker. The backend has a way of its own: it goes on while the worker is cut off. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { lookAtDatabase } from "../../../src/store/database_look.ts";
import { timed, until } from "../../bridge/bridge.ts";
import { startProxy } from "../../rabbitmq/proxy.ts";
import { sharedBroker } from "../../rabbitmq/shared.ts";
import { type Stack, startStack } from "../../stack.ts";
import { startTraffic } from "./traffic.ts";

const broker = await sharedBroker();

/** The worker's way to the broker; it takes silence for death after two or three seconds. */
async function throughProxy(stack: Stack) {
  const proxy = await startProxy(broker.port);
  const url = new URL(stack.url);
  url.port = String(proxy.port);
  url.search = "?heartbeat=1";
  return { proxy, settings: { RABBITMQ_URL: url.href, STATUS_INTERVAL: "1000" } };
}

const logged = (stack: Stack, text: string) => stack.logged.filter((line) => line.includes(text)).length;

Deno.test("a worker that is cut off goes on by itself, with nothing lost, doubled or out of order", async (t) => {
  await using stack = await startStack({ broker });
  const { proxy, settings } = await throughProxy(stack);
  await using _proxy = proxy;
  const worker = await stack.startWorker(settings);
  const traffic = await startTraffic(stack);

  /** `fault` in the midst of traffic, and the end of it when the worker has noticed. */
  const through = async (fault: () => void, mend = () => {}) => {
    const lost = logged(stack, "the connection to the broker is gone");
    await traffic.round(2);
    const meanwhile = traffic.round(5);
    fault();
    await meanwhile;
    await traffic.write(3);
    await until(() => logged(stack, "the connection to the broker is gone") > lost, {
      describe: "the worker's word that it is cut off",
    });
    mend();
    await traffic.round(2);
    await traffic.settled();
  };

  await t.step("connections are closed", () => through(() => proxy.drop()));
  await t.step("connections are reset", () => through(() => proxy.reset()));
  for (const direction of ["up", "down", "both"] as const) {
    await t.step(
      `what goes ${direction} is swallowed, and comes late when the worker has a new connection`,
      () => through(() => proxy.blackhole(direction), () => proxy.restore()),
    );
  }
  await t.step("nobody is let in for a while", () => through(() => proxy.refuse(), () => proxy.restore()));

  assert.equal(logged(stack, "connected to WhatsApp"), 1, "WhatsApp has noticed none of it");
  await t.step("the worker is stopped in the midst of it", async () => {
    proxy.blackhole("both");
    await traffic.write(3);
    assert.ok(await timed(worker.stop()) < 15_000);
    proxy.restore();
    await stack.startWorker(settings);
    await traffic.round(1);
    await traffic.settled();
  });
});

Deno.test("what the broker took but could not confirm any more is told again under the same message_id", async () => {
  await using stack = await startStack({ broker });
  const { proxy, settings } = await throughProxy(stack);
  await using _proxy = proxy;
  await stack.startWorker({ ...settings, STATUS_INTERVAL: "60000" });
  const traffic = await startTraffic(stack);
  const { received } = stack.backend;
  await traffic.round(1);
  await traffic.settled();
  // Whatever waits for the broker's word holds up what comes after it.
  await until(() => received.some(({ body }) => body.status === "DELIVERED"), { describe: "DELIVERED" });
  const outboxDepth = () => lookAtDatabase(join(stack.folder, "sessions")).outboxDepth;
  await until(() => outboxDepth() === 0, { describe: "an empty outbox" });

  const before = received.length;
  // What the worker publishes passes; the broker's word that it has it does not.
  proxy.blackhole("down");
  await traffic.write(1);
  const texts = () => received.slice(before).filter(({ body }) => body.action === "message_received");
  await until(() => texts().length === 1, { describe: "the message at the backend" });
  proxy.reset();
  proxy.restore();
  await until(() => texts().length === 2, { describe: "the same again" });
  const [first, again] = texts();
  assert.equal(first?.properties.messageId, again?.properties.messageId);
  assert.equal(first?.text, again?.text);
  await traffic.round(1);
  await traffic.settled();
});

Deno.test("what counts as failed does not arrive late, when the network lets through again what it held", async () => {
  await using stack = await startStack({ broker });
  const { proxy, settings } = await throughProxy(stack);
  await using _proxy = proxy;
  await stack.startWorker(settings);
  const traffic = await startTraffic(stack);
  const { received } = stack.backend;
  for (let round = 1; round <= 2; round++) {
    const before = received.length;
    proxy.blackhole("both");
    await traffic.write(3);
    await until(() => logged(stack, "Heartbeat timeout") === round, {
      describe: "the end of the connection",
    });
    proxy.restore();
    await traffic.settled();
    await until(() => proxy.connections === 1, { describe: "the end of the old connection" });
    const texts = received.slice(before).filter(({ body }) => body.action === "message_received");
    assert.equal(texts.length, 3, "each was told once");
  }
});
