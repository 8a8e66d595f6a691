import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import amqp from "amqplib";
import { connectBackend } from "../backend/backend.ts";
import { startBroker } from "../rabbitmq/broker.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { Installation, resultOf, statuses, troubleIn } from "./installation.ts";
import { answering } from "./servers.ts";

const broker = await sharedBroker();
const CHECKS = ["broker.reach", "broker.login", "broker.queues", "broker.wiring", "broker.round_trip"];

/** An installation whose `.env` names `url`. */
const installedFor = (url: string, settings: Record<string, string> = {}) =>
  Installation.make({ RABBITMQ_URL: url, ...settings });

/** `url` with other parts. */
function withParts(
  url: string,
  parts: Partial<Record<"username" | "password" | "port" | "pathname", string>>,
) {
  return Object.assign(new URL(url), parts).href;
}

/** Asks the broker's management. @returns what it answers, parsed */
async function management(path: string, init: RequestInit = {}): Promise<unknown> {
  const { httpPort, user, password } = broker.layout;
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/${path}`, {
    ...init,
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}`, "content-type": "application/json" },
  });
  const text = await response.text();
  assert.ok(response.ok, `'${path}' is answered ${response.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

const put = (path: string, body: unknown) => management(path, { method: "PUT", body: JSON.stringify(body) });

/** The names of all queues and exchanges of a vhost. */
async function entities(url: string): Promise<string[]> {
  const vhost = new URL(url).pathname.slice(1);
  const lists = await Promise.all(
    ["queues", "exchanges"].map((kind) =>
      management(`${kind}/${vhost}?disable_stats=true&enable_queue_totals=true`)
    ),
  );
  return (lists as { name: string }[][]).flatMap((list) => list.map(({ name }) => name)).sort();
}

Deno.test("checkAll() finds everything in place with a backend there, and changes nothing", async () => {
  const url = await broker.vhost();
  const backend = await connectBackend({ url });
  try {
    await using installation = await installedFor(url);
    const before = await entities(url);
    const report = await installation.check();
    assert.deepEqual(CHECKS.map((id) => statuses(report)[id]), ["ok", "ok", "ok", "warning", "ok"]);
    assert.match(resultOf(report, "broker.login").findings[0]?.found ?? "", /of RabbitMQ \d/);
    const queues = resultOf(report, "broker.queues").findings;
    assert.deepEqual(queues.map(({ subject, facts }) => [subject, facts?.messages, facts?.consumers]), [
      ["whatsapp.session.update", 0, 1],
      ["whatsapp.message.send", 0, 0],
      ["whatsapp.message.receive", 0, 1],
      ["whatsapp.number.health", 0, 1],
    ]);
    const wiring = troubleIn(report, "broker.wiring");
    assert.deepEqual([wiring.code, wiring.facts?.advised], ["unproven", "SESSION_WIRING=exchange"]);
    assert.match(wiring.found, /^undecided: best effort; .* no command has come through the exchange/);
    assert.ok(Number(resultOf(report, "broker.round_trip").findings[0]?.facts?.ms) >= 0);
    assert.deepEqual(await entities(url), before);
  } finally {
    await backend.close();
  }
});

Deno.test("checkAll() says what is not there yet in an empty vhost, and declares none of it", async () => {
  const url = await broker.vhost();
  await using installation = await installedFor(url);
  const before = await entities(url);
  const report = await installation.check();
  const codes = resultOf(report, "broker.queues").findings.map(({ code }) => code);
  assert.deepEqual(codes, Array(4).fill("queue_absent"));
  const wiring = troubleIn(report, "broker.wiring");
  assert.equal(wiring.code, "unproven");
  assert.equal(wiring.facts?.advised, "QUEUE_SESSION_EVENT=whatsapp.worker.events");
  assert.equal(statuses(report)["broker.round_trip"], "ok");
  assert.deepEqual(await entities(url), before);
  await installation.set({ SESSION_WIRING: "exchange" });
  const waiting = troubleIn(await installation.check(), "broker.wiring");
  assert.deepEqual([waiting.code, waiting.facts?.advised], [
    "exchange_absent",
    "QUEUE_SESSION_EVENT=whatsapp.worker.events",
  ]);
});

Deno.test("checkAll() advises the very line that takes the two directions apart", async () => {
  const url = await broker.vhost();
  await using installation = await installedFor(url, { SESSION_WIRING: "queue" });
  const advised = async () => {
    const { code, facts } = troubleIn(await installation.check(), "broker.wiring");
    assert.equal(code, "both_ways");
    return String(facts?.advised);
  };
  const withoutExchange = await advised();
  assert.equal(withoutExchange, "QUEUE_SESSION_EVENT=whatsapp.worker.events");

  const backend = await connectBackend({ url });
  try {
    assert.equal(await advised(), "SESSION_WIRING=auto");
  } finally {
    await backend.close();
  }
  const [key, value] = withoutExchange.split("=") as [string, string];
  await installation.set({ [key]: value });
  assert.equal(statuses(await installation.check())["broker.wiring"], "ok", "the advice helps");
});

Deno.test("checkAll() warns of copies of commands that another wiring left, and nobody reads", async () => {
  const url = await broker.vhost();
  const backend = await connectBackend({ url });
  await backend.close();
  const model = await amqp.connect(url);
  const channel = await model.createConfirmChannel();
  channel.publish("whatsapp.exchange", "session.update", Buffer.from('{"action":"status"}'));
  await channel.waitForConfirms();
  await model.close();

  await using installation = await installedFor(url, {
    SESSION_WIRING: "exchange",
    QUEUE_SESSION_EVENT: "whatsapp.worker.events",
  });
  const { code, subject, found } = troubleIn(await installation.check(), "broker.wiring");
  assert.deepEqual([code, subject], ["unread_copies", "whatsapp.session.update"]);
  assert.match(found, /^1 waiting that nobody reads/);
});

Deno.test("checkAll() warns of events that wait and nobody reads", async () => {
  const url = await broker.vhost();
  const backend = await connectBackend({ url });
  await backend.close();
  const model = await amqp.connect(url);
  const channel = await model.createConfirmChannel();
  channel.sendToQueue("whatsapp.message.receive", Buffer.from("{}"));
  channel.sendToQueue("whatsapp.message.send", Buffer.from("{}"));
  await channel.waitForConfirms();
  await model.close();

  await using installation = await installedFor(url);
  const unread = troubleIn(await installation.check(), "broker.queues");
  assert.deepEqual([unread.code, unread.subject], ["unread", "whatsapp.message.receive"]);
  assert.match(unread.found, /^1 message waiting, 0 consumers/);
});

Deno.test("checkAll() tells a wrong password from a wrong vhost", async () => {
  const url = await broker.vhost();
  await using installation = await installedFor(withParts(url, { password: "wrong-password" }));
  const password = await installation.check();
  assert.equal(troubleIn(password, "broker.login").code, "login_refused");
  assert.match(troubleIn(password, "broker.login").remedy ?? "", /change_password test PASSWORD/);
  assert.equal(password.exitCode, 69);
  assert.equal(statuses(password)["broker.queues"], "skipped");

  await installation.set({ RABBITMQ_URL: withParts(url, { pathname: "/no-such-vhost" }) });
  const vhost = troubleIn(await installation.check(), "broker.login");
  assert.equal(vhost.code, "vhost_refused");
  assert.match(vhost.found, /not the vhost 'no-such-vhost'/);
  assert.match(vhost.remedy ?? "", /rabbitmqctl add_vhost no-such-vhost;.* -p no-such-vhost test /);
});

Deno.test("checkAll() finds a user who is let in and may do nothing, one with a password beyond ASCII", async () => {
  const url = await broker.vhost();
  const user = `limited-${crypto.randomUUID()}`, password = "pässword-é@:/";
  await put(`users/${user}`, { password, tags: "" });
  const own = withParts(url, { username: user, password: encodeURIComponent(password) });
  await using installation = await installedFor(own);
  assert.equal(troubleIn(await installation.check(), "broker.login").code, "vhost_refused");

  const vhost = new URL(url).pathname.slice(1);
  await put(`permissions/${vhost}/${user}`, { configure: "^$", write: "^$", read: "^$" });
  const report = await installation.check();
  assert.equal(statuses(report)["broker.login"], "ok");
  const { code, found, remedy } = troubleIn(report, "broker.round_trip");
  assert.equal(code, "permission_missing");
  assert.match(found, /access to queue 'whatsapp\.check\..* refused for user/);
  assert.match(remedy ?? "", /rabbitmqctl set_permissions -p/);

  await put(`permissions/${vhost}/${user}`, { configure: ".*", write: "^$", read: ".*" });
  const mute = troubleIn(await installation.check(), "broker.round_trip");
  assert.equal(mute.code, "permission_missing", mute.found);
  assert.match(mute.found, /access to exchange/);

  await put(`permissions/${vhost}/${user}`, { configure: "^whatsapp\\.", write: ".*", read: "^whatsapp\\." });
  assert.equal(
    statuses(await installation.check())["broker.round_trip"],
    "ok",
    "what the worker needs is enough",
  );
});

Deno.test("checkAll() tells a port where nothing listens from one where something else does", async () => {
  await using installation = await Installation.make();
  const refused = await installation.check();
  assert.equal(troubleIn(refused, "broker.reach").code, "refused");
  assert.match(troubleIn(refused, "broker.reach").remedy ?? "", /systemctl status rabbitmq-server/);
  assert.equal(refused.exitCode, 69);

  await using http = await answering("HTTP/1.1 400 Bad Request\r\n\r\n");
  await installation.set({ RABBITMQ_URL: `amqp://u:p@127.0.0.1:${http.port}` });
  assert.equal(troubleIn(await installation.check(), "broker.login").code, "not_amqp");
  await using nobody = await answering("");
  await installation.set({ RABBITMQ_URL: `amqp://u:p@127.0.0.1:${nobody.port}` });
  assert.equal(troubleIn(await installation.check(), "broker.login").code, "not_amqp");
});

