import { strict as assert } from "node:assert";
import amqp from "amqplib";
import { connectBackend } from "../backend/backend.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { Installation, resultOf, troubleIn } from "./installation.ts";
import { answering } from "./servers.ts";

const broker = await sharedBroker();
const RABBITMQ_MANAGEMENT_URL = `http://127.0.0.1:${broker.layout.httpPort}`;

const installedFor = (url: string, settings: Record<string, string> = {}) =>
  Installation.make({ RABBITMQ_URL: url, RABBITMQ_MANAGEMENT_URL, ...settings });

const check = (installation: Installation) => installation.check({ only: "broker.management" });

/** What is said of `subject`. */
async function about(installation: Installation, subject: string) {
  const { findings } = resultOf(await check(installation), "broker.management");
  const finding = findings.find((one) => one.subject === subject);
  assert.ok(finding, `'${subject}' is looked at: ${JSON.stringify(findings)}`);
  return finding;
}

/** Declares queues and exchanges as a backend might. */
async function declare(url: string, work: (channel: amqp.Channel) => Promise<unknown>): Promise<void> {
  const model = await amqp.connect(url);
  await work(await model.createChannel());
  await model.close();
}

Deno.test("checkAll() does not ask the management API unless it is told where it is", async () => {
  await using installation = await Installation.make({ RABBITMQ_URL: await broker.vhost() });
  const [finding] = resultOf(await check(installation), "broker.management").findings;
  assert.equal(finding?.status, "ok");
  assert.match(finding.found, /^not asked: with RABBITMQ_MANAGEMENT_URL=/);
});

Deno.test("checkAll() reads kinds, bindings, permissions and alarms from the management API", async () => {
  const url = await broker.vhost();
  const backend = await connectBackend({ url });
  try {
    await using installation = await installedFor(url);
    const { status, findings } = resultOf(await check(installation), "broker.management");
    assert.equal(status, "ok", JSON.stringify(findings));
    const found = Object.fromEntries(findings.map(({ subject, found }) => [subject, found]));
    assert.match(found.queues ?? "", /^4 queues of this deployment, none that forgets$/);
    assert.equal(found.exchange, "'whatsapp.exchange' is of type topic");
    assert.match(found.bindings ?? "", /session\.update → whatsapp\.session\.update/);
    assert.match(found.permissions ?? "", /^configure '\.\*', write '\.\*', read '\.\*'$/);
    assert.equal(found.alarms, "none");
  } finally {
    await backend.close();
  }
});

Deno.test("checkAll() finds queues that drop or do not last, and an exchange that does not route", async () => {
  const url = await broker.vhost();
  await declare(url, async (channel) => {
    await channel.assertQueue("whatsapp.message.send", { durable: true, messageTtl: 60_000 });
    await channel.assertQueue("whatsapp.message.receive", { durable: false });
    await channel.assertQueue("whatsapp.number.health", { durable: true, maxLength: 1 });
    await channel.assertQueue("somebody.elses", { durable: false });
    await channel.assertExchange("whatsapp.exchange", "fanout");
  });
  await using installation = await installedFor(url);
  const { findings } = resultOf(await check(installation), "broker.management");
  const troubles = findings.filter(({ status }) => status !== "ok");
  assert.deepEqual(troubles.map(({ status, code, subject }) => [status, code, subject]), [
    ["warning", "queue_does_not_last", "whatsapp.message.receive"],
    ["warning", "queue_drops", "whatsapp.message.send"],
    ["warning", "exchange_type", "exchange"],
  ]);
  assert.match(troubles[1]?.found ?? "", /x-message-ttl=60000$/);
});

Deno.test("checkAll() fails for a lease's queue that two workers can hold", async () => {
  const url = await broker.vhost();
  await declare(
    url,
    (channel) =>
      channel.assertQueue("whatsapp.number.6", { durable: true, arguments: { "x-queue-type": "quorum" } }),
  );
  await using installation = await installedFor(url);
  const report = await check(installation);
  const trouble = troubleIn(report, "broker.management");
  assert.deepEqual([trouble.status, trouble.code, trouble.subject], [
    "failure",
    "queue_not_exclusive",
    "whatsapp.number.6",
  ]);
  assert.equal(report.exitCode, 69);
});

