import { strict as assert } from "node:assert";
import { join } from "node:path";
import { stringifyJson } from "../../src/contract/json.ts";
import { connectBackend } from "../backend/backend.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { type Stack, startStack } from "../stack.ts";
import { bindingsOf, lookOn, NAMES, until } from "./bridge.ts";

const broker = await sharedBroker();

/** What makes a second worker of a stack another one. */
function second(stack: Stack, workerId = "worker-2"): Record<string, string> {
  return { WORKER_ID: workerId, SESSION_DIR: join(stack.folder, `sessions of ${workerId}`) };
}

const answerTo = (commandId: string) => ({ properties }: { properties: { correlationId?: unknown } }) =>
  properties.correlationId === commandId;

Deno.test("a command reaches the worker it names, however it spells the name", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await stack.startWorker(second(stack));
  for (const [workerId, expected] of [["worker-1", 1], ["1", 1], [1, 1], ["worker-2", 2], [2, 2]] as const) {
    const commandId = await stack.backend.command({ action: "status", data: { workerId } });
    const { body } = await stack.backend.next(answerTo(commandId), { describe: `an answer to ${workerId}` });
    assert.equal(body.action, "worker_status");
    assert.equal(body.workerId, `worker-${expected}`);
  }
});

Deno.test("a command for a worker that is not there waits, and is carried out when it starts", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await using onlooker = await lookOn(stack.url);
  const commandId = await stack.backend.command({ action: "status", workerId: 2 });
  await until(async () => await onlooker.depth(NAMES.retry) === 1, {
    describe: "the command in the retry queue",
  });
  await stack.startWorker(second(stack));
  const { body } = await stack.backend.next(answerTo(commandId), { describe: "worker-2's answer" });
  assert.equal(body.workerId, "worker-2");
  assert.equal(await onlooker.depth(NAMES.deadLetter), 0);
});

Deno.test("a command for a worker nobody has seen for ten minutes is given up and said so", async () => {
  await using stack = await startStack({ broker });
  let later = 0;
  await stack.startWorker({}, { now: () => Date.now() + later });
  await using onlooker = await lookOn(stack.url);
  const commandId = await stack.backend.command({ action: "status", workerId: "worker-9", numberId: 6 });
  const other = await stack.backend.healthCheck({ action: "health_check", numberId: 6, workerId: "9" });
  await until(async () => await onlooker.depth(NAMES.retry) === 2, { describe: "both in the retry queue" });
  later = 11 * 60_000;
  for (const id of [commandId, other]) {
    const { body } = await stack.backend.next(answerTo(id), { describe: "an error" });
    assert.equal(body.code, "worker_unknown");
    const dead = await onlooker.take(NAMES.deadLetter);
    assert.equal(dead.properties.headers?.["x-dead-reason"], "worker_unknown");
  }
});

Deno.test("a number is one worker's: another that is told to open it answers who has it", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker();
  await stack.startWorker(second(stack));
  const create = { action: "create", numberId: 6, phoneNumber: "+221771234567" };
  await backend.command({ ...create, workerId: "worker-1" });
  await backend.next(({ body }) => body.action === "qr_generated" && body.workerId === "worker-1");

  const refused = await backend.command({ ...create, workerId: "worker-2", sessionId: 44 });
  const { body } = await backend.next(answerTo(refused), { describe: "a refusal" });
  assert.equal(body.action, "error");
  assert.equal(body.code, "held_elsewhere");
  assert.equal(body.heldBy, "worker-1");
  assert.equal(body.backendSessionId, 44);

  // Without a name it goes to whoever holds the number.
  const repeated = await backend.command(create);
  const again = await backend.next(answerTo(repeated), { describe: "another QR" });
  assert.equal(again.body.action, "qr_generated");
  assert.equal(again.body.workerId, "worker-1");
});

Deno.test("a second process with the same WORKER_ID waits, says so, and takes over when the first is gone", async () => {
  await using stack = await startStack({ broker });
  const first = await stack.startWorker();
  const firstLines = stack.logged.length;
  await stack.startWorker({ SESSION_DIR: join(stack.folder, "clone") });
  await until(
    () => stack.logged.slice(firstLines).some((line) => line.includes("another process with this WORKER_ID")),
    {
      describe: "a warning",
    },
  );
  await first.stop();
  const commandId = await stack.backend.command({ action: "status" });
  await stack.backend.next(answerTo(commandId), { describe: "the second's answer" });
});

