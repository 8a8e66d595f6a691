import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { startStack } from "../stack.ts";
import { assertNoErrorsLogged, event, events, health, line, pairAll, settled, stateOf } from "./steps.ts";

const broker = await sharedBroker();

Deno.test("Session comes back after every close that says nothing against the device", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker({}, { random: () => 0 });
  const reasons: Record<number, string> = {
    405: "client_outdated",
    408: "connection_lost",
    411: "multidevice_mismatch",
    428: "connection_closed",
    500: "bad_session",
    503: "service_unavailable",
    515: "restart_required",
  };
  const lines = Object.keys(reasons).map((code) => line(Number(code)));
  await pairAll(stack, lines);
  for (const { numberId, phoneNumber } of lines) stack.standIn.faults.closeWith(numberId, phoneNumber);
  for (const each of lines) {
    const { body } = await event(stack, each, "disconnected");
    assert.equal(body.code, each.numberId);
    assert.equal(body.reason, reasons[each.numberId]);
    assert.equal(body.willReconnect, true);
    await health(stack, each, "DISCONNECTED", "reconnecting");
    await event(stack, each, "connected");
    await health(stack, each, "HEALTHY");
    assert.equal(events(stack, each, "qr_generated").length, 1, "no QR is shown to a linked device");
    assert.equal(events(stack, each, "disconnected").length, 1);
  }
  assert.equal(stack.standIn.clients.length, lines.length, "one socket each");
  assertNoErrorsLogged(stack);
});

Deno.test("Session keeps away when another connection takes over, until it is told to come back", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  const replaced = line(440);
  await pairAll(stack, [replaced]);
  stack.standIn.faults.closeWith(440);
  const { body } = await event(stack, replaced, "disconnected");
  assert.deepEqual([body.code, body.reason, body.willReconnect], [440, "connection_replaced", true]);
  await health(stack, replaced, "DISCONNECTED", "replaced");
  assert.equal((await stateOf(stack, replaced)).state, "replaced");
  assert.deepEqual(stack.standIn.clients, []);

  await stack.backend.command({ action: "reconnect", numberId: 440 });
  await event(stack, replaced, "connected");
});

Deno.test("Session is over when the phone has unlinked it or WhatsApp voids its credentials", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  const unlinked = line(401);
  const voided = line(419);
  await pairAll(stack, [unlinked, voided]);
  stack.standIn.phone(unlinked.phoneNumber).unlink();
  stack.standIn.faults.closeWith(419, voided.phoneNumber);
  for (const [each, reason] of [[unlinked, "logged_out"], [voided, "credentials_void"]] as const) {
    const { body } = await event(stack, each, "logged_out");
    assert.deepEqual([body.code, body.reason], [each.numberId, reason]);
    await health(stack, each, "DISCONNECTED", "ended");
    await stack.backend.healthCheck({ action: "health_check", numberId: each.numberId });
    await health(stack, each, "NOT_FOUND");
  }

  // Nothing of the old device is left: a new one is linked.
  await pairAll(stack, [unlinked]);
  assert.equal(stack.standIn.clients.length, 1);
});

Deno.test("Session reports a ban and shows no QR for the number, not even after a restart", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  const banned = line(403);
  await pairAll(stack, [banned]);
  stack.standIn.faults.closeWith(403);
  const { body } = await event(stack, banned, "logged_out");
  assert.deepEqual([body.code, body.reason], [403, "banned"]);
  await health(stack, banned, "BANNED", "banned");
  const status = await stateOf(stack, banned);
  assert.deepEqual([status.status, status.state], ["BANNED", "banned"]);
  await worker.stop();

  await stack.startWorker();
  await settled(stack, banned);
  assert.equal(events(stack, banned, "qr_generated").length, 1);
  await stack.backend.command({ action: "logout", numberId: 403 });
  await event(stack, banned, "logged_out", { reason: "logout" });
});

Deno.test("Session does not take a refused registration for a ban or a logout", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.faults.refuseLogins(403);
  await stack.startWorker({}, { random: () => 0 });
  const refused = line(7);
  await stack.backend.command({ action: "create", ...refused });
  const { body } = await event(stack, refused, "disconnected");
  assert.deepEqual([body.code, body.willReconnect], [403, true]);
  stack.standIn.faults.refuseLogins(401);
  assert.equal((await event(stack, refused, "disconnected", { code: 401 })).body.willReconnect, true);
  stack.standIn.faults.refuseLogins(null);
  await event(stack, refused, "qr_generated");
});

Deno.test("Session tries on when the websocket is refused, whoever refuses it", async () => {
  await using stack = await startStack({ broker });
  for (const [status, hangUp] of [[503, true], [403, false]] as const) {
    const { faults } = stack.standIn;
    faults.refuseUpgrade(status, { hangUp });
    const worker = await stack.startWorker({
      WORKER_ID: `worker-${status}`,
      SESSION_DIR: `${stack.folder}/${status}`,
    }, {
      random: () => 0,
    });
    const refused = line(status);
    await stack.backend.command({ action: "create", ...refused });
    const { body } = await event(stack, refused, "disconnected");
    assert.deepEqual([body.code, body.reason, body.willReconnect], [status, "upgrade_refused", true]);
    faults.refuseUpgrade(null);
    await event(stack, refused, "qr_generated");
    await worker.stop();
  }
});
