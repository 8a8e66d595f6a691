/** Queues that were there before the worker, made by somebody with other ideas about their arguments. */

import { strict as assert } from "node:assert";
import { BrokerUnavailable } from "../../../src/broker/connection.ts";
import { lookOn, NAMES, queueExists, until } from "../../bridge/bridge.ts";
import { sharedBroker } from "../../rabbitmq/shared.ts";
import { pair, startStack } from "../../stack.ts";
import { startTraffic } from "./traffic.ts";

const broker = await sharedBroker();

Deno.test("queues of the backend's are used as they are, whatever their kind and arguments", async () => {
  const kinds: Record<string, Record<string, unknown>> = {
    "app.send": { "x-queue-type": "quorum" },
    "app.status": { "x-queue-type": "quorum", "x-dead-letter-exchange": "amq.fanout" },
    "app.receive": { "x-max-length": 1_000, "x-overflow": "reject-publish", "x-message-ttl": 600_000 },
    "app.health": { "x-queue-mode": "lazy", "x-max-priority": 5, "x-single-active-consumer": true },
  };
  await using stack = await startStack({
    broker,
    environment: {
      QUEUE_MESSAGE_SEND: "app.send",
      QUEUE_MESSAGE_STATUS: "app.status",
      QUEUE_MESSAGE_RECEIVE: "app.receive",
      QUEUE_NUMBER_HEALTH: "app.health",
    },
  });
  const { backend, standIn } = stack;
  await using onlooker = await lookOn(stack.url);
  for (const [queue, kind] of Object.entries(kinds)) {
    await onlooker.channel.assertQueue(queue, { durable: true, arguments: kind });
  }
  await stack.startWorker();
  await backend.command({ action: "create", numberId: 6, phoneNumber: "+221771234567" });
  const { body } = await backend.next(({ body }) => body.action === "qr_generated");
  await standIn.phone("221771234567").scanPng(String(body.qrCode));
  await backend.next(({ body }) => body.action === "connected");
  const contact = standIn.contact("221779999999");
  const id = await backend.send({
    messageId: 1,
    numberId: 6,
    to: contact.number,
    content: "x",
    type: "TEXT",
  });
  await contact.next();
  const status = await onlooker.take("app.status");
  assert.deepEqual([JSON.parse(String(status.content)).status, status.properties.correlationId], [
    "SENT",
    id,
  ]);
  await contact.sendText("221771234567", "y");
  assert.equal(JSON.parse(String((await onlooker.take("app.receive")).content)).body, "y");
  assert.equal(JSON.parse(String((await onlooker.take("app.health")).content)).numberId, 6);
});

Deno.test("a queue of the backend's that is full stops its own events and no others, and loses none", async () => {
  await using stack = await startStack({ broker, environment: { QUEUE_MESSAGE_STATUS: "app.status" } });
  const { backend } = stack;
  await using onlooker = await lookOn(stack.url);
  await onlooker.channel.assertQueue("app.status", {
    durable: true,
    arguments: { "x-max-length": 40, "x-overflow": "reject-publish" },
  });
  await stack.startWorker();
  const ids: string[] = [];
  for (let messageId = 1; messageId <= 60; messageId++) {
    ids.push(
      await backend.send({ messageId, numberId: 9, to: "+221779999999", content: "x", type: "TEXT" }),
    );
  }
  await until(() => stack.logged.some((line) => line.includes("is their queue full?")), {
    describe: "a word about it",
  });
  const asked = await backend.command({ action: "status" });
  await backend.next(({ properties }) => properties.correlationId === asked, { describe: "an answer" });
  const told = new Set<unknown>();
  await until(
    async () => {
      told.add((await onlooker.take("app.status")).properties.correlationId);
      return told.size === ids.length;
    },
    { describe: "everything that was held back", timeoutMs: 20_000 },
  );
  assert.equal(stack.logged.filter((line) => line.includes("is their queue full?")).length, 1, "said once");
});

Deno.test("own queues with other arguments are used as they are, and an operator is told", async () => {
  await using stack = await startStack({ broker });
  await using onlooker = await lookOn(stack.url);
  const { routerLock, sessionCommand, unassigned, retry, deadLetter, inbox } = NAMES;
  const queues = [routerLock, sessionCommand, unassigned, retry, deadLetter, inbox("worker-1")];
  for (const queue of queues) {
    await onlooker.channel.assertQueue(queue, {
      durable: true,
      arguments: { "x-queue-mode": "lazy", ...(queue === retry ? RETRY : {}) },
    });
  }
  await stack.startWorker();
  const traffic = await startTraffic(stack);
  await traffic.round(3);
  await traffic.settled();
  for (const queue of [routerLock, sessionCommand, deadLetter]) {
    assert.ok(
      stack.logged.some((line) => line.includes(`"${queue}"`) && line.includes("used as it is")),
      queue,
    );
  }
});

/** What makes commands come back from the retry queue. */
const RETRY = {
  "x-message-ttl": 1_000,
  "x-dead-letter-exchange": "",
  "x-dead-letter-routing-key": NAMES.pending,
};

for (const [what, queue] of [["lock", NAMES.routerLock], ["inbox", NAMES.inbox("worker-1")]] as const) {
  Deno.test(`a quorum queue for the worker's ${what} is refused: two workers could hold it`, async () => {
    await using stack = await startStack({ broker });
    await using onlooker = await lookOn(stack.url);
    await onlooker.channel.assertQueue(queue, { durable: true, arguments: { "x-queue-type": "quorum" } });
    await assert.rejects(stack.startWorker(), (error) => {
      assert.ok(error instanceof BrokerUnavailable, String(error));
      assert.match(error.message, /whatsapp\..* exists and is no classic queue/);
      assert.match(error.remedy, new RegExp(`rabbitmqctl delete_queue ${queue}`));
      return true;
    });
    await onlooker.channel.deleteQueue(queue);
    await stack.startWorker();
    const id = await stack.backend.command({ action: "status" });
    await stack.backend.next(({ properties }) => properties.correlationId === id);
  });
}

Deno.test("a number whose queue was replaced by a quorum queue is closed: two workers could hold it", async () => {
  await using stack = await startStack({ broker });
  await using onlooker = await lookOn(stack.url);
  const worker = await stack.startWorker();
  await pair(stack, { numberId: 6, phoneNumber: "221771234567" });
  await worker.stop();
  await onlooker.channel.deleteQueue(NAMES.number("6"));
  await onlooker.channel.assertQueue(NAMES.number("6"), {
    durable: true,
    arguments: { "x-queue-type": "quorum" },
  });
  await stack.startWorker();
  await stack.backend.next(({ body }) => body.code === "lease_lost", { describe: "the number's end" });
  assert.ok(stack.logged.some((line) => line.includes("rabbitmqctl delete_queue whatsapp.number.6")));
  // The others go on.
  const id = await stack.backend.command({ action: "status" });
  await stack.backend.next(({ properties }) => properties.correlationId === id);
  assert.ok(await queueExists(broker, stack.url, NAMES.number("6")));
});
