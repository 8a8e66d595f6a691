/** What a deployment goes through when its broker does. The broker is this file's own: it is killed, stopped and starved. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { lookAtDatabase } from "../../../src/store/database_look.ts";
import { timed, until } from "../../bridge/bridge.ts";
import { startBroker } from "../../rabbitmq/broker.ts";
import { ensureRabbitmq } from "../../rabbitmq/install.ts";
import { startStack } from "../../stack.ts";
import { startTraffic } from "./traffic.ts";

Deno.test("nothing is lost, doubled or out of order whatever happens to the broker", async (t) => {
  await ensureRabbitmq((line) => console.error(line));
  await using broker = await startBroker();
  await using stack = await startStack({ broker });
  const environment = { RABBITMQ_URL: `${stack.url}?heartbeat=1` };
  let worker = await stack.startWorker(environment);
  const traffic = await startTraffic(stack);
  const logged = (text: string) => stack.logged.filter((line) => line.includes(text)).length;
  const saidAgain = async (text: string, before: number) => {
    await until(() => logged(text) > before, { describe: `'${text}' in the log` });
  };
  /** Stops the worker in the midst of a fault, then starts it when the fault is over. */
  const stopped = async (fault: () => Promise<unknown> | void, mend: () => Promise<unknown> | void) => {
    await fault();
    await traffic.write(3);
    const outboxDepth = () => lookAtDatabase(join(stack.folder, "sessions")).outboxDepth;
    await until(() => outboxDepth() >= 3, { describe: "what was received on disk" });
    assert.ok(await timed(worker.stop()) < 15_000);
    await mend();
    worker = await stack.startWorker(environment);
    await traffic.round(2);
    await traffic.settled();
  };

  await t.step("its connections are closed", async () => {
    await traffic.round(3);
    const meanwhile = traffic.round(10);
    await broker.ctl("close_all_connections", "maintenance");
    await meanwhile;
    await traffic.settled();
  });

  await t.step("it is killed with SIGKILL while it is at work, and comes back", async () => {
    await traffic.send(10);
    await traffic.command(3);
    const writing = traffic.write(20);
    await broker.kill9();
    await writing;
    await traffic.write(10);
    await broker.boot();
    await traffic.round(5);
    await traffic.settled();
  });

  await t.step("it hangs for a moment", async () => {
    await traffic.round(3);
    broker.pause();
    await traffic.write(10);
    broker.resume();
    await traffic.round(3);
    await traffic.settled();
  });

  await t.step("it hangs until the worker takes it for dead", async () => {
    const timeouts = logged("Heartbeat timeout");
    await traffic.round(3);
    broker.pause();
    await traffic.write(10);
    await saidAgain("Heartbeat timeout", timeouts);
    broker.resume();
    await traffic.round(3);
    await traffic.settled();
  });

  const starve = async () => {
    const alarms = logged("the broker takes no messages");
    await broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB");
    await traffic.write(5);
    await saidAgain("the broker takes no messages", alarms);
  };
  const feed = () => broker.ctl("set_vm_memory_high_watermark", "0.4");

  await t.step("it runs out of memory, and has room again", async () => {
    await starve();
    const inRoom = logged("takes messages again");
    await traffic.write(60);
    await feed();
    await saidAgain("takes messages again", inRoom);
    await traffic.round(5);
    await traffic.settled();
  });

  assert.equal(logged("connected to WhatsApp"), 1, "one socket for all");

  await t.step("the worker is stopped while it takes no messages", () => stopped(starve, feed));
  await t.step("the worker is stopped while it hangs", () => stopped(broker.pause, broker.resume));
  await t.step("the worker is stopped while it is down", () => stopped(broker.halt, broker.boot));
});