Deno.test("deployments of two prefixes in one vhost do not touch", async () => {
  await using stack = await startStack({ broker });
  const staging = {
    messageSend: "staging.message.send",
    messageReceive: "staging.message.receive",
    numberHealth: "staging.number.health",
    sessionUpdate: "staging.session.update",
    exchange: "staging.exchange",
  };
  await using other = await connectBackend({ url: stack.url, names: staging });
  await stack.startWorker();
  await stack.startWorker({
    ...second(stack, "worker-1"),
    QUEUE_MESSAGE_SEND: staging.messageSend,
    QUEUE_MESSAGE_RECEIVE: staging.messageReceive,
    QUEUE_NUMBER_HEALTH: staging.numberHealth,
    QUEUE_SESSION_UPDATE: staging.sessionUpdate,
    RABBITMQ_EXCHANGE: staging.exchange,
  });
  const create = { action: "create", numberId: 6, phoneNumber: "+221771234567" };
  for (const backend of [stack.backend, other]) {
    const commandId = await backend.command(create);
    const { body } = await backend.next(answerTo(commandId), { describe: "a QR" });
    assert.equal(body.action, "qr_generated");
  }
  const strangers = (received: readonly { queue: string }[], prefix: string) =>
    received.filter(({ queue }) => !queue.startsWith(prefix));
  assert.deepEqual(strangers(stack.backend.received, "whatsapp."), []);
  assert.deepEqual(strangers(other.received, "staging."), []);
});

Deno.test("with events on a queue of their own, commands are read from the shared queue itself", async () => {
  await using stack = await startStack({
    broker,
    environment: { QUEUE_SESSION_EVENT: "whatsapp.worker.events" },
    backend: { names: { sessionUpdate: "whatsapp.worker.events" } },
  });
  const { backend } = stack;
  await stack.startWorker();
  assert.deepEqual(
    (await bindingsOf(broker, stack.url, NAMES.exchange)).filter((binding) =>
      binding.startsWith("session.update")
    ),
    ["session.update → whatsapp.session.update", "session.update → whatsapp.worker.events"],
  );
  const throughExchange = await backend.command({ action: "status" });
  await backend.next(answerTo(throughExchange), { describe: "an answer to what came through the exchange" });
  await backend.publish({
    exchange: "",
    routingKey: "whatsapp.session.update",
    content: stringifyJson({ action: "create", numberId: 6, phoneNumber: "221771234567" }),
    options: { messageId: "straight" },
  });
  const { queue, body } = await backend.next(answerTo("straight"), {
    describe: "an answer to what came straight",
  });
  assert.equal(queue, "whatsapp.worker.events");
  assert.equal(body.action, "qr_generated");
});

Deno.test("a worker that starts before its backend binds when the exchange appears", async () => {
  const url = await broker.vhost();
  await using stack = await startStack({ broker });
  await stack.startWorker({ ...second(stack, "worker-1"), RABBITMQ_URL: url });
  await until(() => stack.logged.some((line) => line.includes("exchange does not exist yet")), {
    describe: "a warning",
  });
  await using late = await connectBackend({ url, exchangeType: "direct" });
  await until(async () => (await bindingsOf(broker, url, NAMES.exchange)).length === 6, {
    describe: "bindings",
  });
  const commandId = await late.command({ action: "status" });
  await late.next(answerTo(commandId), { describe: "an answer" });
});

Deno.test("health is told on request through the exchange, and for a queue of its own", async () => {
  await using stack = await startStack({ broker, environment: { QUEUE_HEALTH_COMMAND: "health.request" } });
  const { backend } = stack;
  await stack.startWorker();
  const unknown = await backend.healthCheck({ action: "health_check", numberId: 7212345678901234567n });
  const { queue, body } = await backend.next(answerTo(unknown), { describe: "a health" });
  assert.equal(queue, "whatsapp.number.health");
  assert.equal(body.status, "NOT_FOUND");
  assert.equal(body.numberId, 7212345678901234567n);

  await backend.command({ action: "create", numberId: 6, phoneNumber: "+221771234567" });
  await backend.next(({ body }) => body.action === "qr_generated");
  await backend.publish({
    exchange: "",
    routingKey: "health.request",
    content: '{"action":"health_check","numberId":"6","workerId":1}',
    options: { correlationId: "asked" },
  });
  const health = await backend.next(answerTo("asked"), { describe: "a health" });
  assert.equal(health.body.status, "DISCONNECTED");
});

Deno.test("a send nobody can carry out is answered at once", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker();
  const send = {
    messageId: "m-1",
    whatsappNumberId: 6,
    recipientNumber: "+221779999999",
    content: "x",
    type: "TEXT",
  };
  const cases = [
    [send, "no_session", true],
    [{ ...send, messageId: 2, expiresAt: Date.now() - 1 }, "expired", true],
    [{ ...send, messageId: 3, recipientNumber: "../../etc/passwd" }, "invalid_command", false],
    [{ ...send, messageId: 4, content: " " }, "invalid_command", false],
    [{ ...send, messageId: 5, type: "FAX" }, "unknown_type", false],
  ] as const;
  for (const [body, code, retryable] of cases) {
    const commandId = await backend.send(body);
    const answer = await backend.next(answerTo(commandId), { describe: code });
    assert.equal(answer.queue, "whatsapp.message.receive");
    assert.deepEqual(
      [answer.body.status, answer.body.messageId, answer.body.code, answer.body.retryable],
      ["FAILED", body.messageId, code, retryable],
    );
  }
});

