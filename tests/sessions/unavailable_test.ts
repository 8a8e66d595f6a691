/** Messages that WhatsApp announces without their content, which the number's phone hands on. */

import { strict as assert } from "node:assert";
import type { proto } from "@whiskeysockets/baileys";
import { Database } from "../../src/store/database.ts";
import type { VitalsReport } from "../../src/whatsapp/vitals/vitals.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { element } from "../stand_in/nodes.ts";
import { assertNoErrorsLogged, event, events, FRIEND, LINE, settled, stateOf } from "./steps.ts";

const broker = await sharedBroker();
const ID = "3A00AD";
const DAY_S = 24 * 60 * 60;
const PATIENCE_MS = 15_000;

const nowS = () => Math.floor(Date.now() / 1000);

/** WhatsApp announces a message to the number without its content. */
function announce(stack: Stack, sentAtS = nowS()): void {
  const { jid, lid } = stack.standIn.contact(FRIEND);
  const attrs = { id: ID, type: "text", t: String(sentAtS), from: lid, sender_pn: jid };
  mailboxOf(stack).put(element("message", attrs, [element("unavailable", {})]));
}

function mailboxOf({ standIn }: Stack) {
  return standIn.phone(LINE.phoneNumber).companions.values().next().value!.mailbox;
}

/** Resolves when WhatsApp was told that everything has arrived. */
async function confirmed(stack: Stack): Promise<void> {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  while (mailboxOf(stack).size > 0) {
    assert(!timeout.aborted, "a stanza was never confirmed");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What the phone is asked for next. */
function asked({ standIn }: Stack): Promise<proto.IMessageKey> {
  return standIn.phone(LINE.phoneNumber).askedFor.next("request to the phone", () => true, PATIENCE_MS);
}

/** What the state folder says is missed, or in another table; for stopped workers. */
async function missed(
  { environment }: Stack,
  change?: string,
  table: "placeholder" | "undecryptable" = "placeholder",
): Promise<unknown[]> {
  const database = await Database.open(environment.SESSION_DIR!);
  if (change !== undefined) await database.commit([{ sql: change, parameters: [] }]);
  const rows = await database.select(`SELECT whatsapp_id FROM ${table}`);
  database.close();
  return rows.map(({ whatsapp_id }) => whatsapp_id);
}

async function undecryptable(stack: Stack, count: number): Promise<void> {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  const told = async () => ((await stateOf(stack, LINE)).vitals as VitalsReport).undecryptable;
  for (let now = await told(); now !== count; now = await told()) {
    assert(!timeout.aborted, `${now} messages could not be decrypted`);
  }
}

for (const name of ["jid", "lid"] as const) {
  Deno.test(`A message whose content the phone has, and tells by ${name}, comes once, though the worker is killed before it asks`, async () => {
    await using stack = await startStack({ broker });
    const contact = stack.standIn.contact(FRIEND);
    const phone = stack.standIn.phone(LINE.phoneNumber);
    const killed = stack.startProgram();
    await killed.printed("the worker is ready");
    await pair(stack, LINE);
    await confirmed(stack);
    announce(stack);
    await confirmed(stack);
    killed.process.kill("SIGKILL");
    await killed.process.status;
    assert.deepEqual(phone.askedFor.items, []);

    const worker = await stack.startWorker();
    const key = await asked(stack);
    assert.deepEqual([key.id, key.remoteJid, key.fromMe], [ID, contact.lid, false]);
    const content = {
      key: { ...key, remoteJid: contact[name] },
      message: { conversation: "from an ad" },
      messageTimestamp: nowS(),
    };
    await phone.resend(content);
    const { body } = await event(stack, LINE, "message_received");
    assert.deepEqual([body.messageId, body.body, body.from], [ID, "from an ad", `${FRIEND}@c.us`]);
    await phone.resend(content);
    await confirmed(stack);
    await settled(stack, LINE);
    await undecryptable(stack, 0);
    await worker.stop();
    assert.equal(events(stack, LINE, "message_received").length, 1);
    assert.deepEqual(await missed(stack), []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("A phone that does not answer is asked after each login, until it is no use any more", async () => {
  await using stack = await startStack({ broker });
  let worker = await stack.startWorker();
  await pair(stack, LINE);
  announce(stack);
  for (let login = 1; login <= 3; login++) {
    assert.equal((await asked(stack)).id, ID);
    await worker.stop();
    const spent = login === 3 ? "UPDATE placeholder SET attempts = 30" : undefined;
    assert.deepEqual(await missed(stack, spent), [ID]);
    worker = await stack.startWorker();
  }
  await undecryptable(stack, 1);
  await worker.stop();
  assert.equal(stack.standIn.phone(LINE.phoneNumber).askedFor.items.length, 3);
  assert.deepEqual(await missed(stack), []);
  assert.deepEqual(await missed(stack, undefined, "undecryptable"), [ID]);
  assert(stack.logged.some((line) => line.includes("the phone did not hand on the content of a message")));
});

Deno.test("What no phone hands on any more counts as undecryptable, also when the worker was killed as it came", async () => {
  await using stack = await startStack({ broker });
  let worker = await stack.startWorker();
  await pair(stack, LINE);
  announce(stack);
  await asked(stack);
  await worker.stop();
  const sentAtMs = (nowS() - 15 * DAY_S) * 1000;
  await missed(stack, "DELETE FROM undecryptable");
  await missed(stack, `UPDATE placeholder SET sent_at = ${sentAtMs}`);
  worker = await stack.startWorker();
  await undecryptable(stack, 1);
  await worker.stop();
  assert.deepEqual(await missed(stack), []);
  assert.equal(stack.standIn.phone(LINE.phoneNumber).askedFor.items.length, 1);
});
