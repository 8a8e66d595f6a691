/** What a machine that watches a real worker is told: whether it lives, whether it is ready and why not, what it counts. */

import { strict as assert } from "node:assert";
import { startProxy } from "../rabbitmq/proxy.ts";
import { freePort } from "../rabbitmq/layout.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { noPromtool, promtool } from "./promtool.ts";
import { ask, eventually, readiness, scrape, scraped } from "./watcher.ts";

const broker = await sharedBroker();
const NUMBER = { numberId: 6, phoneNumber: "221771234567" };
const CONTACT = "221779999999";
const TOKEN = "a-token-of-this-test";

Deno.test("A number is paired, sends and receives, and the metrics say so without naming anybody", async () => {
  const port = freePort();
  await using stack = await startStack({
    broker,
    environment: { HTTP_PORT: String(port), HTTP_TOKEN: TOKEN },
  });
  const { backend, standIn } = stack;
  await stack.startWorker();
  const authorization = { headers: { authorization: `Bearer ${TOKEN}` } };
  await pair(stack, NUMBER);
  const send = {
    messageId: 77,
    whatsappNumberId: 6,
    recipientNumber: `+${CONTACT}`,
    content: "words of a message",
    type: "TEXT",
  };
  await backend.send(send);
  const contact = standIn.contact(CONTACT);
  await contact.read((await contact.next()).id);
  await backend.next(({ body }) => body.status === "READ");
  await backend.send(send);
  await backend.next(({ body }) => body.status === "READ");
  await backend.send({ ...send, messageId: 78, type: "IMAGE", mediaUrl: "http://localhost/a.png" });
  await backend.next(({ body }) => body.code === "media_url_refused");
  await contact.sendText(NUMBER.phoneNumber, "words of a reply");
  await backend.next(({ body }) => body.body === "words of a reply");
  await backend.publish({
    exchange: "",
    routingKey: "whatsapp.message.send",
    content: "words that are no JSON",
  });
  await backend.next(({ body }) => body.code === "malformed_json");

  const seen = await scraped(port, {
    whatsapp_worker_ready: 1,
    whatsapp_worker_reader: 1,
    'whatsapp_worker_sessions{state="connected"}': 1,
    'whatsapp_worker_sessions{state="banned"}': 0,
    'whatsapp_worker_broker_state{state="connected"}': 1,
    'whatsapp_worker_broker_state{state="connecting"}': 0,
    // The socket that pairs is closed by WhatsApp with 515, and another one logs in.
    whatsapp_worker_connect_attempts_total: 2,
    whatsapp_worker_connect_duration_seconds_count: 1,
    'whatsapp_worker_closes_total{code="515"}': 1,
    'whatsapp_worker_commands_total{action="create",outcome="done"}': 1,
    whatsapp_worker_command_duration_seconds_count: 1,
    'whatsapp_worker_sends_total{type="TEXT",result="accepted"}': 1,
    'whatsapp_worker_sends_total{type="TEXT",result="repeated"}': 1,
    'whatsapp_worker_sends_total{type="IMAGE",result="media_url_refused"}': 1,
    whatsapp_worker_send_ack_duration_seconds_count: 1,
    'whatsapp_worker_send_statuses_total{status="SENT"}': 1,
    'whatsapp_worker_send_statuses_total{status="DELIVERED"}': 1,
    'whatsapp_worker_send_statuses_total{status="READ"}': 1,
    'whatsapp_worker_send_statuses_total{status="FAILED"}': 1,
    'whatsapp_worker_messages_received_total{type="TEXT"}': 1,
    'whatsapp_worker_duplicates_suppressed_total{direction="out"}': 1,
    'whatsapp_worker_duplicates_suppressed_total{direction="in"}': 0,
    'whatsapp_worker_event_publish_duration_seconds_count{event="message_received"}': 1,
    'whatsapp_worker_dead_letters_total{reason="malformed_json"}': 1,
    whatsapp_worker_outbox_events: 0,
    whatsapp_worker_outbox_oldest_age_seconds: 0,
    whatsapp_worker_undecryptable_total: 0,
    whatsapp_worker_disk_failing: 0,
    whatsapp_worker_unhandled_faults_total: 0,
  }, authorization);
  assert.ok(seen.get("process_resident_memory_bytes")! > 30_000_000);
  assert.ok(seen.get("process_cpu_seconds_total")! > 0);
  assert.ok(Math.abs(seen.get("process_start_time_seconds")! - Date.now() / 1000) < 60);
  assert.ok(seen.get("whatsapp_worker_event_loop_delay_seconds_count")! > 0);

  const { headers, body } = await ask(port, "/metrics", authorization);
  assert.equal(headers.get("content-type"), "text/plain; version=0.0.4; charset=utf-8");
  assert.match(
    body,
    /^whatsapp_worker_build_info\{version="0\.0\.0-test",commit="source",build="source",deno="2\.[^}]*,worker_id="worker-1"\} 1$/m,
  );
  for (const secret of [NUMBER.phoneNumber, CONTACT, "words of", TOKEN, "guest", stack.folder]) {
    assert.ok(!body.includes(secret), `/metrics names ${secret}`);
  }
  if (noPromtool === undefined) assert.equal(await promtool(["check", "metrics"], body), "");

  assert.equal((await ask(port, "/livez", authorization)).body, '{"status":"alive"}\n');
  assert.equal((await ask(port, "/livez")).status, 401);
});

Deno.test("Messages that come damaged or twice are counted as such, and each once as received", async () => {
  const port = freePort();
  await using stack = await startStack({ broker, environment: { HTTP_PORT: String(port) } });
  await stack.startWorker();
  await pair(stack, NUMBER);
  const contact = stack.standIn.contact(CONTACT);
  for (const text of ["one", "one again"]) {
    await contact.sendText(NUMBER.phoneNumber, text, "3A0123456789ABCDEF");
  }
  contact.damageNext();
  await contact.sendText(NUMBER.phoneNumber, "damaged at first");
  await stack.backend.next(({ body }) => body.body === "damaged at first");
  await scraped(port, {
    'whatsapp_worker_messages_received_total{type="TEXT"}': 2,
    'whatsapp_worker_duplicates_suppressed_total{direction="in"}': 1,
    whatsapp_worker_undecryptable_total: 1,
    // Another copy of it could be decrypted.
    whatsapp_worker_undecryptable_messages: 0,
  });
});

Deno.test("/readyz says that the broker is waited for at start, that it was lost, and that the worker stops", async () => {
  await using stack = await startStack({ broker });
  await using proxy = await startProxy(broker.port);
  proxy.refuse();
  const url = new URL(stack.url);
  url.port = String(proxy.port);
  const port = freePort();
  const starting = stack.startWorker({ HTTP_PORT: String(port), RABBITMQ_URL: url.href });

  // The server is up as soon as the state folder is open.
  await eventually(
    () => ask(port, "/livez").then(({ status }) => status, () => 0),
    (status) => status === 200,
  );
  const waiting = await eventually(() => readiness(port), ({ messages }) => messages.includes("broker: "));
  assert.deepEqual(waiting.codes, ["starting", "broker"]);

  proxy.restore();
  const worker = await starting;
  await eventually(() => readiness(port), ({ codes }) => codes.length === 0);

  proxy.refuse();
  const lost = await eventually(() => readiness(port), ({ codes }) => codes.length > 0);
  assert.deepEqual(lost.codes, ["broker"]);
  assert.match(lost.messages, /^There is no connection to the broker: ./);
  assert.doesNotMatch(lost.messages, /guest|amqp:/);
  assert.equal((await ask(port, "/livez")).status, 200, "a broker that is away is no reason to restart it");
  const seen = await scrape(port);
  assert.equal(seen.get("whatsapp_worker_ready"), 0);
  assert.equal(seen.get('whatsapp_worker_broker_state{state="connecting"}'), 1);
  proxy.restore();
  await eventually(() => readiness(port), ({ codes }) => codes.length === 0);

  const stopped = worker.stop();
  const stopping = await readiness(port);
  assert.equal(stopping.codes[0], "stopping");
  await stopped;
  await assert.rejects(ask(port, "/livez"), TypeError);
});

Deno.test("Two workers in one process count for themselves; a second one with the same id says whom it waits for", async () => {
  const [first, second] = [freePort(), freePort()];
  await using stack = await startStack({ broker });
  const { backend } = stack;
  const worker = await stack.startWorker({ HTTP_PORT: String(first) });
  await eventually(() => readiness(first), ({ codes }) => codes.length === 0);
  await stack.startWorker({ HTTP_PORT: String(second), SESSION_DIR: `${stack.folder}/second` });
  const rival = await eventually(() => readiness(second), ({ codes }) => codes.includes("rival"));
  assert.deepEqual(rival.codes, ["starting", "rival"]);

  const id = await backend.command({ action: "status" });
  await backend.next(({ body, properties }) =>
    body.action === "worker_status" && properties.correlationId === id
  );
  const commands = 'whatsapp_worker_commands_total{action="status",outcome="done"}';
  await scraped(first, { [commands]: 1 });
  assert.equal((await scrape(second)).get(commands), undefined);

  await worker.stop();
  await eventually(() => readiness(second), ({ codes }) => codes.length === 0);
});
