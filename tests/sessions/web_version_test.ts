import { strict as assert } from "node:assert";
import { DEFAULT_CONNECTION_CONFIG } from "@whiskeysockets/baileys";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { type Stack, startStack } from "../stack.ts";
import { event, events, health, line, pairAll } from "./steps.ts";

const broker = await sharedBroker();

const [, , REVISION] = DEFAULT_CONNECTION_CONFIG.version;
const BUNDLED = `2.3000.${REVISION}`;
const NEWER = `2.3000.${REVISION + 1_000}`;

/** What the worker says of WhatsApp when it is asked. */
async function whatsappOf(stack: Stack): Promise<unknown> {
  const correlationId = await stack.backend.command({ action: "status" });
  const { body } = await stack.backend.next(
    ({ body, properties }) => body.action === "worker_status" && properties.correlationId === correlationId,
    { describe: "worker_status" },
  );
  const { version, versionSource } = (body.data as { whatsapp: Record<string, unknown> }).whatsapp;
  return { version, versionSource };
}

Deno.test("Worker logs in with the version WhatsApp's page says once its own is too old, and keeps it", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  const lines = [line(1), line(2), line(3)];
  const worker = await stack.startWorker({}, { random: () => 0 });
  await pairAll(stack, lines);
  assert.deepEqual(await whatsappOf(stack), { version: BUNDLED, versionSource: "bundled" });

  standIn.page.revision = standIn.faults.leastRevision = REVISION + 1_000;
  standIn.stats.versions.length = 0;
  standIn.faults.dropLinks();
  for (const each of lines) {
    const { body } = await event(stack, each, "disconnected", { code: 405 });
    assert.deepEqual([body.reason, body.willReconnect], ["client_outdated", true]);
    await event(stack, each, "connected");
  }
  assert.deepEqual(await whatsappOf(stack), { version: NEWER, versionSource: "live" });
  assert.equal(standIn.page.requests, 1, "once for all sessions");
  assert.deepEqual(standIn.stats.versions.filter((version) => version === BUNDLED).length, lines.length);

  await worker.stop();
  standIn.stats.versions.length = 0;
  await stack.startWorker();
  for (const each of lines) await event(stack, each, "connected");
  assert.deepEqual(standIn.stats.versions, lines.map(() => NEWER), "no login with the old one");
  assert.deepEqual(await whatsappOf(stack), { version: NEWER, versionSource: "last_good" });
  assert.equal(standIn.page.requests, 1);
});

Deno.test("Worker says once who has to act when WhatsApp takes none of its versions, and goes on by itself", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  // The pause would be minutes; this takes all of it away.
  await stack.startWorker({}, { random: () => -1, webPageTimeoutMs: 300 });
  const old = line(5);
  await pairAll(stack, [old]);
  standIn.page.answer = () => {};
  standIn.faults.leastRevision = REVISION + 1;
  standIn.faults.dropLinks();
  const { body } = await event(stack, old, "error", { code: "client_outdated" });
  assert.match(String(body.error), /upgrade the worker/);
  await health(stack, old, "DISCONNECTED", "reconnecting");
  standIn.faults.leastRevision = undefined;
  await event(stack, old, "connected");
  assert.equal(events(stack, old, "error").length, 1);
  const told = stack.logged.map((text) => JSON.parse(text)).filter(({ level }) => level >= 50);
  assert.deepEqual(told.map(({ code, version }) => [code, version]), [["client_outdated", BUNDLED]]);
  assert.match(told[0].remedy, /Upgrade the worker/);
});
