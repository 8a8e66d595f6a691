/** Another worker by the same name, another exchange than expected. */
import { strict as assert } from "node:assert";
import amqp from "amqplib";
import { Database } from "../../src/store/database.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { Installation, resultOf, statuses, troubleIn } from "./installation.ts";

const broker = await sharedBroker();

/** Reads the inbox of worker-1 as a worker does. */
async function readInbox(url: string): Promise<AsyncDisposable> {
  const model = await amqp.connect(url);
  const channel = await model.createChannel();
  await channel.assertQueue("whatsapp.worker.worker-1.inbox", { durable: true });
  await channel.consume("whatsapp.worker.worker-1.inbox", () => {}, { exclusive: true });
  return { [Symbol.asyncDispose]: () => model.close() };
}

Deno.test("checkAll() fails when another worker has this WORKER_ID", async () => {
  const url = await broker.vhost();
  await using installation = await Installation.make({ RABBITMQ_URL: url });
  const check = () => installation.check({ only: "broker.inbox" });
  assert.match(
    resultOf(await check(), "broker.inbox").findings[0]?.found ?? "",
    /^nobody else is 'worker-1'$/,
  );
  await using _other = await readInbox(url);
  const report = await check();
  const taken = troubleIn(report, "broker.inbox");
  assert.deepEqual([taken.status, taken.code, report.exitCode], ["failure", "worker_id_taken", 69]);
  await installation.set({ WORKER_ID: "worker-2" });
  assert.equal(statuses(await check())["broker.inbox"], "ok");
});

Deno.test("checkAll() takes whoever reads the inbox for this worker while one holds the state folder", async () => {
  const url = await broker.vhost();
  await using installation = await Installation.make({ RABBITMQ_URL: url });
  const database = await Database.open(installation.sessionDir);
  try {
    const found = async () =>
      resultOf(await installation.check({ only: "broker.inbox" }), "broker.inbox").findings[0]?.found;
    assert.match(await found() ?? "", /^nobody reads the inbox yet/);
    await using _own = await readInbox(url);
    assert.match(await found() ?? "", /^this worker reads 'whatsapp\.worker\.worker-1\.inbox'$/);
  } finally {
    database.close();
  }
});

Deno.test("checkAll() says whether the exchange is there, will be, or need not be", async () => {
  const url = await broker.vhost();
  await using installation = await Installation.make({ RABBITMQ_URL: url });
  const check = () => installation.check({ only: "broker.exchange" });
  const found = async () => resultOf(await check(), "broker.exchange").findings[0]?.found ?? "";
  const absent = troubleIn(await check(), "broker.exchange");
  assert.equal(absent.code, "exchange_absent");
  assert.match(absent.remedy ?? "", /RABBITMQ_EXCHANGE_TYPE=topic$/);
  await installation.set({ RABBITMQ_EXCHANGE_TYPE: "direct" });
  assert.match(await found(), /is not there yet; the worker declares it \(direct\)$/);
  const model = await amqp.connect(url);
  await (await model.createChannel()).assertExchange("whatsapp.exchange", "topic");
  await model.close();
  assert.match(await found(), /^'whatsapp\.exchange' is there$/);
});

Deno.test("checkAll() does without an exchange where the wiring does", async () => {
  await using installation = await Installation.make({
    RABBITMQ_URL: await broker.vhost(),
    QUEUE_SESSION_EVENT: "whatsapp.worker.events",
  });
  const [finding] =
    resultOf(await installation.check({ only: "broker.exchange" }), "broker.exchange").findings;
  assert.deepEqual([finding?.status, finding?.found], [
    "ok",
    "no 'whatsapp.exchange', and this wiring does without",
  ]);
});
