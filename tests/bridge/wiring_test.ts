import { strict as assert } from "node:assert";
import { join } from "node:path";
import { stringifyJson } from "../../src/contract/json.ts";
import type { Backend } from "../backend/backend.ts";
import { Installation, resultOf, troubleIn } from "../preflight/installation.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { type Stack, startStack } from "../stack.ts";
import { ConfirmedChannel } from "../../src/broker/publishing.ts";
import { SessionWiring } from "../../src/broker/session_wiring.ts";
import { SharedQueue } from "../../src/broker/shared_queue.ts";
import { adviceFor, wiringOf } from "../../src/broker/wiring.ts";
import { Database } from "../../src/store/database.ts";
import { Memory } from "../../src/store/memory.ts";
import { bindingsOf, lookOn, NAMES, startBridge, until } from "./bridge.ts";

const broker = await sharedBroker();

const COMMANDS = 200;
const EVENTS = "whatsapp.worker.events";
const OFTEN = { STATUS_INTERVAL: "1000" };

/** What makes a second worker of a stack another one. */
const second = (stack: Stack) => ({ WORKER_ID: "worker-2", SESSION_DIR: join(stack.folder, "second") });

/** A command that every worker answers with one event. */
const command = (numberId: number) => ({ action: "status", numberId });

/** Publishes straight to the queue, as a backend does that knows no exchange. @returns the `message_id` */
async function straight(backend: Backend, body: Record<string, unknown>): Promise<string> {
  const messageId = crypto.randomUUID();
  await backend.publish({
    exchange: "",
    routingKey: NAMES.sessionUpdate,
    content: stringifyJson(body),
    options: { messageId, persistent: true, contentType: "text/plain" },
  });
  return messageId;
}

/** Publishes an event as another worker of the fleet does. @returns its `message_id` */
async function sayAsWorker(backend: Backend, numberId: number): Promise<string> {
  const messageId = crypto.randomUUID();
  await backend.publish({
    exchange: "",
    routingKey: NAMES.sessionUpdate,
    content: stringifyJson({
      action: "session_status",
      workerId: "worker-9",
      numberId,
      status: "NOT_FOUND",
      timestamp: 1_700_000_000_000,
    }),
    options: {
      messageId,
      type: "session_status",
      appId: "whatsapp-worker",
      correlationId: `of ${messageId}`,
      contentType: "application/json",
      timestamp: 1_700_000_000,
      persistent: true,
      expiration: "600000",
      headers: { "x-worker-id": "worker-9", list: ["ü", 1] },
    },
  });
  return messageId;
}

const answersTo = ({ received }: Backend, ids: ReadonlySet<string>) =>
  received.filter(({ properties }) => ids.has(String(properties.correlationId)));

/** Waits until every command has its answer. @returns how many answers were second ones */
async function allAnswered(backend: Backend, ids: ReadonlySet<string>): Promise<number> {
  const answered = () => new Set(answersTo(backend, ids).map(({ properties }) => properties.correlationId));
  await until(() => answered().size === ids.size, {
    describe: `answers to all of ${ids.size} commands`,
    timeoutMs: 60_000,
  });
  return new Set(answersTo(backend, ids).map(({ properties }) => properties.messageId)).size - ids.size;
}

const consumersOf = async (url: string, queue: string) => {
  await using onlooker = await lookOn(url);
  return (await onlooker.channel.checkQueue(queue)).consumerCount;
};

/** The `data.broker` of the next `worker_status` of a worker. */
async function brokerStatus(backend: Backend, workerId = "worker-1"): Promise<Record<string, unknown>> {
  const from = backend.received.length;
  const found = () =>
    backend.received.slice(from).find(({ body }) =>
      body.action === "worker_status" && body.workerId === workerId
    );
  await until(() => found() !== undefined, { describe: `a worker_status of ${workerId}` });
  return (found()?.body.data as { broker: Record<string, unknown> }).broker;
}

