/** Linking a phone, by QR and by code: attempts, what is given up, what goes wrong. */

import { strict as assert } from "node:assert";
import { until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { readQr, readQrPicture } from "../stand_in/qr_code.ts";
import { pair, type Stack, startStack, type WorkerExtras } from "../stack.ts";
import { assertNoErrorsLogged, event, events, health, LINE, line, stateOf } from "./steps.ts";

const broker = await sharedBroker();

const PATIENCE_MS = 300;
const NO_PAUSES: WorkerExtras = { random: () => 0 };

async function shownCode(stack: Stack): Promise<string> {
  await stack.backend.command({ action: "pairing_code", ...LINE });
  return String((await event(stack, LINE, "pairing_code")).body.pairingCode);
}

async function shownQr(stack: Stack): Promise<string> {
  return String((await event(stack, LINE, "qr_generated")).body.qrCode);
}

/** Whoever enters the code or scans the QR links nothing. */
async function linksNothing(stack: Stack, { code, qr }: { code?: string; qr?: string }): Promise<void> {
  const phone = stack.standIn.phone(LINE.phoneNumber);
  if (code !== undefined) await assert.rejects(phone.enterPairingCode(code, PATIENCE_MS));
  if (qr !== undefined) await assert.rejects(phone.scanPng(qr), /No client/);
  assert.ok(!phone.linked);
}

/** The identity a QR offers for linking. */
const identityIn = (qr: string) => readQr(readQrPicture(qr)).identityKey.toString("hex");

Deno.test("pairing_code links the phone that enters it", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  const code = await shownCode(stack);
  assert.match(code, /^[0-9A-Z]{8}$/);
  await stack.standIn.phone(LINE.phoneNumber).enterPairingCode(code);
  const connected = await event(stack, LINE, "connected");
  assert.equal(connected.body.phoneNumber, `+${LINE.phoneNumber}`);
  assert.equal(events(stack, LINE, "qr_generated").length, 0);
});

/** What makes a session give up the pairing code that is out, and show a QR instead. */
const GIVE_UP: Record<string, (stack: Stack, restart: () => Promise<void>) => Promise<void>> = {
  "create": async ({ backend }) => void await backend.command({ action: "create", ...LINE }),
  "regenerate_qr": async ({ backend }) => void await backend.command({ action: "regenerate_qr", ...LINE }),
  "close": async (stack) => {
    await stack.backend.command({ action: "close", ...LINE });
    await event(stack, LINE, "closed");
    await linksNothing(stack, {});
    await stack.backend.command({ action: "create", ...LINE });
  },
  "a restart": async (stack, restart) => {
    await restart();
    await event(stack, LINE, "pairing_code");
    await stack.backend.command({ action: "create", ...LINE });
  },
};

for (const [what, giveUp] of Object.entries(GIVE_UP)) {
  Deno.test(`a pairing code given up by ${what} links nothing any more, and a QR can be scanned instead`, async () => {
    await using stack = await startStack({ broker });
    let worker = await stack.startWorker();
    const code = await shownCode(stack);
    await giveUp(stack, async () => {
      await worker.stop();
      worker = await stack.startWorker();
    });
    const qr = await shownQr(stack);
    await linksNothing(stack, { code });
    await stack.standIn.phone(LINE.phoneNumber).scanPng(qr);
    await event(stack, LINE, "connected");
    await worker.stop();
    assertNoErrorsLogged(stack);
  });
}

Deno.test("a pairing code whose worker was killed links nothing any more, and the next one does", async () => {
  await using stack = await startStack({ broker });
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  const code = await shownCode(stack);
  program.process.kill("SIGKILL");
  await program.process.status;
  await stack.startWorker();
  // What was published just before the kill may be published again.
  const { body } = await stack.backend.next(({ body }) =>
    body.action === "pairing_code" && body.pairingCode !== code
  );
  const next = String(body.pairingCode);
  await linksNothing(stack, { code });
  await stack.standIn.phone(LINE.phoneNumber).enterPairingCode(next);
  await event(stack, LINE, "connected");
  assert.equal(events(stack, LINE, "qr_generated").length, 0, "it goes on asking the same way");
});

