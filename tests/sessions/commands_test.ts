import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { assertNoErrorsLogged, event, events, health, LINE, settled, stateOf } from "./steps.ts";

const broker = await sharedBroker();

Deno.test("create answers a connected number with what it is, under the id of the new command", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await pair(stack, LINE);
  const correlationId = await stack.backend.command({
    sessionId: 99,
    action: "create",
    data: { numberId: 6, phoneNumber: "+221 77 123 45 67", workerId: "1" },
  });
  const { body, properties } = await event(stack, LINE, "connected");
  assert.equal(properties.correlationId, correlationId);
  assert.equal(body.message, "Already connected");
  assert.equal(body.backendSessionId, 99);
  assert.equal(stack.standIn.stats.logins, 1, "the socket was left alone");
  assertNoErrorsLogged(stack);
});

Deno.test("create shows the QR that is out again, for as long as it can be scanned", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await stack.backend.command({ action: "create", ...LINE });
  const first = await event(stack, LINE, "qr_generated");
  const correlationId = await stack.backend.command({ action: "create", ...LINE });
  const again = await event(stack, LINE, "qr_generated");
  assert.equal(again.properties.correlationId, correlationId);
  assert.equal(again.body.qrCode, first.body.qrCode);
  assert.equal(again.body.expiresAt, first.body.expiresAt);
  assert.equal(stack.standIn.stats.links, 1);
  await stack.standIn.phone(LINE.phoneNumber).scanPng(String(again.body.qrCode));
  await event(stack, LINE, "connected");
});

Deno.test("regenerate_qr answers a connected number, and gives one that waits a fresh QR and all its attempts", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.faults.refCount = 1;
  await stack.startWorker({}, { qrLifetimeMs: 1_000 });
  await stack.backend.command({ action: "create", ...LINE });
  const first = await event(stack, LINE, "qr_generated", { attempt: 1 });
  await event(stack, LINE, "qr_regenerating", { attempt: 2 });
  await event(stack, LINE, "qr_generated", { attempt: 2 });

  stack.standIn.faults.refCount = 6;
  const correlationId = await stack.backend.command({ action: "regenerate_qr", numberId: 6 });
  const fresh = await event(stack, LINE, "qr_generated", { attempt: 1 });
  assert.notEqual(fresh.body.qrCode, first.body.qrCode);
  assert.equal(fresh.properties.correlationId, correlationId);
  assert.equal(stack.standIn.clients.length, 1, "the old socket is gone");
  await stack.standIn.phone(LINE.phoneNumber).scanPng(String(fresh.body.qrCode));
  await health(stack, LINE, "HEALTHY");
  await event(stack, LINE, "connected");

  await stack.backend.command({ action: "regenerate_qr", numberId: 6 });
  const { body } = await event(stack, LINE, "connected");
  assert.match(String(body.message), /no QR is needed/);
  assert.equal(stack.standIn.clients.length, 1);
});

Deno.test("A session nobody scans is removed after its attempts, and can be created again", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.faults.refCount = 2;
  const worker = await stack.startWorker({}, { qrLifetimeMs: 500 });
  const correlationId = await stack.backend.command({ action: "create", ...LINE });
  const { body, properties } = await event(stack, LINE, "error");
  assert.deepEqual([body.code, body.attempt, body.maxAttempts], ["qr_attempts_exhausted", 3, 3]);
  assert.equal(properties.correlationId, correlationId);
  assert.deepEqual(
    events(stack, LINE, "qr_generated").map(({ body }) => body.attempt),
    [1, 1, 2, 2, 3, 3],
  );
  for (const { body } of events(stack, LINE, "qr_generated")) {
    assert(Number(body.expiresAt) > Number(body.timestamp) - 500);
  }
  assert.deepEqual(events(stack, LINE, "qr_regenerating").map(({ body }) => body.attempt), [2, 3]);
  await health(stack, LINE, "DISCONNECTED", "ended");
  await stack.backend.healthCheck({ action: "health_check", numberId: 6 });
  await health(stack, LINE, "NOT_FOUND");
  assert.deepEqual(stack.standIn.clients, []);

  // Neither the command that comes right after it nor a restart finds something left.
  stack.standIn.faults.refCount = 6;
  await stack.backend.command({ action: "create", ...LINE });
  await event(stack, LINE, "qr_generated", { attempt: 1 });
  await settled(stack, LINE);
  await worker.stop();
  assertNoErrorsLogged(stack);
});