/** Sends commands, and in their midst kills the reader, brings it back, and restarts the other worker. */
async function sendThroughFailures(stack: Stack, publish: (numberId: number) => Promise<string>) {
  const ids = new Set<string>();
  const sendUpTo = async (count: number) => {
    while (ids.size < count) ids.add(await publish(1_000 + ids.size));
  };
  const program = stack.startProgram({ LOG_LEVEL: "info" });
  await program.printed("this worker is the reader");
  await sendUpTo(COMMANDS * 0.3);
  const other = await stack.startWorker(second(stack));
  await sendUpTo(COMMANDS * 0.4);
  program.process.kill("SIGKILL");
  await sendUpTo(COMMANDS * 0.6);
  await until(() => stack.logged.some((line) => line.includes("this worker is the reader")), {
    describe: "another reader",
    timeoutMs: 90_000,
  });
  await sendUpTo(COMMANDS * 0.7);
  // Its inbox kept what it had been given.
  await program.process.status;
  await stack.startProgram({ LOG_LEVEL: "info" }).printed("the worker is ready");
  await sendUpTo(COMMANDS * 0.8);
  await other.stop();
  await stack.startWorker(second(stack));
  await sendUpTo(COMMANDS);
  return ids;
}

Deno.test("auto: a backend that publishes through the exchange loses nothing, from the first command on", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  const ids = await sendThroughFailures(stack, (numberId) => backend.command(command(numberId)));
  const repeats = await allAnswered(backend, ids);
  // A worker that is killed between forwarding and acknowledging leaves up to a prefetch of them to be forwarded again.
  assert.ok(repeats <= 100, `${repeats} commands were carried out twice`);
  console.log(`      ${ids.size} of ${ids.size} commands answered, ${repeats} twice`);
  assert.equal(await consumersOf(stack.url, NAMES.sessionUpdate), 1, "the backend reads its queue alone");
});

Deno.test("auto: a backend that publishes straight to the queue and listens elsewhere loses nothing", async () => {
  await using stack = await startStack({
    broker,
    environment: { QUEUE_SESSION_EVENT: EVENTS },
    backend: { names: { sessionUpdate: EVENTS } },
  });
  const { backend } = stack;
  const ids = await sendThroughFailures(stack, (numberId) => straight(backend, command(numberId)));
  const repeats = await allAnswered(backend, ids);
  assert.ok(repeats <= 100, `${repeats} commands were carried out twice`);
  console.log(`      ${ids.size} of ${ids.size} commands answered, ${repeats} twice`);
});

Deno.test("auto: until a command proves the exchange, events go round the worker and reach the backend whole", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker(OFTEN);
  await until(async () => await consumersOf(stack.url, NAMES.sessionUpdate) === 2, {
    describe: "two readers",
  });
  const undecided = await brokerStatus(backend);
  assert.deepEqual([undecided.wiring, undecided.bestEffort, undecided.advice], [
    "undecided",
    true,
    "SESSION_WIRING=exchange",
  ]);

  const events = new Map<string, number>();
  for (let n = 0; n < 100; n++) events.set(await sayAsWorker(backend, n), n);
  const came = () => backend.received.filter(({ properties }) => events.has(properties.messageId));
  await until(() => came().length === events.size, { describe: "all events", timeoutMs: 90_000 });
  for (const { body, properties, text } of came()) {
    assert.equal(body.numberId, events.get(properties.messageId));
    assert.ok(text.startsWith('{"action":"session_status","workerId":"worker-9"'));
    const { type, appId, correlationId, contentType, timestamp, deliveryMode, headers } = properties;
    assert.deepEqual(
      [
        type,
        appId,
        correlationId,
        contentType,
        timestamp,
        deliveryMode,
        headers?.["x-worker-id"],
        headers?.list,
      ],
      [
        "session_status",
        "whatsapp-worker",
        `of ${properties.messageId}`,
        "application/json",
        1_700_000_000,
        2,
        "worker-9",
        ["ü", 1],
      ],
    );
  }

  const first = await backend.command({ action: "status" });
  const { body } = await backend.next(({ properties }) => properties.correlationId === first);
  const proven = (body.data as { broker: Record<string, unknown> }).broker;
  assert.deepEqual([proven.wiring, proven.bestEffort, proven.advice], ["exchange", false, undefined]);
  assert.ok(Number(proven.eventsPutBack) > 0, "the worker had some of them");
  await until(async () => await consumersOf(stack.url, NAMES.sessionUpdate) === 1, {
    describe: "the shared queue left to the backend",
  });
  assert.equal(
    new Set(came().map(({ properties }) => properties.messageId)).size,
    came().length,
    "none twice",
  );
  const told = (text: string) => stack.logged.filter((line) => line.includes(text)).length;
  assert.equal(told("no command has come through the exchange yet"), 1);
  assert.equal(told("commands come through the exchange"), 1);
});