Deno.test("checkAll() knows a name that does not exist, and TLS that is not spoken", async () => {
  await using installation = await installedFor("amqp://u:p@no-such-host.invalid:5672");
  assert.match(troubleIn(await installation.check(), "broker.reach").code, /^dns_/);
  await installation.set({ RABBITMQ_URL: `amqps://u:p@127.0.0.1:${broker.port}` });
  const { code, remedy } = troubleIn(await installation.check(), "broker.reach");
  assert.equal(code, "tls_not_spoken");
  assert.match(remedy ?? "", /5671 .* amqp:\/\/ instead of amqps:\/\//);
});

Deno.test("checkAll() gives up on a broker behind a black hole, in time and with words for it", async () => {
  const url = await broker.vhost();
  await using proxy = await startProxy(broker.port);
  proxy.blackhole("both");
  await using installation = await installedFor(withParts(url, { port: String(proxy.port) }));
  const report = await installation.check({ checkTimeoutMs: 300 });
  assert.equal(statuses(report)["broker.reach"], "ok", "the proxy itself takes connections");
  assert.equal(troubleIn(report, "broker.login").code, "broker_silent");
  assert.ok(report.durationMs < 2_000, `done after ${report.durationMs} ms`);
});

Deno.test("checkAll() gives up on a broker that falls silent after the login", async () => {
  const url = await broker.vhost();
  await using proxy = await startProxy(broker.port);
  await using installation = await installedFor(withParts(url, { port: String(proxy.port) }));
  const report = await installation.check({
    checkTimeoutMs: 1_000,
    onProgress: ({ running }) => {
      if (running.includes("Broker round trip")) proxy.blackhole("down");
    },
  });
  for (const id of ["broker.queues", "broker.wiring", "broker.round_trip"]) {
    assert.equal(troubleIn(report, id).code, "broker_silent", id);
  }
});

Deno.test("checkAll() warns of guest/guest elsewhere, and knows a broker that takes no messages", async () => {
  await using own = await startBroker({ config: ["loopback_users = none"] });
  await own.ctl("add_user", "guest", "guest");
  await own.ctl("set_permissions", "guest", ".*", ".*", ".*");
  // This machine by an address that the check does not know for its own.
  await using installation = await installedFor(`amqp://0.0.0.0:${own.port}`);
  const elsewhere = troubleIn(await installation.check(), "broker.login");
  assert.deepEqual([elsewhere.status, elsewhere.code], ["warning", "guest_elsewhere"]);
  await installation.set({ RABBITMQ_URL: `amqp://guest:guest@localhost:${own.port}` });
  assert.equal(statuses(await installation.check())["broker.login"], "ok");

  await own.ctl("set_vm_memory_high_watermark", "absolute", "1MB");
  const { code, remedy } = troubleIn(await installation.check(), "broker.round_trip");
  assert.equal(code, "broker_blocked");
  assert.match(remedy ?? "", /rabbitmq-diagnostics alarms/);
});
