/** `logout`: first WhatsApp unlinks the device, then its credentials are forgotten, whatever comes in between. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, event, events, FRIEND, LINE, sendText, settled, stateOf } from "./steps.ts";

const broker = await sharedBroker();

/** How many keys of the number are on disk. */
function keys({ environment }: Stack): number {
  using database = new DatabaseSync(join(environment.SESSION_DIR!, "worker.db"), { readOnly: true });
  const row = database.prepare("SELECT count(*) AS n FROM credential WHERE number_id = ?").get(
    String(LINE.numberId),
  );
  return Number(row?.n);
}

/** Resolves when a device has asked WhatsApp to unlink it. */
function asked({ standIn: { stats } }: Stack): Promise<void> {
  return until(() => stats.unlinks > 0, { describe: "a device that asks to be unlinked" });
}

const logOut = ({ backend }: Stack) => backend.command({ action: "logout", numberId: LINE.numberId });

Deno.test("logout that is not answered within its time is asked again on a new link", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker({}, { random: () => 0 });
  await pair(stack, LINE);
  stack.standIn.faults.unlinkRefusal = "silence";
  const commandId = await logOut(stack);
  await asked(stack);
  const lost = await stack.backend.next(({ body }) => body.action === "disconnected", { timeoutMs: 30_000 });
  assert.equal(lost.properties.correlationId, commandId);
  stack.standIn.faults.unlinkRefusal = undefined;
  await event(stack, LINE, "logged_out", { reason: "logout" });
});

Deno.test("logout forgets nothing while WhatsApp has not answered, and asks again on the next link", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  const phone = stack.standIn.phone(LINE.phoneNumber);
  const worker = await stack.startWorker({}, { random: () => 0 });
  await pair(stack, LINE);
  faults.unlinkRefusal = "silence";
  const commandId = await logOut(stack);
  await asked(stack);
  assert.equal(events(stack, LINE, "logged_out").length, 0);
  assert.ok(phone.linked && keys(stack) > 0);
  faults.dropLinks();
  const lost = await event(stack, LINE, "disconnected");
  assert.equal(lost.properties.correlationId, commandId);
  faults.unlinkRefusal = undefined;
  const { body, properties } = await event(stack, LINE, "logged_out");
  assert.deepEqual([body.reason, properties.correlationId], ["logout", commandId]);
  assert.ok(!phone.linked);
  await worker.stop();
  assert.equal(keys(stack), 0);
});

Deno.test("logout that WhatsApp refuses is answered so, and the number stays connected", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  await stack.startWorker();
  await pair(stack, LINE);
  stack.standIn.contact(FRIEND);
  faults.unlinkRefusal = 405;
  const first = await logOut(stack);
  const { body, properties } = await event(stack, LINE, "error");
  assert.deepEqual([body.code, properties.correlationId], ["logout_refused", first]);
  assert.match(String(body.error), /405/);
  assert.equal((await stateOf(stack, LINE)).state, "connected");

  // The same for a number that connects for nothing else.
  await stack.backend.command({ action: "close", numberId: LINE.numberId });
  await event(stack, LINE, "closed");
  const second = await logOut(stack);
  for (const action of ["error", "connected"]) {
    assert.equal((await event(stack, LINE, action)).properties.correlationId, second);
  }
  await answer(stack, await sendText(stack, LINE, 1, "still here"), "DELIVERED");
});

Deno.test("logout that waits for a connection still does after a restart", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await stack.backend.command({ action: "close", numberId: LINE.numberId });
  await event(stack, LINE, "closed");
  faults.hold();
  const commandId = await logOut(stack);
  assert.equal((await stateOf(stack, LINE)).state, "connecting");
  await worker.stop();
  assert.ok(keys(stack) > 0);

  await stack.startWorker();
  faults.release();
  const { properties } = await event(stack, LINE, "logged_out", { reason: "logout" });
  assert.equal(properties.correlationId, commandId);
  assert.ok(!stack.standIn.phone(LINE.phoneNumber).linked);
});

Deno.test("logout that waits for a connection is told when another command takes its place", async () => {
  await using stack = await startStack({ broker });
  const { faults } = stack.standIn;
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  for (const action of ["reconnect", "close"]) {
    faults.hold();
    faults.dropLinks();
    await event(stack, LINE, "disconnected");
    const commandId = await logOut(stack);
    await stack.backend.command({ action, numberId: LINE.numberId });
    const { body, properties } = await event(stack, LINE, "error");
    assert.deepEqual([body.code, properties.correlationId], ["logout_withdrawn", commandId]);
    faults.release();
    await event(stack, LINE, action === "close" ? "closed" : "connected");
  }
  await worker.stop();
  await stack.startWorker();
  assert.equal((await stateOf(stack, LINE)).state, "closed");
  assert.ok(stack.standIn.phone(LINE.phoneNumber).linked && keys(stack) > 0);
  assert.equal(stack.standIn.stats.unlinks, 0);
});

Deno.test("a kill while WhatsApp is asked to unlink leaves a logout that is finished at the next start", async () => {
  for (const unlinked of [false, true]) {
    await using stack = await startStack({ broker });
    const program = stack.startProgram();
    await program.printed("the worker is ready");
    await pair(stack, LINE);
    const phone = stack.standIn.phone(LINE.phoneNumber);
    stack.standIn.faults.unlinkRefusal = "silence";
    await logOut(stack);
    await asked(stack);
    program.process.kill("SIGKILL");
    await program.process.status;
    assert.ok(keys(stack) > 0, "the credentials are there for as long as WhatsApp may know the device");
    // WhatsApp may have done it although its answer never came.
    if (unlinked) phone.unlink();
    stack.standIn.faults.unlinkRefusal = undefined;

    const worker = await stack.startWorker();
    await event(stack, LINE, "logged_out", { reason: "logout", code: undefined });
    await settled(stack, LINE);
    assert.equal((await stateOf(stack, LINE)).status, "NOT_FOUND");
    assert.ok(!phone.linked);
    await worker.stop();
    assert.equal(keys(stack), 0);
  }
});
