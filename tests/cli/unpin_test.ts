/** `worker session unpin`: the number of a worker that is lost for good. */
import { strict as assert } from "node:assert";
import { loadConfig } from "../../src/config/load.ts";
import { withBroker } from "../../src/cli/broker.ts";
import { routingKey } from "../../src/broker/names.ts";
import { unpin } from "../../src/broker/unpin.ts";
import { bindingsOf, NAMES, queueExists, until } from "../bridge/bridge.ts";
import { Installation } from "../preflight/installation.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, Program, startStack } from "../stack.ts";
import { type Office, openOffice, send } from "./letters.ts";

const broker = await sharedBroker();
const NUMBER = "6";
const QUEUE = NAMES.number(NUMBER), INBOX = NAMES.inbox("worker-9"), OTHER_INBOX = NAMES.inbox("worker-2");
const NUMBER_ARGUMENTS = {
  "x-queue-type": "classic",
  "x-max-priority": 2,
  "x-dead-letter-exchange": "",
  "x-dead-letter-routing-key": NAMES.expired,
};
const unpinArguments = ["session", "unpin", NUMBER, "--worker", "worker-9", "--yes"];

/** A vhost as a worker leaves it that was lost with a number, three sends and three commands. */
async function lostWorker(sends = 3): Promise<Office> {
  const office = await openOffice(broker, { queues: [NAMES.messageSend, NAMES.pending, INBOX, OTHER_INBOX] });
  const { channel, publish } = office.onlooker;
  await channel.assertExchange(NAMES.router, "direct");
  await channel.assertQueue(QUEUE, { arguments: NUMBER_ARGUMENTS });
  await channel.bindQueue(INBOX, NAMES.router, routingKey.number(NUMBER));
  await channel.bindQueue(INBOX, NAMES.router, routingKey.number("7"));
  await channel.bindQueue(INBOX, NAMES.router, routingKey.worker("worker-9"));
  for (let id = 1; id <= sends; id++) {
    const urgent = id === sends;
    await publish("", QUEUE, send(id), {
      messageId: `m-${id}`,
      expiration: "600000",
      ...(urgent && { priority: 2 }),
    });
  }
  for (
    const command of [
      { action: "status", numberId: 7 },
      { action: "reconnect", numberId: 6 },
      { action: "create", numberId: "6", phoneNumber: "+221771234567", workerId: "worker-9" },
      { action: "health_check", numberId: 6 },
      { action: "status", numberId: 7, n: 2 },
    ]
  ) await publish("", INBOX, JSON.stringify(command));
  return office;
}

const messageIds = async (office: Office, queue: string) =>
  (await office.empty(queue)).map(({ content }) => JSON.parse(content.toString()).messageId as number);
const bodies = async (office: Office, queue: string) =>
  (await office.empty(queue)).map(({ content }) => JSON.parse(content.toString()));

Deno.test("worker session unpin frees the number, and what waits for it goes where it is answered", async () => {
  await using office = await lostWorker();
  const { code, stdout, stderr } = await office.run(...unpinArguments, "--json");
  assert.equal(code, 0, stderr);
  assert.deepEqual(JSON.parse(stdout), {
    numberId: NUMBER,
    workerId: "worker-9",
    queueDeleted: true,
    sends: 3,
    commands: 2,
    commandsLeft: 1,
    inbox: "swept",
  });
  assert.equal(await queueExists(broker, office.url, QUEUE), false);
  assert.deepEqual(await bindingsOf(broker, office.url, NAMES.router), [
    `number.7 → ${INBOX}`,
    `worker.worker-9 → ${INBOX}`,
  ]);
  const sends = await office.empty(NAMES.messageSend);
  assert.deepEqual(
    sends.map(({ properties }) => properties.messageId),
    ["m-3", "m-1", "m-2"],
    "urgent first",
  );
  assert.ok(sends.every(({ properties }) => properties.expiration === undefined));
  assert.deepEqual((await bodies(office, NAMES.pending)).map(({ action }) => action), [
    "reconnect",
    "health_check",
  ]);
  assert.deepEqual((await bodies(office, INBOX)).map(({ action, n }) => [action, n]), [
    ["status", undefined],
    ["create", undefined],
    ["status", 2],
  ]);

  const again = await office.run(...unpinArguments);
  assert.deepEqual([again.code, again.stdout], [
    0,
    "Number 6 has no queue: no worker has it, and there was nothing to do\n",
  ]);
});

Deno.test("worker session unpin refuses a number in use, or that belongs to another worker", async () => {
  await using office = await lostWorker();
  const { channel } = office.onlooker;
  const { consumerTag } = await channel.consume(QUEUE, () => {}, { exclusive: true });
  const used = await office.run(...unpinArguments);
  assert.equal(used.code, 75);
  assert.match(used.stderr, /in use: the worker that has it is running\n→ Log the number out there/);
  await channel.cancel(consumerTag);
  await channel.recover();

  await channel.bindQueue(OTHER_INBOX, NAMES.router, routingKey.number(NUMBER));
  const shared = await office.run(...unpinArguments);
  assert.equal(shared.code, 75);
  assert.match(shared.stderr, /another inbox is bound to it/);
  assert.equal(await office.onlooker.depth(OTHER_INBOX), 0, "asking leaves nothing behind");
  assert.deepEqual(await messageIds(office, QUEUE), [3, 1, 2]);
  assert.equal(await office.onlooker.depth(INBOX), 5);
});