Deno.test("the priority of a send is that of its place in its number's queue", async () => {
  await using stack = await startStack({ broker });
  await using onlooker = await lookOn(stack.url);
  await stack.startWorker();
  await onlooker.channel.assertQueue(NAMES.number("77"), { durable: true, maxPriority: 2 });
  await onlooker.channel.bindQueue(NAMES.number("77"), NAMES.router, "send.77");
  const send = { whatsappNumberId: 77, recipientNumber: "+221779999999", content: "x", type: "TEXT" };
  await stack.backend.send({ ...send, messageId: 1, priority: 2 });
  assert.equal((await onlooker.take(NAMES.number("77"))).properties.priority, 2);
});

Deno.test("what is forwarded keeps its bytes and properties, but for what is the broker's", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await using onlooker = await lookOn(stack.url);
  // Two owners that are away: what is theirs waits in their queues.
  const inbox = NAMES.inbox("worker-9");
  await onlooker.channel.assertQueue(inbox, { durable: true });
  await onlooker.channel.bindQueue(inbox, NAMES.router, "worker.9");
  await onlooker.channel.assertQueue(NAMES.number("77"), { durable: true, maxPriority: 2 });
  await onlooker.channel.bindQueue(NAMES.number("77"), NAMES.router, "send.77");
  const options = {
    contentType: "application/json",
    contentEncoding: "UTF-8",
    messageId: "m",
    correlationId: "c",
    replyTo: "r",
    type: "t",
    appId: "a",
    timestamp: 1_700_000_000,
    priority: 2,
    headers: { __TypeId__: "java.lang.String", list: ["ü", 1], CC: ["whatsapp.message.send"] },
  };
  const command = JSON.stringify('{"action" : "status","workerId":9, "é":1}');
  await onlooker.publish(NAMES.exchange, "session.update", command, { ...options, expiration: "60000" });
  const send =
    '{"messageId":7212345678901234567,"numberId":"077","to":"+221 77 999 99 99","content":"x","type":"text"}';
  await onlooker.publish("", "whatsapp.message.send", send, { ...options, headers: { CC: [] } });
  for (const [queue, content] of [[inbox, command], [NAMES.number("77"), send]] as const) {
    const forwarded = await onlooker.take(queue);
    assert.equal(String(forwarded.content), content);
    const { headers: _, ...properties } = options;
    for (const [name, value] of Object.entries(properties)) {
      assert.equal(forwarded.properties[name as keyof typeof properties], value, name);
    }
    assert.equal(forwarded.properties.deliveryMode, 2);
    assert.equal(forwarded.properties.headers?.CC, undefined);
  }
  assert.equal(await onlooker.depth("whatsapp.message.send"), 0, "no copy went round");
});

Deno.test("a send waits in its number's queue no longer than its own expiration or SEND_WAIT", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await using onlooker = await lookOn(stack.url);
  await onlooker.channel.assertQueue(NAMES.number("77"), { durable: true });
  await onlooker.channel.bindQueue(NAMES.number("77"), NAMES.router, "send.77");
  const send = { messageId: 1, numberId: 77, to: "+221779999999", content: "x", type: "TEXT" };
  const cases = [
    [{}, {}, 3_600_000],
    [{ expiresAt: Date.now() + 60_000 }, {}, 60_000],
    [{}, { expiration: "30000" }, 30_000],
  ] as const;
  for (const [fields, options, expectedMs] of cases) {
    await onlooker.publish("", "whatsapp.message.send", JSON.stringify({ ...send, ...fields }), options);
    const { properties } = await onlooker.take(NAMES.number("77"));
    const waitMs = Number(properties.expiration);
    assert.ok(waitMs <= expectedMs && waitMs > expectedMs - 10_000, `${waitMs} of ${expectedMs}`);
    assert.ok(Math.abs(Number(properties.headers?.["x-expires-at"]) - Date.now() - expectedMs) < 10_000);
  }
});

Deno.test("a send that waits too long for a worker that stays away is answered by those that are there", async () => {
  await using stack = await startStack({ broker });
  let later = 0;
  await stack.startWorker({}, { now: () => Date.now() + later });
  await using onlooker = await lookOn(stack.url);
  // As a worker's lease leaves it behind.
  await onlooker.channel.assertQueue(NAMES.number("77"), {
    durable: true,
    deadLetterExchange: "",
    deadLetterRoutingKey: NAMES.expired,
  });
  await onlooker.channel.bindQueue(NAMES.number("77"), NAMES.router, "send.77");
  const send = { messageId: 9, numberId: 77, to: "+221779999999", content: "x", type: "TEXT" };
  const commandId = await stack.backend.send({ ...send, expiresAt: Date.now() + 300 });
  await until(async () => await onlooker.depth(NAMES.retry) === 1, { describe: "a wait for the worker" });
  later = 3 * 60_000;
  const { body } = await stack.backend.next(answerTo(commandId), { describe: "the end of the wait" });
  assert.deepEqual([body.status, body.code, body.messageId], ["FAILED", "expired", 9]);
});