Deno.test("auto: events that an undecided reader holds as it is killed reach the backend", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  const program = stack.startProgram({ LOG_LEVEL: "info" });
  await program.printed("this worker is the reader");
  await until(async () => await consumersOf(stack.url, NAMES.sessionUpdate) === 2, {
    describe: "two readers",
  });
  const events = new Set<string>();
  for (let n = 0; n < 60; n++) events.add(await sayAsWorker(backend, n));
  const came = () =>
    new Set(backend.received.map(({ properties }) => properties.messageId)).intersection(events);
  assert.ok(came().size < events.size, "the worker holds some of them");
  program.process.kill("SIGKILL");
  await until(() => came().size === events.size, { describe: "all events" });
});

Deno.test("auto: what has been proven is known after a restart, and to workers that come later", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  const worker = await stack.startWorker();
  await backend.next(({ properties }) => properties.type === "worker_status");
  await allAnswered(backend, new Set([await backend.command(command(1))]));
  await worker.stop();

  const linesBefore = stack.logged.length;
  const again = await stack.startWorker(OFTEN);
  const status = await brokerStatus(backend);
  assert.deepEqual([status.wiring, status.bestEffort], ["exchange", false]);
  await again.stop();
  await stack.startWorker({ ...second(stack), ...OFTEN });
  await until(async () => (await brokerStatus(backend, "worker-2")).wiring === "exchange", {
    describe: "a proof passed on",
  });
  assert.equal(await consumersOf(stack.url, NAMES.sessionUpdate), 1);
  await using installation = await Installation.make(stack.environment);
  const [finding] = resultOf(await installation.check(), "broker.wiring").findings;
  assert.deepEqual([finding?.status, finding?.facts?.proven, finding?.facts?.bestEffort], [
    "ok",
    true,
    false,
  ]);
  assert.ok(
    !stack.logged.slice(linesBefore).some((line) =>
      line.includes("no command has come through the exchange")
    ),
  );
});

Deno.test("queue: what still waits from another wiring is carried out, and no command twice for it", async () => {
  await using stack = await startStack({
    broker,
    environment: { QUEUE_SESSION_EVENT: EVENTS },
    backend: { names: { sessionUpdate: EVENTS } },
  });
  const { backend } = stack;
  await using onlooker = await lookOn(stack.url);
  // As `exchange` wiring leaves it: bound, with commands that nobody read; one has its copy on the backend's queue.
  await onlooker.channel.assertQueue(NAMES.sessionCommand, { arguments: { "x-queue-type": "classic" } });
  await onlooker.channel.bindQueue(NAMES.sessionCommand, NAMES.exchange, "session.update");
  const left = await backend.command(command(1));
  await onlooker.channel.assertQueue(NAMES.sessionUpdate);
  await onlooker.channel.bindQueue(NAMES.sessionUpdate, NAMES.exchange, "session.update");
  const copied = await backend.command(command(2));
  await stack.startWorker();
  assert.equal(await allAnswered(backend, new Set([left, copied])), 0);
  await until(async () => await consumersOf(stack.url, NAMES.sessionCommand) === 1, { describe: "a reader" });
  const later = await backend.command(command(3));
  assert.equal(await allAnswered(backend, new Set([left, copied, later])), 0);
  const bound = await bindingsOf(broker, stack.url, NAMES.exchange);
  assert.ok(!bound.includes("session.update → whatsapp.session.command"), "it gets no more");
});