Deno.test("worker session unpin leaves its inbox to a worker that runs without the number", async () => {
  await using office = await lostWorker();
  const { channel } = office.onlooker;
  await channel.prefetch(1);
  await channel.consume(INBOX, () => {}, { exclusive: true });
  const { code, stdout } = await office.run(...unpinArguments);
  assert.equal(code, 0);
  assert.match(stdout, /3 waiting sends[^]*'worker-9' runs and takes its commands itself/);
  assert.equal(await queueExists(broker, office.url, QUEUE), false);
});

Deno.test("worker session unpin says what is wrong with its usage", async () => {
  await using office = await openOffice(broker, { queues: [] });
  for (
    const [args, says] of [
      [["unpin"], /needs to be told which/],
      [["unpin", "+221771234567", "--worker", "w", "--yes"], /not the phone number/],
      [["unpin", "../6", "--worker", "w", "--yes"], /is no number/],
      [["unpin", "6", "--yes"], /Add --worker/],
      [["unpin", "6", "--worker", "a b", "--yes"], /is no WORKER_ID/],
      [["unpin", "6", "--worker", "w"], /nobody to ask/],
      [["unpin", "6", "7", "--worker", "w", "--yes"], /takes no "7"/],
      [["unpn"], /Did you mean 'unpin'/],
    ] as const
  ) {
    const { code, stderr } = await office.run("session", ...args);
    assert.equal(code, 64, args.join(" "));
    assert.match(stderr, says);
  }
  const absent = await office.run("session", "unpin", "6", "--worker", "w", "--yes");
  assert.equal(absent.code, 0, absent.stderr);
  assert.match(absent.stdout, /nothing to do/);
});

Deno.test("worker session unpin that is killed anywhere loses nothing, and the next one finishes", async () => {
  const COUNT = 400;
  const ids = Array.from({ length: COUNT }, (_, index) => index + 1);
  for (const queue of [NAMES.messageSend, NAMES.pending]) {
    await using office = await lostWorker(COUNT);
    const environment = Deno.env.toObject();
    const program = new Program(environment, office.installation.folder, [], unpinArguments);
    let ended = false;
    const end = program.process.status.then(() => ended = true);
    // One that was too fast to be killed has done all the same.
    await until(async () => ended || await office.onlooker.depth(queue) > 0, {
      describe: `something in '${queue}'`,
      timeoutMs: 20_000,
      everyMs: 1,
    });
    await program.end();
    await end;
    const again = await office.run(...unpinArguments);
    assert.equal(again.code, 0, again.stderr);
    assert.equal(await queueExists(broker, office.url, QUEUE), false);
    const sent = await messageIds(office, NAMES.messageSend);
    assert.deepEqual([...new Set(sent)].sort((one, other) => one - other), ids);
    const actions = (await bodies(office, NAMES.pending)).map(({ action }) => action);
    assert.deepEqual([...new Set(actions)].sort(), ["health_check", "reconnect"]);
    assert.deepEqual((await bodies(office, INBOX)).map(({ numberId }) => Number(numberId)), [7, 6, 7]);
  }
});

Deno.test("unpin() moves on what arrives while it empties the queue, in order", async () => {
  await using office = await lostWorker(1_500);
  const { settings } = await loadConfig({ envFile: office.installation.envFile, environment: {} });
  const pin = { numberId: NUMBER, workerId: "worker-9" };
  const unpinning = withBroker(settings, (link) => unpin(link, NAMES, pin));
  await until(
    async () => await office.onlooker.depth(NAMES.messageSend) > 0,
    { describe: "it has begun", everyMs: 1 },
  );
  const late = Array.from({ length: 50 }, (_, index) => 2_000 + index);
  await Promise.all(late.map((id) => office.onlooker.publish("", QUEUE, send(id), { mandatory: true })));
  assert.equal((await unpinning).sends, 1_550);
  const sent = await messageIds(office, NAMES.messageSend);
  assert.equal(sent.length, 1_550);
  assert.deepEqual(sent.slice(-50), late);
});

Deno.test("worker session unpin frees the number of a killed worker: sends are answered, another worker opens it", async () => {
  await using stack = await startStack({ broker });
  const lost = stack.startProgram();
  await lost.printed("the worker is ready");
  await pair(stack, { numberId: 6, phoneNumber: "221771234567" });
  await stack.startWorker({
    WORKER_ID: "worker-2",
    SESSION_DIR: `${stack.folder}/other`,
    WORKER_NAME: "Worker 2",
  });
  lost.process.kill("SIGKILL");
  await lost.process.status;
  await using installation = await Installation.make({ RABBITMQ_URL: stack.url });
  await until(
    async () =>
      (await installation.run(["session", "unpin", "6", "--worker", "worker-1", "--yes"])).code === 0,
    { describe: "the broker sees the worker's end", timeoutMs: 20_000, everyMs: 200 },
  );
  await stack.backend.send(JSON.parse(send(1)));
  const { body } = await stack.backend.next(({ body }) => body.messageId === 1, { describe: "an answer" });
  assert.deepEqual([body.status, body.code, body.retryable], ["FAILED", "no_session", true]);
  await stack.backend.command({ action: "create", numberId: 6, phoneNumber: "+221771234567" });
  const qr = await stack.backend.next(
    ({ body }) => body.action === "qr_generated" && body.workerId === "worker-2",
    { describe: "a QR of the other worker" },
  );
  assert.equal(qr.body.numberId, 6);
});
