import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "amqplib";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { connectBackend } from "./backend.ts";

const broker = await sharedBroker();

/** A bare AMQP client, in the place of a worker. */
async function connectPeer(url: string) {
  const connection = await connect(url);
  const channel = await connection.createChannel();
  return {
    get: async (queue: string) => {
      const message = await channel.get(queue, { noAck: true });
      assert(message, `nothing in ${queue}`);
      return message;
    },
    publish: (queue: string, text: string) => channel.sendToQueue(queue, Buffer.from(text)),
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

Deno.test("connectBackend() declares exchange, queues and bindings, and sends Java strings", async () => {
  const url = await broker.vhost();
  await using backend = await connectBackend({ url });
  await using peer = await connectPeer(url);
  const messageId = await backend.send({ messageId: 7212345678901234567n, type: "TEXT" });
  const message = await peer.get("whatsapp.message.send");
  assert.equal(message.content.toString(), '{"messageId":7212345678901234567,"type":"TEXT"}');
  assert.equal(message.fields.exchange, "whatsapp.exchange");
  assert.equal(message.fields.routingKey, "message.send");
  assert.equal(message.properties.contentType, "text/plain");
  assert.equal(message.properties.deliveryMode, 2);
  assert.equal(message.properties.messageId, messageId);
});

Deno.test("connectBackend() with a JSON converter encodes twice", async () => {
  const url = await broker.vhost();
  await using backend = await connectBackend({
    url,
    contentType: "application/json",
    exchangeType: "direct",
  });
  await using peer = await connectPeer(url);
  await backend.send({ type: "TEXT" });
  const message = await peer.get("whatsapp.message.send");
  assert.equal(message.content.toString(), String.raw`"{\"type\":\"TEXT\"}"`);
  assert.equal(message.properties.contentType, "application/json");
});

Deno.test("Backend hears events, keeps every digit and ignores its own commands", async () => {
  const url = await broker.vhost();
  await using backend = await connectBackend({ url, listenTo: ["whatsapp.worker.events"] });
  await using peer = await connectPeer(url);
  await backend.command({ action: "create", numberId: 6 });
  await backend.command({ action: "pairing_code", numberId: 6 });
  await backend.healthCheck({ action: "health_check", numberId: 6 });
  peer.publish("whatsapp.session.update", '{"action":"pairing_code","pairingCode":"ABCD1234"}');
  peer.publish("whatsapp.worker.events", '{"action":"connected","numberId":7212345678901234567}');
  const code = await backend.next(({ body }) => body.action === "pairing_code");
  assert.equal(code.body.pairingCode, "ABCD1234");
  const connected = await backend.next(({ queue }) => queue === "whatsapp.worker.events");
  assert.equal(connected.body.numberId, 7212345678901234567n);
  peer.publish("whatsapp.number.health", '{"status":"HEALTHY"}');
  await backend.next(({ body }) => body.status === "HEALTHY");
  assert.equal(backend.ignored, 3);
  assert.equal(backend.received.length, 3);
});

Deno.test("next() gives each message once, past ones first", async () => {
  const url = await broker.vhost();
  await using backend = await connectBackend({ url });
  await using peer = await connectPeer(url);
  for (const n of [1, 2, 3]) peer.publish("whatsapp.message.receive", `{"n":${n}}`);
  await backend.next(({ body }) => body.n === 3);
  assert.equal((await backend.next(() => true)).body.n, 1);
  assert.equal((await backend.next(() => true)).body.n, 2);
  const [fourth, fifth] = [backend.next(() => true), backend.next(() => true)];
  for (const n of [4, 5]) peer.publish("whatsapp.message.receive", `{"n":${n}}`);
  assert.deepEqual([(await fourth).body.n, (await fifth).body.n], [4, 5]);
});

Deno.test("next() says after its time what came instead", async () => {
  const url = await broker.vhost();
  await using backend = await connectBackend({ url });
  await using peer = await connectPeer(url);
  peer.publish("whatsapp.message.receive", "not JSON");
  await backend.next(({ text }) => text === "not JSON");
  await assert.rejects(
    backend.next(({ body }) => body.action === "connected", { timeoutMs: 50, describe: "connected event" }),
    /^Error: No connected event within 50 ms; received were:\n {2}whatsapp.message.receive: not JSON$/,
  );
});

Deno.test("Backend comes back after its connection is lost", async () => {
  const url = new URL(await broker.vhost());
  await using peer = await connectPeer(url.href);
  await using proxy = await startProxy(broker.port);
  url.port = String(proxy.port);
  await using backend = await connectBackend({ url: url.href });
  proxy.reset();
  peer.publish("whatsapp.message.receive", '{"n":1}');
  await backend.next(({ body }) => body.n === 1);
  await backend.send({ type: "TEXT" });
  await peer.get("whatsapp.message.send");
});

Deno.test("close() ends those who wait", async () => {
  const backend = await connectBackend({ url: await broker.vhost() });
  const waiting = assert.rejects(backend.next(() => true), /The backend was closed/);
  await backend.close();
  await waiting;
});
