import { strict as assert } from "node:assert";
import { bindToExchange, declareTopology, type TopologyOptions } from "../../src/broker/shared_topology.ts";
import { wiringOf } from "../../src/broker/wiring.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { bindingsOf, keptLog, lookOn, manage, NAMES, startBridge, until } from "./bridge.ts";

const broker = await sharedBroker();

const WIRING = wiringOf(
  {
    SESSION_WIRING: "exchange",
    QUEUE_SESSION_UPDATE: NAMES.sessionUpdate,
    QUEUE_SESSION_EVENT: NAMES.sessionUpdate,
    QUEUE_HEALTH_COMMAND: undefined,
  },
  NAMES,
  false,
);

const READ = [
  "message.send → whatsapp.message.send",
  "number.health → whatsapp.health.command",
  "session.update → whatsapp.session.command",
];

interface Queue {
  name: string;
  durable: boolean;
  arguments: Record<string, unknown>;
}

async function queuesOf(url: string): Promise<Record<string, Queue["arguments"]>> {
  const queues = await manage<Queue[]>(broker, url, "queues");
  for (const { name, durable } of queues) assert.ok(durable, `${name} is durable`);
  return Object.fromEntries(queues.map((queue) => [queue.name, queue.arguments]).sort());
}

/** A bridge that declares what a worker declares, and binds as it does. */
async function startDeclaring(url: string, options: Partial<TopologyOptions> = {}) {
  const topology = {
    backendQueues: [NAMES.messageSend, "whatsapp.session.update", "whatsapp.message.receive"],
    bindings: WIRING.bindings,
    staleBindings: WIRING.staleBindings,
    ...options,
  };
  const bridge = await startBridge({ url, topology });
  const { log } = keptLog();
  bridge.keep(
    "exchange",
    bindToExchange(
      { names: NAMES, workerId: "worker-1", exchangeType: undefined, log: bridge.log ?? log, ...topology },
      bridge.signal,
    ),
  );
  return bridge;
}

Deno.test("declareTopology() makes the backend's queues plain and its own classic", async () => {
  const url = await broker.vhost();
  await using _bridge = await startDeclaring(url);
  const classic = { "x-queue-type": "classic" };
  assert.deepEqual(await queuesOf(url), {
    "whatsapp.dead-letter": classic,
    "whatsapp.health.command": classic,
    "whatsapp.message.receive": {},
    "whatsapp.message.send": {},
    "whatsapp.router.expired": classic,
    "whatsapp.router.lock": classic,
    "whatsapp.router.parked": {
      ...classic,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "whatsapp.router.pending",
    },
    "whatsapp.router.pending": classic,
    "whatsapp.router.retry": {
      ...classic,
      "x-message-ttl": 2_000,
      "x-dead-letter-exchange": "",
      "x-dead-letter-routing-key": "whatsapp.router.pending",
    },
    "whatsapp.router.unassigned": classic,
    "whatsapp.router.wiring": classic,
    "whatsapp.session.command": classic,
    "whatsapp.session.update": {},
    "whatsapp.worker.worker-1.inbox": classic,
  });
  assert.deepEqual(await bindingsOf(broker, url, NAMES.router), [
    "worker.1 → whatsapp.worker.worker-1.inbox",
    "worker.worker-1 → whatsapp.worker.worker-1.inbox",
  ]);
});

Deno.test("declareTopology() uses what exists as it is, whatever its arguments", async () => {
  const url = await broker.vhost();
  await using onlooker = await lookOn(url);
  const backends = { "x-message-ttl": 60_000, "x-max-length": 1_000 };
  const own = { "x-queue-type": "classic", "x-max-length": 5 };
  await onlooker.channel.assertQueue(NAMES.messageSend, { arguments: backends });
  await onlooker.channel.assertQueue(NAMES.deadLetter, { arguments: own });
  await onlooker.channel.assertQueue(NAMES.inbox("worker-1"), { arguments: own });
  await using bridge = await startDeclaring(url);
  const queues = await queuesOf(url);
  assert.deepEqual(queues[NAMES.messageSend], backends);
  assert.deepEqual(queues[NAMES.deadLetter], own);
  assert.deepEqual(queues[NAMES.inbox("worker-1")], own);
  assert.ok(
    bridge.logged.some((line) => line.includes(NAMES.deadLetter) && line.includes("other arguments")),
    "an operator is told",
  );
});