for (const wiring of ["auto", "queue"] as const) {
  Deno.test(`${wiring}: a backend that publishes straight to the queue it reads is served as well as can be`, async () => {
    await using stack = await startStack({ broker, environment: { SESSION_WIRING: wiring, ...OFTEN } });
    const { backend } = stack;
    await stack.startWorker();
    await until(async () => await consumersOf(stack.url, NAMES.sessionUpdate) === 2, {
      describe: "two readers",
    });
    const ids = new Set<string>();
    const events = new Set<string>();
    // In no fixed pattern: the broker gives every other message to the worker.
    for (let n = 0; ids.size < COMMANDS; n++) {
      if (n * 7919 % 13 < 6) events.add(await sayAsWorker(backend, n));
      else ids.add(await straight(backend, command(n)));
    }
    const answered = () =>
      new Set(answersTo(backend, ids).map(({ properties }) => properties.correlationId)).size;
    await until(() => answered() + backend.ignored === COMMANDS, {
      describe: "every command answered, or taken by the backend itself",
      timeoutMs: 60_000,
    });
    const came = () => backend.received.filter(({ properties }) => events.has(properties.messageId));
    await until(() => came().length === events.size, { describe: "all events", timeoutMs: 60_000 });
    console.log(`      ${answered()} of ${COMMANDS} commands reached the worker`);
    assert.ok(answered() > 0);

    const advice = `QUEUE_SESSION_EVENT=${EVENTS}`;
    const status = await brokerStatus(backend);
    assert.deepEqual([status.wiring, status.bestEffort, status.advice], [
      wiring === "auto" ? "undecided" : "queue",
      true,
      advice,
    ]);
    const warned = stack.logged.filter((line) => line.includes("publishes commands straight to the queue"));
    assert.equal(warned.length, 1, "said once");
    assert.ok(warned[0]?.includes(advice));
    await using installation = await Installation.make(stack.environment);
    const trouble = troubleIn(await installation.check(), "broker.wiring");
    assert.deepEqual([trouble.status, trouble.facts?.bestEffort, trouble.facts?.advised], [
      "warning",
      true,
      advice,
    ]);
    assert.match(trouble.found, /best effort/);
    assert.ok(trouble.remedy?.endsWith(advice));
    const bound = (await bindingsOf(broker, stack.url, NAMES.exchange)).filter((one) =>
      one.startsWith("session.")
    );
    assert.deepEqual(bound, [
      ...(wiring === "auto" ? ["session.update → whatsapp.session.command"] : []),
      "session.update → whatsapp.session.update",
    ]);
  });
}