Deno.test("a pairing code is asked for as often as a QR is shown, each valid until its socket ends", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.faults.refCount = 2;
  await stack.startWorker({}, { qrLifetimeMs: 1_000 });
  const commandId = await stack.backend.command({ action: "pairing_code", ...LINE });
  const codes = new Set<unknown>();
  for (const attempt of [1, 2, 3]) {
    const { body, properties } = await event(stack, LINE, "pairing_code");
    codes.add(body.pairingCode);
    assert.equal(properties.correlationId, commandId);
    const lifeMs = Number(body.expiresAt) - Number(body.timestamp);
    assert.ok(lifeMs <= 2_000 && lifeMs > -2_000, `two QRs' time, less what asking took: ${lifeMs} ms`);
    if (attempt === 3) break;
    const again = await event(stack, LINE, "qr_regenerating");
    assert.deepEqual([again.body.attempt, again.body.maxAttempts], [attempt + 1, 3]);
    assert.match(String(again.body.message), /Nobody entered the pairing code in time: attempt \d of 3/);
    assert.ok(
      Number(again.body.timestamp) >= Number(body.expiresAt) - 1_000,
      "not long before it has expired",
    );
  }
  const { body } = await event(stack, LINE, "error");
  assert.deepEqual([body.code, body.attempt, body.maxAttempts], ["qr_attempts_exhausted", 3, 3]);
  assert.match(String(body.error), /Nobody entered the pairing code in 3 attempts/);
  assert.equal(codes.size, 3);
  const reasons = () => events(stack, LINE, "number_health").map(({ body }) => body.reason);
  await until(() => reasons().includes("ended"), { describe: "the end" });
  const attempt = ["connecting", "awaiting_scan"];
  assert.deepEqual(
    reasons(),
    [...attempt, ...attempt, ...attempt, "ended"],
    "nothing is out between attempts",
  );
  assert.equal((await stateOf(stack, LINE)).status, "NOT_FOUND");
  assert.deepEqual(stack.standIn.clients, []);
});

Deno.test("a wrong pairing code links nothing, and the right one does after it", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  const code = await shownCode(stack);
  const phone = stack.standIn.phone(LINE.phoneNumber);
  const wrong = (code[0] === "A" ? "B" : "A") + code.slice(1);
  await assert.rejects(phone.enterPairingCode(wrong), /wrong pairing code/);
  await assert.rejects(stack.standIn.phone("221778888888").enterPairingCode(code, PATIENCE_MS));
  assert.ok(!phone.linked);
  assert.equal((await stateOf(stack, LINE)).state, "awaiting_scan");
  await phone.enterPairingCode(code);
  await event(stack, LINE, "connected");
});

Deno.test("a phone that WhatsApp gives no pairing code for is said so at once, and not asked for again", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.faults.pairingCodeRefusal = 400;
  const worker = await stack.startWorker();
  const commandId = await stack.backend.command({ action: "pairing_code", ...LINE });
  const { body, properties } = await event(stack, LINE, "error");
  assert.deepEqual([body.code, properties.correlationId], ["pairing_code_refused", commandId]);
  assert.match(String(body.error), /\+221771234567 \(400: bad-request\)/);
  await health(stack, LINE, "DISCONNECTED", "ended");
  assert.equal((await stateOf(stack, LINE)).status, "NOT_FOUND");
  assert.equal(events(stack, LINE, "pairing_code").length, 0);
  assert.deepEqual([stack.standIn.clients.length, stack.standIn.stats.links], [0, 1]);

  await stack.backend.command({ action: "create", ...LINE });
  await stack.standIn.phone(LINE.phoneNumber).scanPng(await shownQr(stack));
  await event(stack, LINE, "connected");
  await worker.stop();
  assertNoErrorsLogged(stack);
});

Deno.test("a pairing code that WhatsApp does not answer for is asked for again on the next link", async () => {
  await using stack = await startStack({ broker });
  const { faults, stats } = stack.standIn;
  faults.pairingCodeRefusal = "silence";
  await stack.startWorker({}, NO_PAUSES);
  await stack.backend.command({ action: "pairing_code", ...LINE });
  await until(() => stats.codesAsked === 1, { describe: "a request for a code" });
  assert.equal(
    (await stateOf(stack, LINE)).state,
    "connecting",
    "nothing is shown that WhatsApp has not taken",
  );
  faults.pairingCodeRefusal = undefined;
  faults.dropLinks();
  await event(stack, LINE, "disconnected");
  const { body } = await event(stack, LINE, "pairing_code");
  await stack.standIn.phone(LINE.phoneNumber).enterPairingCode(String(body.pairingCode));
  await event(stack, LINE, "connected");
  assert.equal(stats.links, 3);
});