Deno.test("checkAll() tells who may not ask, who may not see permissions, and who lacks some", async () => {
  const url = new URL(await broker.vhost());
  const vhost = url.pathname.slice(1), user = `asking-${crypto.randomUUID()}`;
  await broker.ctl("add_user", user, "its-password");
  await broker.ctl("set_permissions", "-p", vhost, user, "^whatsapp", "^whatsapp", "^$");
  await using installation = await installedFor(
    Object.assign(new URL(url), { username: user, password: "its-password" }).href,
    { QUEUE_MESSAGE_SEND: "orders.in" },
  );
  const refused = troubleIn(await check(installation), "broker.management");
  assert.equal(refused.code, "management_refused");
  assert.equal(
    refused.remedy,
    `rabbitmqctl set_user_tags ${user} management (administrator to see permissions, too)`,
  );

  await broker.ctl("set_user_tags", user, "management");
  assert.match(
    (await about(installation, "permissions")).found,
    /^not told: the user lacks the tag administrator/,
  );

  await broker.ctl("set_user_tags", user, "administrator");
  const { code, found, remedy } = await about(installation, "permissions");
  assert.equal(code, "permission_missing");
  assert.match(
    found,
    /may not configure: orders\.in; write: amq\.default; read: whatsapp\.worker\.worker-1\.inbox, /,
  );
  assert.equal(remedy, `rabbitmqctl set_permissions -p ${vhost} ${user} '.*' '.*' '.*'`);
});

Deno.test("checkAll() warns when the management API is out of reach, or something else", async () => {
  const url = await broker.vhost();
  await using installation = await installedFor(url, { RABBITMQ_MANAGEMENT_URL: "http://127.0.0.1:1" });
  const gone = troubleIn(await check(installation), "broker.management");
  assert.deepEqual([gone.status, gone.code], ["warning", "refused"]);
  for (const answer of ["HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "not HTTP\r\n"]) {
    await using other = await answering(answer);
    await installation.set({ RABBITMQ_MANAGEMENT_URL: `http://127.0.0.1:${other.port}` });
    const trouble = troubleIn(await check(installation), "broker.management");
    assert.deepEqual([trouble.status, trouble.code], ["warning", "management_silent"]);
  }
});

Deno.test("checkAll() does not read on for ever what the management API says", async () => {
  const zeros = new Uint8Array(1024 * 1024);
  await using api = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    if (url.endsWith("/api/whoami")) return Response.json({ name: "test" });
    return new Response(new ReadableStream({ pull: (controller) => controller.enqueue(zeros) }));
  });
  await using installation = await installedFor(await broker.vhost(), {
    RABBITMQ_MANAGEMENT_URL: `http://127.0.0.1:${api.addr.port}`,
  });
  const trouble = troubleIn(await check(installation), "broker.management");
  assert.deepEqual([trouble.status, trouble.code], ["warning", "management_silent"]);
  assert.match(trouble.found, /is larger than \d+ characters$/);
});

Deno.test("checkAll() tries no pattern of permissions that only the broker can read, or that might take for ever", async () => {
  let configure = "";
  await using api = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    if (url.endsWith("/api/whoami")) return Response.json({ name: "test" });
    if (url.includes("/permissions/")) return Response.json({ configure, write: ".*", read: ".*" });
    return Response.json([]);
  });
  await using installation = await installedFor(await broker.vhost(), {
    RABBITMQ_MANAGEMENT_URL: `http://127.0.0.1:${api.addr.port}`,
  });
  for (configure of ["(?i)WHATSAPP.*", "^(([a-z.]+)*)*!", ".*.*.*.*.*.*.*.*.*!"]) {
    const { status, found } = await about(installation, "permissions");
    assert.equal(status, "ok");
    assert.ok(found.startsWith(`configure '${configure}', write '.*', read '.*'; not compared`), found);
    assert.ok(found.endsWith("only the broker reads configure right"), found);
  }
});

Deno.test("checkAll() repeats an alarm of the broker", async () => {
  await using api = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, ({ url }) => {
    if (url.endsWith("/api/whoami")) return Response.json({ name: "test" });
    if (url.endsWith("/alarms")) {
      return Response.json({ status: "failed", reason: "memory" }, { status: 503 });
    }
    return new Response("", { status: 500 });
  });
  await using installation = await installedFor(await broker.vhost(), {
    RABBITMQ_MANAGEMENT_URL: `http://127.0.0.1:${api.addr.port}/`,
  });
  const alarm = troubleIn(await check(installation), "broker.management");
  assert.deepEqual([alarm.code, alarm.subject], ["broker_alarm", "alarms"]);
  assert.match((await about(installation, "queues")).found, /^not told: it answers with 500$/);
});