Deno.test("auto: the same bytes on both queues count once, twice from one queue or after a minute twice", async () => {
  // Nobody but the worker reads the shared queue, and what it routes waits for a worker that is away.
  await using stack = await startStack({ broker, backend: { names: { sessionUpdate: "elsewhere" } } });
  await using onlooker = await lookOn(stack.url);
  const inbox = NAMES.inbox("worker-9");
  await onlooker.channel.assertQueue(inbox, { durable: true });
  let laterMs = 0;
  await stack.startWorker({}, { now: () => Date.now() + laterMs });
  await onlooker.channel.bindQueue(inbox, NAMES.router, "worker.9");
  await until(async () => await consumersOf(stack.url, NAMES.sessionUpdate) === 1, {
    describe: "the reader",
  });

  /** Publishes one after the other to the queues, and tells how many commands came of it. */
  let markers = 0;
  const routed = async (queues: readonly string[], text: string, messageId?: string) => {
    for (const queue of queues) {
      await onlooker.publish("", queue, text, messageId === undefined ? {} : { messageId });
    }
    let count = 0;
    for (const queue of [NAMES.sessionCommand, NAMES.sessionUpdate]) {
      const marker = JSON.stringify({ action: "status", workerId: 9, marker: ++markers });
      await onlooker.publish("", queue, marker);
      while (String((await onlooker.take(inbox)).content) !== marker) count++;
    }
    return count;
  };
  const [own, shared] = [NAMES.sessionCommand, NAMES.sessionUpdate];
  const text = JSON.stringify({ action: "status", workerId: 9, numberId: 6 });
  assert.equal(await routed([own, shared], text), 1, "own first");
  assert.equal(await routed([shared, own], text), 1, "shared first");
  assert.equal(await routed([own, own], text), 2, "one queue");
  assert.equal(await routed([shared, shared], text), 0, "their copies, late");
  assert.equal(await routed([shared, shared], text), 2, "one queue");
  laterMs = 61_000;
  assert.equal(await routed([own], text), 1, "after a minute");
  assert.equal(await routed([shared], text), 1 - 1, "and its copy");
  assert.equal(await routed([own], text, "a"), 1);
  assert.equal(await routed([shared], text, "b"), 1, "another message_id");
  assert.equal(await onlooker.depth(NAMES.deadLetter), 0);
});

Deno.test("read() puts events back slowly where nobody else takes them, and lets them expire", async () => {
  const url = await broker.vhost();
  await using bridge = await startBridge({ url, topology: { backendQueues: [NAMES.sessionUpdate] } });
  await using onlooker = await lookOn(url);
  const database = Database.inMemory();
  const wiring = new SessionWiring({
    settings: {
      SESSION_WIRING: "auto",
      QUEUE_SESSION_UPDATE: NAMES.sessionUpdate,
      QUEUE_SESSION_EVENT: NAMES.sessionUpdate,
      QUEUE_HEALTH_COMMAND: undefined,
      RABBITMQ_EXCHANGE: NAMES.exchange,
      RABBITMQ_PREFIX: "whatsapp",
    },
    names: NAMES,
    memory: new Memory(database),
    workerId: "worker-1",
    now: Date.now,
    log: bridge.log,
    signal: bridge.signal,
  });
  const shared = new SharedQueue({
    names: NAMES,
    wiring,
    route: () => Promise.reject(new Error("no command was published")),
    deadLetters: bridge.deadLetters,
    now: Date.now,
    random: () => 0,
    log: bridge.log,
  });
  const EVENTS_WAITING = 120;
  const event = { action: "closed", workerId: "worker-9" };
  for (let n = 0; n < EVENTS_WAITING; n++) {
    await onlooker.publish("", NAMES.sessionUpdate, JSON.stringify({ ...event, n }), { messageId: `m-${n}` });
  }
  for (let n = 0; n < 5; n++) {
    await onlooker.publish("", NAMES.sessionUpdate, JSON.stringify(event), { expiration: "1500" });
  }
  const startedAt = performance.now();
  bridge.keep("shared", async (link) => {
    const channel = await ConfirmedChannel.open(link);
    await shared.read(link, channel, NAMES.sessionUpdate, bridge.signal);
    await channel.close();
  });
  await until(() => shared.putBack >= 4 * EVENTS_WAITING, { describe: "four rounds", timeoutMs: 60_000 });
  const perSecond = shared.putBack / (performance.now() - startedAt) * 1_000;
  console.log(`      ${perSecond.toFixed(0)} deliveries a second`);
  // 50 in hand, each for 0.7 s at least.
  assert.ok(perSecond <= 50 / 0.7, `${perSecond} deliveries a second`);

  // A command through the exchange comes, and the queue is left to the backend with all that is in it.
  await onlooker.channel.assertExchange(NAMES.exchange, "topic");
  const readerChannel = Promise.withResolvers<ConfirmedChannel>();
  bridge.keep("prover", async (link) => {
    const channel = await ConfirmedChannel.open(link);
    readerChannel.resolve(channel);
    await wiring.prove(channel);
    await new Promise<void>((resolve) =>
      channel.closed.addEventListener("abort", () => resolve(), { once: true })
    );
  });
  await readerChannel.promise;
  await until(async () => await onlooker.depth(NAMES.sessionUpdate) === EVENTS_WAITING, {
    describe: "all events, and none of the expired ones",
  });
  const left = new Set<string>();
  while (left.size < EVENTS_WAITING) {
    left.add((await onlooker.take(NAMES.sessionUpdate)).properties.messageId);
  }
  assert.equal(await onlooker.depth(NAMES.sessionUpdate), 0);
  assert.equal(await onlooker.depth(NAMES.wiringNote), 1);
  database.close();
});

