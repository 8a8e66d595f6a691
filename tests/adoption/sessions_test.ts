/** Sessions of the old worker go on in this one: no QR, no ratchet out of step, nothing lost in between. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { sharedBroker } from "../rabbitmq/shared.ts";
import {
  answer,
  assertNoErrorsLogged,
  event,
  events,
  FRIEND,
  LINE,
  sendText,
  stateOf,
} from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { oldFolder, runOldWorker } from "./old_worker.ts";
import { toOlderShape } from "./older_shape.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
/** Somebody who writes under the phone number; {@link FRIEND} does so under the LID. */
const COUSIN = "221778888888";

const SHAPES: readonly [string, (stack: Stack) => Promise<void>][] = [
  ["by this version of Baileys", () => Promise.resolve()],
  ["by Baileys 6.6", (stack) => {
    const lids = [stack.standIn.contact(FRIEND).lid.replace("@lid", "")];
    return toOlderShape(oldFolder(stack, LINE), lids);
  }],
];

for (const [writer, reshape] of SHAPES) {
  Deno.test(`A session whose folder was written ${writer} goes on without a QR, in both directions`, async () => {
    await using stack = await startStack({ broker });
    const { standIn, backend } = stack;
    const friend = standIn.contact(FRIEND);
    const cousin = standIn.contact(COUSIN, { addressing: "pn" });
    await runOldWorker(stack, LINE, async (client) => {
      for (const contact of [friend, cousin]) {
        const sent = await client.sock.sendMessage(contact.jid, { text: "from the old worker" });
        await client.status(sent!.key.id!, 3);
        for (const text of [`first of ${contact.number}`, `second of ${contact.number}`]) {
          await contact.sendText(LINE.phoneNumber, text);
          await client.received(text);
        }
        await contact.sendToGroup(GROUP, LINE.phoneNumber, `in the group, ${contact.number}`);
        await client.received(`in the group, ${contact.number}`);
      }
    });
    await reshape(stack);
    const waiting = [
      await friend.sendText(LINE.phoneNumber, "while nobody was there"),
      await cousin.sendText(LINE.phoneNumber, "while nobody was there"),
      await friend.sendToGroup(GROUP, LINE.phoneNumber, "in the group meanwhile"),
      await cousin.sendToGroup(GROUP, LINE.phoneNumber, "in the group meanwhile"),
    ];

    const worker = await stack.startWorker();
    const { body } = await event(stack, LINE, "connected");
    assert.equal(body.sessionId, `session_6_+${LINE.phoneNumber}`);
    assert.equal(body.lid, standIn.phone(LINE.phoneNumber).lid);
    for (const messageId of waiting) await event(stack, LINE, "message_received", { messageId });
    for (const contact of [friend, cousin]) {
      const text = `to ${contact.number}`;
      const commandId = await backend.send({
        messageId: Number(contact.number),
        whatsappNumberId: LINE.numberId,
        recipientNumber: `+${contact.number}`,
        content: text,
        type: "TEXT",
      });
      await answer(stack, commandId, "DELIVERED");
      await contact.next((message) => message.text === text);
      const messageId = await contact.sendText(LINE.phoneNumber, "an answer");
      await event(stack, LINE, "message_received", { messageId });
      const inGroup = await contact.sendToGroup(GROUP, LINE.phoneNumber, "once more");
      await event(stack, LINE, "message_received", { messageId: inGroup });
    }
    assert.equal(events(stack, LINE, "message_received").length, waiting.length + 4);
    assert.deepEqual(events(stack, LINE, "qr_generated"), []);
    assert.deepEqual([standIn.stats.retries, standIn.stats.violations], [0, []]);
    assert.equal(standIn.phone(LINE.phoneNumber).companions.size, 1);
    assert.deepEqual(await namesIn(stack), ["adopted"]);
    assert.deepEqual(await namesIn(stack, "adopted"), [`session_6_+${LINE.phoneNumber}`]);
    await worker.stop();

    await stack.startWorker();
    await event(stack, LINE, "connected");
    await answer(stack, await sendText(stack, LINE, 7, "after a restart"), "DELIVERED");
    assert.deepEqual(events(stack, LINE, "qr_generated"), []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("A session that another worker has is adopted, but stays closed", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND);
  await runOldWorker(stack, LINE);
  await stack.startWorker({ WORKER_ID: "worker-2", SESSION_DIR: join(stack.folder, "of worker-2") });
  await pair(stack, LINE);

  // Who has it may be its own old connection, for three heartbeats.
  await stack.startWorker({ RABBITMQ_URL: `${stack.url}?heartbeat=1` });
  const { body } = await event(stack, LINE, "error", { code: "lease_lost" });
  assert.equal(body.workerId, "worker-1");
  await event(stack, LINE, "closed", { workerId: "worker-1", reason: "lease_lost" });
  assert.deepEqual(await namesIn(stack, "adopted"), [`session_6_+${LINE.phoneNumber}`]);
  const sent = await answer(stack, await sendText(stack, LINE, 1, "by the one that has it"), "SENT");
  assert.equal(sent.body.workerId, "worker-2");
  assert.equal(stack.standIn.clients.length, 1);
});

Deno.test("A session that cannot be adopted is told to the backend, kept, and only paired anew on demand", async () => {
  await using stack = await startStack({ broker });
  const folder = await runOldWorker(stack, LINE);
  const file = join(folder, "creds.json");
  await Deno.truncate(file, 500);
  const damaged = await Deno.readTextFile(file);

  const worker = await stack.startWorker();
  const { body } = await event(stack, LINE, "error", { code: "credentials_unreadable" });
  assert.equal(body.sessionId, `session_6_+${LINE.phoneNumber}`);
  assert.equal((await stateOf(stack, LINE)).status, "NOT_FOUND");
  await pair(stack, LINE);
  await worker.stop();
  assert.equal(await Deno.readTextFile(file), damaged);

  const before = events(stack, LINE, "error").length;
  await stack.startWorker();
  await event(stack, LINE, "connected");
  assert.equal(await Deno.readTextFile(file), damaged);
  assert.equal(events(stack, LINE, "error").length, before, "of no use to a number that is linked again");
});

/** The names of the folders in the state folder, or below it. */
async function namesIn({ environment }: Stack, place = ""): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(environment.SESSION_DIR!, place)));
  return entries.filter(({ isDirectory }) => isDirectory).map(({ name }) => name).sort();
}