Deno.test("a link lost while a QR is out costs no attempt and gives none back", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  faults.refCount = 1;
  await stack.startWorker({}, { ...NO_PAUSES, qrLifetimeMs: 3_000 });
  await stack.backend.command({ action: "create", ...LINE });
  const shown: string[] = [];
  for (const attempt of [1, 2]) {
    for (let loss = 0; loss < 2; loss++) {
      const { body } = await event(stack, LINE, "qr_generated");
      assert.equal(body.attempt, attempt);
      shown.push(String(body.qrCode));
      faults.dropLinks();
      assert.equal((await event(stack, LINE, "disconnected")).body.willReconnect, true);
    }
    await event(stack, LINE, "qr_generated", { attempt });
    await event(stack, LINE, "qr_regenerating", { attempt: attempt + 1 });
  }
  const { body } = await event(stack, LINE, "qr_generated", { attempt: 3 });
  await linksNothing(stack, { qr: shown[0]! });
  await stack.standIn.phone(LINE.phoneNumber).scanPng(String(body.qrCode));
  await event(stack, LINE, "connected");
  const identities = [...shown, String(body.qrCode)].map(identityIn);
  assert.equal(new Set(identities).size, identities.length, "each socket shows an identity of its own");
});

Deno.test("a pairing that broke off before the device was known to WhatsApp is begun anew", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  const phone = stack.standIn.phone(LINE.phoneNumber);
  await stack.startWorker({}, NO_PAUSES);
  await stack.backend.command({ action: "create", ...LINE });
  const first = await shownQr(stack);
  faults.hold();
  await phone.scanPng(first);
  // What a server that never got the device's countersignature knows of it.
  phone.unlink();
  faults.release();
  const { body } = await event(stack, LINE, "disconnected");
  assert.deepEqual([body.code, body.reason, body.willReconnect], [401, "logged_out", true]);
  const next = await shownQr(stack);
  assert.notEqual(identityIn(next), identityIn(first));
  await phone.scanPng(next);
  await event(stack, LINE, "connected");
  assert.equal(events(stack, LINE, "logged_out").length, 0);
});

Deno.test("two numbers may be linked to one phone: two devices, of which neither replaces the other", async () => {
  await using stack = await startStack({ broker });
  const other = line(7);
  await stack.startWorker();
  await pair(stack, LINE);
  await stack.backend.command({ action: "create", ...other });
  const { body } = await event(stack, other, "qr_generated");
  await stack.standIn.phone(LINE.phoneNumber).scanPng(String(body.qrCode));
  const connected = await event(stack, other, "connected");
  assert.deepEqual([connected.body.phoneNumber, connected.body.phoneMismatch], [
    `+${LINE.phoneNumber}`,
    true,
  ]);
  assert.notEqual(connected.body.jid, events(stack, LINE, "connected")[0]!.body.jid);

  // Both come back when both lose their links, and both get what is sent to the phone.
  stack.standIn.faults.dropLinks();
  for (const each of [LINE, other]) {
    await event(stack, each, "disconnected");
    await event(stack, each, "connected");
  }
  await stack.standIn.contact("221779999999").sendText(LINE.phoneNumber, "to both");
  for (const each of [LINE, other]) {
    assert.equal((await event(stack, each, "message_received")).body.body, "to both");
    assert.equal((await stateOf(stack, each)).state, "connected");
    assert.equal(events(stack, each, "disconnected").length, 1, "no ping-pong of 440");
  }
  assert.equal(stack.standIn.clients.length, 2);
});

Deno.test("connected comes when the session is open, not when the phone has agreed", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  await stack.startWorker();
  await stack.backend.command({ action: "create", ...LINE });
  const qr = await shownQr(stack);
  faults.hold();
  await stack.standIn.phone(LINE.phoneNumber).scanPng(qr);
  while ((await stateOf(stack, LINE)).state !== "connecting");
  assert.equal(events(stack, LINE, "connected").length, 0);
  faults.release();
  await event(stack, LINE, "connected");
});