Deno.test("logout unlinks the device at WhatsApp and forgets it", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const correlationId = await stack.backend.command({ action: "logout", numberId: 6 });
  const { body, properties } = await event(stack, LINE, "logged_out");
  assert.equal(body.reason, "logout");
  assert.equal(properties.correlationId, correlationId);
  await health(stack, LINE, "DISCONNECTED", "ended");
  assert.equal((await stateOf(stack, LINE)).status, "NOT_FOUND");
  assert(!stack.standIn.phone(LINE.phoneNumber).linked);
  await worker.stop();
  using database = new DatabaseSync(join(stack.environment.SESSION_DIR!, "worker.db"), { readOnly: true });
  // A session's record may outlive it until the broker has nothing of its number any more.
  for (const what of ["credential", "session WHERE at_start <> 'forget'"]) {
    assert.equal(database.prepare(`SELECT count(*) AS n FROM ${what}`).get()?.n, 0, what);
  }
});

Deno.test("close keeps the credentials: neither create nor reconnect needs a QR, and a restart opens nothing", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await stack.backend.command({ action: "disconnect", numberId: 6 });
  assert.equal((await event(stack, LINE, "closed")).body.reason, "command");
  await health(stack, LINE, "DISCONNECTED", "closed");
  assert.deepEqual(stack.standIn.clients, []);
  await stack.backend.command({ action: "create", ...LINE });
  await event(stack, LINE, "connected");
  await stack.backend.command({ action: "reconnect", numberId: 6 });
  await event(stack, LINE, "connected");
  assert.equal(stack.standIn.clients.length, 1);
  await stack.backend.command({ action: "close", numberId: 6 });
  await event(stack, LINE, "closed");
  await worker.stop();

  await stack.startWorker();
  const { state, status } = await stateOf(stack, LINE);
  assert.deepEqual([state, status], ["closed", "DISCONNECTED"]);
  assert.deepEqual(stack.standIn.clients, []);
  assert.equal(events(stack, LINE, "qr_generated").length, 1);
});

Deno.test("status tells where a session stands", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  assert.equal((await stateOf(stack, LINE)).status, "NOT_FOUND");
  await stack.backend.command({ action: "create", ...LINE });
  const { body } = await event(stack, LINE, "qr_generated");
  const waiting = await stateOf(stack, LINE);
  assert.deepEqual([waiting.status, waiting.state], ["DISCONNECTED", "awaiting_scan"]);
  await stack.standIn.phone(LINE.phoneNumber).scanPng(String(body.qrCode));
  await event(stack, LINE, "connected");
  const connected = await stateOf(stack, LINE);
  assert.deepEqual([connected.status, connected.state], ["HEALTHY", "connected"]);
  for (const action of ["reconnect", "close", "regenerate_qr", "logout"]) {
    await stack.backend.command({ action, numberId: 8 });
    assert.equal((await event(stack, { ...LINE, numberId: 8 }, "error")).body.code, "no_session", action);
  }
});

Deno.test("connected says so when another phone has scanned than was asked for", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await stack.backend.command({ action: "create", ...LINE });
  const { body } = await event(stack, LINE, "qr_generated");
  await stack.standIn.phone("221778888888").scanPng(String(body.qrCode));
  const connected = await event(stack, LINE, "connected");
  assert.equal(connected.body.phoneMismatch, true);
  assert.equal(connected.body.phoneNumber, "+221778888888");
  assert.equal(connected.body.sessionId, `session_6_+${LINE.phoneNumber}`);
  assert.equal(connected.body.jid, "221778888888:1@s.whatsapp.net");
});

