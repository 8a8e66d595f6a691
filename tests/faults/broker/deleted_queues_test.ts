/** Somebody deletes queues under the worker: each is there again at once, and what it is for works again. */

import { strict as assert } from "node:assert";
import { consumersOf } from "../../../src/broker/topology.ts";
import { lookOn, NAMES, queueExists, startBridge, until } from "../../bridge/bridge.ts";
import { sharedBroker } from "../../rabbitmq/shared.ts";
import { startStack } from "../../stack.ts";
import { startTraffic } from "./traffic.ts";

const broker = await sharedBroker();

/** What the worker consumes, by what it is for. */
const CONSUMED = {
  "inbox": NAMES.inbox("worker-1"),
  "number's queue": NAMES.number("6"),
  "queue of sends": NAMES.messageSend,
  "fleet's copy of the commands": NAMES.sessionCommand,
  "fleet's copy of the health requests": NAMES.healthCommand,
  "queue of unassigned commands": NAMES.unassigned,
  "readers' lock": NAMES.routerLock,
  "queue of commands that come back": NAMES.pending,
  "queue of expired sends": NAMES.expired,
};

Deno.test("a queue that is deleted under the worker is made anew, and its traffic goes on", async (t) => {
  await using stack = await startStack({ broker });
  await using onlooker = await lookOn(stack.url);
  await using looker = await startBridge({ url: stack.url, prepare: () => Promise.resolve() });
  const consumed = (queue: string) => {
    const isConsumed = async () => await looker.shared.on((link) => consumersOf(link, queue)) === 1;
    return until(isConsumed, { describe: `a consumer of '${queue}'` });
  };
  await stack.startWorker();
  const traffic = await startTraffic(stack);
  for (const [what, queue] of Object.entries(CONSUMED)) {
    const step = async () => {
      await traffic.round(1);
      await traffic.settled();
      await onlooker.channel.deleteQueue(queue);
      // What the backend publishes while its queue is not there reaches nobody, whatever a worker does.
      await consumed(queue);
      await traffic.round(2);
      await traffic.settled();
    };
    assert.ok(await t.step(`the ${what}`, step));
  }

  await t.step("the queue of commands that wait to be routed again", async () => {
    await onlooker.channel.deleteQueue(NAMES.retry);
    const id = await stack.backend.command({ action: "status", workerId: "worker-2" });
    const other = await stack.startWorker({
      WORKER_ID: "worker-2",
      SESSION_DIR: `${stack.folder}/other`,
    });
    const answer = await stack.backend.next(({ properties }) => properties.correlationId === id);
    assert.equal(answer.body.workerId, "worker-2");
    await other.stop();
  });

  await t.step("the dead letters", async () => {
    await onlooker.channel.deleteQueue(NAMES.deadLetter);
    await onlooker.publish("", NAMES.sessionCommand, "not JSON");
    await until(() => queueExists(broker, stack.url, NAMES.deadLetter), { describe: "the queue" });
    assert.equal(String((await onlooker.take(NAMES.deadLetter)).content), "not JSON");
  });

  await t.step("all of them at once, while traffic goes on", async () => {
    await traffic.write(5);
    for (const queue of Object.values(CONSUMED)) {
      if (queue !== NAMES.number("6")) await onlooker.channel.deleteQueue(queue);
    }
    await traffic.write(5);
    for (const queue of Object.values(CONSUMED)) {
      await consumed(queue);
    }
    await traffic.round(2);
    await traffic.settled();
  });
});

Deno.test("the backend's own queues for events come back, with what was told meanwhile", async () => {
  await using stack = await startStack({
    broker,
    environment: {
      SESSION_WIRING: "exchange",
      QUEUE_MESSAGE_STATUS: "app.status",
      QUEUE_SESSION_EVENT: "app.events",
    },
  });
  const { backend, logged } = stack;
  await using onlooker = await lookOn(stack.url);
  await stack.startWorker();
  const send = { messageId: 1, numberId: 9, to: "+221779999999", content: "x", type: "TEXT" };
  const ways = {
    "app.status": () => backend.send(send),
    "app.events": () => backend.command({ action: "close", numberId: 9 }),
  };
  for (const [queue, tell] of Object.entries(ways)) {
    await onlooker.channel.deleteQueue(queue);
    const id = await tell();
    await until(() => logged.some((line) => line.includes(queue) && line.includes("wait on disk")), {
      describe: "a word about it in the log",
    });
    await until(() => queueExists(broker, stack.url, queue), { describe: `'${queue}'` });
    await until(async () => (await onlooker.take(queue)).properties.correlationId === id, {
      describe: `what was told to '${queue}'`,
    });
  }
});

Deno.test("a message in the readers' lock goes to the dead letters, and the reader keeps the lock", async () => {
  await using stack = await startStack({ broker });
  await using onlooker = await lookOn(stack.url);
  await stack.startWorker();
  await onlooker.publish("", NAMES.routerLock, "what is this");
  const { content, properties } = await onlooker.take(NAMES.deadLetter);
  assert.equal(String(content), "what is this");
  assert.equal(properties.headers?.["x-dead-reason"], "not_for_a_lock");
  assert.equal((await onlooker.channel.checkQueue(NAMES.routerLock)).consumerCount, 1);
  const id = await stack.backend.command({ action: "status" });
  await stack.backend.next(({ properties }) => properties.correlationId === id);
});
