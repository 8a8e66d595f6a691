import { strict as assert } from "node:assert";
import { Database } from "../../src/store/database.ts";
import type { VitalsReport } from "../../src/whatsapp/vitals/vitals.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, event, events, FRIEND, LINE, sendText, stateOf } from "./steps.ts";

const broker = await sharedBroker();

/** The messages that were published. */
const texts = (stack: Stack) => events(stack, LINE, "message_received").map(({ body }) => body.body);

/** Waits until the number tells that it could not decrypt as many messages to this day. */
async function undecryptable(stack: Stack, count: number): Promise<void> {
  const told = async () => ((await stateOf(stack, LINE)).vitals as VitalsReport).undecryptable;
  const deadlineMs = Date.now() + 10_000;
  for (let now = await told(); now !== count; now = await told()) {
    assert(Date.now() < deadlineMs, `${now} messages could not be decrypted`);
  }
}

for (const [first, then] of [["lid", "lid"], ["pn", "lid"], ["lid", "pn"]] as const) {
  for (const restart of [false, true]) {
    const name = `A message by ${first} that could not be decrypted comes once, by ${then} when asked for` +
      (restart ? ", after a restart" : "");
    Deno.test(name, async () => {
      await using stack = await startStack({ broker });
      const silent = { showsAlias: false, lidInDirectory: false };
      const contact = stack.standIn.contact(FRIEND, { addressing: first, autoAnswer: false, ...silent });
      const worker = await stack.startWorker();
      await pair(stack, LINE);
      contact.damageNext();
      const id = await contact.sendText(LINE.phoneNumber, "say again");
      const request = await contact.request();
      await undecryptable(stack, 1);
      if (restart) {
        await worker.stop();
        await stack.startWorker();
      }
      Object.assign(contact, { addressing: then, showsAlias: true, lidInDirectory: true });
      await contact.answer(request);
      const { body } = await event(stack, LINE, "message_received");
      assert.deepEqual([body.messageId, body.body, body.from], [id, "say again", `${FRIEND}@c.us`]);
      await contact.receipt(id, "delivered");
      await answer(stack, await sendText(stack, LINE, 1, "thank you"), "DELIVERED");
      assert.deepEqual(texts(stack), ["say again"]);
      await undecryptable(stack, 0);
      assertNoErrorsLogged(stack);
    });
  }
}

Deno.test("A contact that goes on in a session this device has lost is asked, and every message comes once", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "hello"), "DELIVERED");
  await contact.sendText(LINE.phoneNumber, "before");
  await event(stack, LINE, "message_received", { body: "before" });
  await worker.stop();
  const database = await Database.open(stack.environment.SESSION_DIR!);
  await database.commit([{ sql: "DELETE FROM credential WHERE type = 'session'", parameters: [] }]);
  database.close();

  for (const text of ["one", "two", "three"]) await contact.sendText(LINE.phoneNumber, text);
  await stack.startWorker();
  for (const text of ["one", "two", "three"]) await event(stack, LINE, "message_received", { body: text });
  await contact.sendText(LINE.phoneNumber, "after");
  await event(stack, LINE, "message_received", { body: "after" });
  assert.deepEqual(texts(stack).toSorted(), ["after", "before", "one", "three", "two"]);
  await undecryptable(stack, 0);
  assert.deepEqual([stack.standIn.stats.turnedDown, stack.standIn.stats.violations], [0, []]);
  assertNoErrorsLogged(stack);
});

Deno.test("A message that can never be decrypted is asked for five times and counted", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  contact.damageNext(6);
  await contact.sendText(LINE.phoneNumber, "lost");
  for (let request = 1; request <= 5; request++) await contact.request();
  await contact.sendText(LINE.phoneNumber, "life goes on");
  await event(stack, LINE, "message_received", { body: "life goes on" });
  assert.deepEqual(texts(stack), ["life goes on"]);
  assert.equal(stack.standIn.stats.retries, 5);
  await undecryptable(stack, 1);
  assertNoErrorsLogged(stack);
});
