/** Devices that WhatsApp's server has no keys of: whoever else a message is for gets it. */

import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, FRIEND, LINE } from "./steps.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";

for (const addressing of ["lid", "pn"] as const) {
  Deno.test(`A group by ${addressing} gets its messages though one member's phone has no keys, and that one when it has`, async () => {
    await using stack = await startStack({ broker });
    const { standIn, backend } = stack;
    const one = standIn.contact(FRIEND, { addressing });
    const keyless = standIn.contact("221778888881", { addressing, hasKeys: false });
    const late = standIn.contact("221778888882", { addressing });
    const phone = standIn.phone(LINE.phoneNumber);
    const joins = standIn.contact("221778888883", { addressing, hasKeys: false });
    const members = [one, keyless, phone];
    standIn.group(GROUP, members, addressing);
    let worker = await stack.startWorker();
    await pair(stack, LINE);
    const send = async (messageId: number, content: string) => {
      const { numberId } = LINE;
      const command = await backend.send({ messageId, numberId, to: GROUP, content, type: "TEXT" });
      const { body } = await backend.next(
        ({ body, properties }) =>
          properties.correlationId === command && ["SENT", "FAILED"].includes(String(body.status)),
        { describe: `an answer to ${content}`, timeoutMs: 20_000 },
      );
      assert.equal(body.status, "SENT", String(body.error));
    };
    await send(1, "first");
    assert.equal((await one.next()).text, "first");
    // Nobody else needs a key now: the one that cannot get one is all that is left to be told.
    await send(2, "second");
    assert.equal((await one.next()).text, "second");
    await worker.stop();
    worker = await stack.startWorker();
    await send(3, "third");
    assert.equal((await one.next()).text, "third");
    // Who joins is the only one who needs a key, and has none; then somebody who has.
    members.push(joins);
    await send(6, "sixth");
    assert.equal((await one.next()).text, "sixth");
    members.push(late);
    await send(4, "fourth");
    for (const member of [one, late]) await member.next((message) => message.text === "fourth");
    keyless.hasKeys = true;
    await worker.stop();
    worker = await stack.startWorker();
    await send(5, "fifth");
    for (const member of [one, late, keyless]) {
      await member.next((message) => message.text === "fifth");
    }
    assert.deepEqual(keyless.inbox.map(({ text }) => text).at(-1), "fifth");
    assert.deepEqual(standIn.stats.violations, []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("A message to somebody whose phone has no keys fails, to be sent again, and others are written to", async () => {
  await using stack = await startStack({ broker });
  const { standIn, backend } = stack;
  const keyless = standIn.contact("221778888881", { hasKeys: false });
  const friend = standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const send = (messageId: number, to: string) =>
    backend.send({ messageId, numberId: LINE.numberId, to, content: "hello", type: "TEXT" });
  const { body } = await answer(stack, await send(1, keyless.number), "FAILED");
  assert.deepEqual([body.code, body.retryable], ["not_sent", true]);
  await answer(stack, await send(2, friend.number), "DELIVERED");
  keyless.hasKeys = true;
  await answer(stack, await send(1, keyless.number), "DELIVERED");
  assert.equal(keyless.inbox.length, 1);
  assertNoErrorsLogged(stack);
});