Deno.test("Credentials that cannot be read are reported, kept, and only forgotten on demand", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await worker.stop();
  const file = join(stack.environment.SESSION_DIR!, "worker.db");
  const damage = '{"noiseKey":{"private":{"type":"Buffer","data":"AAAA"';
  {
    using database = new DatabaseSync(file);
    database.prepare("UPDATE credential SET value = ? WHERE type = 'creds'").run(damage);
  }

  const again = await stack.startWorker();
  const { body } = await event(stack, LINE, "error");
  assert.equal(body.code, "credentials_unreadable");
  await health(stack, LINE, "UNHEALTHY", "credentials_unreadable");
  for (const action of ["create", "reconnect", "regenerate_qr"]) {
    await stack.backend.command({ action, ...LINE });
    assert.equal((await event(stack, LINE, "error")).body.code, "credentials_unreadable");
  }
  assert.equal(events(stack, LINE, "qr_generated").length, 1);
  await again.stop();
  {
    using database = new DatabaseSync(file, { readOnly: true });
    const { value } = database.prepare("SELECT value FROM credential_set_aside WHERE type = 'creds'").get()!;
    assert.equal(value, damage);
  }

  await stack.startWorker();
  await stack.backend.command({ action: "logout", numberId: 6 });
  await event(stack, LINE, "logged_out");
  await stack.backend.command({ action: "create", ...LINE });
  await event(stack, LINE, "qr_generated");
});

Deno.test("A session that waits for its phone still does after a restart", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await stack.backend.command({ action: "create", ...LINE });
  await event(stack, LINE, "qr_generated");
  await worker.stop();
  await stack.startWorker();
  const { body } = await event(stack, LINE, "qr_generated");
  await stack.standIn.phone(LINE.phoneNumber).scanPng(String(body.qrCode));
  await event(stack, LINE, "connected");
});

Deno.test("Commands that chase each other leave one socket, and the last one wins", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker({}, { random: () => 0 });
  await pair(stack, LINE);
  const commands = [
    "reconnect",
    "close",
    "reconnect",
    "regenerate_qr",
    "disconnect",
    "reconnect",
    "reconnect",
  ];
  for (const action of commands) await stack.backend.command({ action, numberId: 6 });
  stack.standIn.faults.dropLinks();
  // The answer comes after all commands were carried out; what it finds may still be on its way to "connected".
  while ((await stateOf(stack, LINE)).state !== "connected");
  assert.equal(stack.standIn.clients.length, 1);

  await stack.backend.command({ action: "reconnect", numberId: 6 });
  await stack.backend.command({ action: "close", numberId: 6 });
  assert.equal((await stateOf(stack, LINE)).state, "closed");
  assert.deepEqual(stack.standIn.clients, []);
  await worker.stop();
  assertNoErrorsLogged(stack);
});

Deno.test("create joins what is under way, and status does not take its answer's id", async () => {
  await using stack = await startStack({ broker });
  const { faults, stats } = stack.standIn;
  await stack.startWorker();
  faults.hold();
  await stack.backend.command({ action: "create", ...LINE });
  await until(() => stats.links === 1, { describe: "one link" });
  const latest = await stack.backend.command({ action: "create", ...LINE });
  assert.equal((await stateOf(stack, LINE)).state, "connecting");
  faults.release();
  const { properties } = await event(stack, LINE, "qr_generated");
  assert.equal(properties.correlationId, latest);
  assert.equal(stats.links, 1, "it was not begun again");
});

Deno.test("create is answered while one socket is quietly exchanged for another", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  const probe = { intervalMs: 200, patienceMs: 5_000, countEveryMs: 60_000, quietMs: 500 };
  await stack.startWorker({}, { probe });
  await pair(stack, LINE);
  faults.hold();
  while ((await stateOf(stack, LINE)).state !== "connecting");
  const correlationId = await stack.backend.command({ action: "create", ...LINE });
  await settled(stack, LINE);
  faults.release();
  await stack.backend.next(
    ({ body, properties }) => body.action === "connected" && properties.correlationId === correlationId,
    { describe: "connected in answer to create" },
  );
});