Deno.test("wiringOf() reads the shared queue alone only where events do not go", () => {
  const settings = { QUEUE_SESSION_UPDATE: "in", QUEUE_HEALTH_COMMAND: undefined };
  const ways = (wiring: "auto" | "queue" | "exchange", event: string, proven: boolean) => {
    const all = { ...settings, SESSION_WIRING: wiring, QUEUE_SESSION_EVENT: event };
    const { name, commandQueues, sharedQueue, bindings, staleBindings } = wiringOf(all, NAMES, proven);
    const bound = bindings.filter(({ key }) => key === "session.update").map(({ queue }) => queue);
    return [name, commandQueues, sharedQueue, bound, staleBindings.map(({ queue }) => queue)];
  };
  const own = NAMES.sessionCommand;
  for (const proven of [false, true]) {
    assert.deepEqual(ways("auto", "out", proven), ["queue", ["in", own], undefined, ["in"], [own]]);
    assert.deepEqual(ways("queue", "out", proven), ["queue", ["in", own], undefined, ["in"], [own]]);
    assert.deepEqual(ways("queue", "in", proven), ["queue", [own], "in", ["in"], [own]]);
    assert.deepEqual(ways("exchange", "in", proven), ["exchange", [own], undefined, [own], []]);
    assert.deepEqual(ways("exchange", "out", proven), ["exchange", [own], undefined, [own], []]);
  }
  assert.deepEqual(ways("auto", "in", false), ["undecided", [own], "in", [own], []]);
  assert.deepEqual(ways("auto", "in", true), ["exchange", [own], undefined, [own], []]);
});

Deno.test("adviceFor() names the line that fits what has been seen", () => {
  const settings = { RABBITMQ_EXCHANGE: NAMES.exchange, RABBITMQ_PREFIX: "whatsapp" };
  const queues = {
    QUEUE_SESSION_UPDATE: NAMES.sessionUpdate,
    QUEUE_SESSION_EVENT: NAMES.sessionUpdate,
    QUEUE_HEALTH_COMMAND: undefined,
  };
  const advice = (wiring: "auto" | "queue", exchangeThere: boolean, cameBy?: string) =>
    adviceFor(wiringOf({ SESSION_WIRING: wiring, ...queues }, NAMES, false), settings, {
      exchangeThere,
      cameBy,
    });
  const apart = "QUEUE_SESSION_EVENT=whatsapp.worker.events";
  assert.equal(advice("auto", false), apart);
  assert.equal(advice("auto", true), "SESSION_WIRING=exchange");
  assert.equal(advice("auto", true, ""), apart);
  assert.equal(advice("auto", true, "backend.exchange"), "RABBITMQ_EXCHANGE=backend.exchange");
  assert.equal(advice("queue", true), "SESSION_WIRING=auto");
  assert.equal(advice("queue", true, NAMES.exchange), "SESSION_WIRING=auto");
  assert.equal(advice("queue", true, ""), apart);
  assert.equal(advice("queue", false), apart);
});