Deno.test("declareTopology() done twice changes nothing", async () => {
  const url = await broker.vhost();
  await using bridge = await startDeclaring(url, { exchangeType: "topic" });
  const before = [await queuesOf(url), await bindingsOf(broker, url, NAMES.exchange)];
  const done = Promise.withResolvers<void>();
  bridge.keep("again", async (link) => {
    await declareTopology(link, {
      names: NAMES,
      workerId: "worker-1",
      backendQueues: [NAMES.messageSend],
      bindings: WIRING.bindings,
      staleBindings: WIRING.staleBindings,
      exchangeType: "direct",
      log: bridge.log,
    });
    done.resolve();
    await new Promise<void>((resolve) => link.signal.addEventListener("abort", () => resolve()));
  });
  await done.promise;
  assert.deepEqual([await queuesOf(url), await bindingsOf(broker, url, NAMES.exchange)], before);
});

for (const type of ["topic", "direct"] as const) {
  Deno.test(`declareTopology() binds only what is read to a ${type} exchange`, async () => {
    const url = await broker.vhost();
    await using onlooker = await lookOn(url);
    await onlooker.channel.assertExchange(NAMES.exchange, type, { durable: true });
    await using _bridge = await startDeclaring(url);
    assert.deepEqual(await bindingsOf(broker, url, NAMES.exchange), READ);
    await onlooker.publish(NAMES.exchange, "session.update", "a command");
    assert.equal(String((await onlooker.take(NAMES.sessionCommand)).content), "a command");
  });

  Deno.test(`declareTopology() declares a ${type} exchange only when it is told to`, async () => {
    const url = await broker.vhost();
    await using _bridge = await startDeclaring(url, { exchangeType: type });
    const exchanges = await manage<{ name: string; type: string; durable: boolean }[]>(
      broker,
      url,
      "exchanges",
    );
    const [made] = exchanges.filter(({ name }) => name === NAMES.exchange);
    assert.deepEqual([made?.type, made?.durable], [type, true]);
    assert.deepEqual(await bindingsOf(broker, url, NAMES.exchange), READ);
  });
}

Deno.test("declareTopology() takes back what another wiring had bound, and nobody would read", async () => {
  const url = await broker.vhost();
  {
    await using _bridge = await startDeclaring(url, { exchangeType: "topic" });
    assert.deepEqual(await bindingsOf(broker, url, NAMES.exchange), READ);
  }
  const { bindings, staleBindings } = wiringOf(
    {
      SESSION_WIRING: "queue",
      QUEUE_SESSION_UPDATE: NAMES.sessionUpdate,
      QUEUE_SESSION_EVENT: "events",
      QUEUE_HEALTH_COMMAND: undefined,
    },
    NAMES,
    false,
  );
  const backendQueues = [NAMES.messageSend, NAMES.sessionUpdate];
  await using _bridge = await startDeclaring(url, { bindings, staleBindings, backendQueues });
  assert.deepEqual(
    await bindingsOf(broker, url, NAMES.exchange),
    READ.map((arrow) => arrow.replace(NAMES.sessionCommand, NAMES.sessionUpdate)),
  );
});

Deno.test("bindToExchange() waits for an exchange that is absent, and binds it when it comes", async () => {
  const url = await broker.vhost();
  await using onlooker = await lookOn(url);
  await using bridge = await startDeclaring(url);
  await until(() => bridge.logged.some((line) => line.includes("does not exist yet")), {
    describe: "a warning",
  });
  assert.deepEqual(await bindingsOf(broker, url, NAMES.exchange), []);
  await onlooker.channel.assertExchange(NAMES.exchange, "direct", { durable: true });
  await until(async () => (await bindingsOf(broker, url, NAMES.exchange)).length === 3, {
    describe: "bindings",
  });
  assert.deepEqual(await bindingsOf(broker, url, NAMES.exchange), READ);
  assert.equal(bridge.logged.filter((line) => line.includes("does not exist yet")).length, 1);
});
