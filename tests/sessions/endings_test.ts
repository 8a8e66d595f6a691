/** Sessions that end while nobody looks: what a restart makes of them. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { queueExists, until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { answer, event, events, health, LINE, line, sendText, stateOf } from "./steps.ts";

const broker = await sharedBroker();

for (const [action, shown] of [["create", "qr_generated"], ["pairing_code", "pairing_code"]] as const) {
  Deno.test(`a session that nobody pairs after ${action} is closed after SESSION_TIMEOUT and stays so`, async () => {
    await using stack = await startStack({ broker, environment: { SESSION_TIMEOUT: "1000" } });
    const worker = await stack.startWorker();
    const commandId = await stack.backend.command({ action, ...LINE });
    const { body: { pairingCode } } = await event(stack, LINE, shown);
    const { body, properties } = await event(stack, LINE, "closed");
    assert.deepEqual([body.reason, properties.correlationId], ["session_timeout", commandId]);
    await health(stack, LINE, "DISCONNECTED", "closed");
    assert.deepEqual(stack.standIn.clients, []);
    const phone = stack.standIn.phone(LINE.phoneNumber);
    if (pairingCode !== undefined) await assert.rejects(phone.enterPairingCode(String(pairingCode), 200));
    await worker.stop();

    await stack.startWorker();
    assert.equal((await stateOf(stack, LINE)).state, "closed");
    assert.equal(events(stack, LINE, shown).length, 1);
    // A command opens it, with a time of its own.
    await stack.backend.command({ action, ...LINE });
    await event(stack, LINE, shown);
    await event(stack, LINE, "closed");
  });
}

Deno.test("a session that nobody pairs is closed after SESSION_TIMEOUT while its link is lost, too", async () => {
  await using stack = await startStack({ broker, environment: { SESSION_TIMEOUT: "2000" } });
  await stack.startWorker();
  await stack.backend.command({ action: "create", ...LINE });
  await event(stack, LINE, "qr_generated");
  stack.standIn.faults.hold();
  stack.standIn.faults.dropLinks();
  await event(stack, LINE, "disconnected");
  assert.equal((await event(stack, LINE, "closed")).body.reason, "session_timeout");
  assert.equal((await stateOf(stack, LINE)).state, "closed");
  stack.standIn.faults.release();
  await until(() => stack.standIn.clients.length === 0, { describe: "no link" });
});

Deno.test("a session that is paired outlives SESSION_TIMEOUT, connected or not", async () => {
  await using stack = await startStack({ broker, environment: { SESSION_TIMEOUT: "1000" } });
  await stack.startWorker();
  await pair(stack, LINE);
  // Time passes for a number that nobody pairs: it was opened later and is timed out later.
  const other = line(7);
  const later = async () => {
    await stack.backend.command({ action: "create", ...other });
    await event(stack, other, "closed", { reason: "session_timeout" });
  };
  await later();
  assert.equal((await stateOf(stack, LINE)).state, "connected");
  stack.standIn.faults.hold();
  stack.standIn.faults.dropLinks(LINE.phoneNumber);
  await event(stack, LINE, "disconnected");
  await later();
  assert.equal((await stateOf(stack, LINE)).state, "reconnecting");
  stack.standIn.faults.release();
  await event(stack, LINE, "connected");
});

Deno.test("a banned number is reported as BANNED after a restart too, until it is opened again", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  stack.standIn.faults.closeWith(403);
  await health(stack, LINE, "BANNED");
  const commandId = await sendText(stack, LINE, 1, "too late");
  assert.equal((await answer(stack, commandId, "FAILED")).body.code, "banned");
  await worker.stop();

  await stack.startWorker();
  assert.deepEqual((({ status, state }) => [status, state])(await stateOf(stack, LINE)), [
    "BANNED",
    "banned",
  ]);
  await stack.backend.command({ action: "create", ...LINE });
  await event(stack, LINE, "qr_generated", { attempt: 1 });
});

Deno.test("a kill between a session's end and the removal of its queue leaves nothing that swallows sends", async () => {
  await using stack = await startStack({ broker });
  const worker = await stack.startWorker();
  await stack.backend.command({ action: "create", ...LINE });
  await event(stack, LINE, "qr_generated");
  await worker.stop();

  // As the store is when the end of the session is durable and the process is killed before the broker hears of it.
  const database = new DatabaseSync(join(stack.environment.SESSION_DIR ?? "", "worker.db"));
  database.exec("UPDATE session SET at_start = 'forget'");
  database.close();
  const send = {
    messageId: 1,
    whatsappNumberId: LINE.numberId,
    recipientNumber: "221779999999",
    content: "x",
    type: "TEXT",
  };
  await stack.backend.publish({
    exchange: "",
    routingKey: "whatsapp.number.6",
    content: JSON.stringify(send),
    options: { messageId: "waiting", contentType: "application/json", persistent: true },
  });

  const second = await stack.startWorker();
  assert.equal((await answer(stack, "waiting", "FAILED")).body.code, "no_session");
  await until(async () => !(await queueExists(broker, stack.url, "whatsapp.number.6")), {
    describe: "the number's queue is gone",
  });
  await second.stop();
  const after = new DatabaseSync(join(stack.environment.SESSION_DIR ?? "", "worker.db"));
  assert.equal(after.prepare("SELECT count(*) AS n FROM session").get()?.n, 0);
  after.close();
});
