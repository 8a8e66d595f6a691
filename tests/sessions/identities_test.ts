import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import type { Contact } from "../stand_in/contact.ts";
import type { Addressing } from "../stand_in/envelope.ts";
import { answer, assertNoErrorsLogged, event, events, FRIEND, LINE, sendText, settled } from "./steps.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
const SILENT = { showsAlias: false, lidInDirectory: false };

/** What was published of messages, in its order. */
const received = (stack: Stack) => events(stack, LINE, "message_received").map(({ body }) => body);

/** Fails unless every message could be decrypted at once. */
function assertNothingUndecrypted({ standIn }: Stack): void {
  const { retries, turnedDown, violations } = standIn.stats;
  assert.deepEqual({ retries, turnedDown, violations }, { retries: 0, turnedDown: 0, violations: [] });
}

/** From here on WhatsApp names the contact this way, and says how else it is called. */
function address(contact: Contact, addressing: Addressing): void {
  Object.assign(contact, { addressing, showsAlias: true, lidInDirectory: true });
}

/** Stops a worker and starts another one on its folder. */
async function restarted(stack: Stack, worker: { stop(): Promise<void> }) {
  await worker.stop();
  const next = await stack.startWorker();
  await event(stack, LINE, "connected");
  return next;
}

for (const [first, then] of [["pn", "lid"], ["lid", "pn"]] as const) {
  for (const restart of [false, true]) {
    for (const known of [true, false]) {
      const name = `A contact that goes from ${first} to ${then} and back stays one person` +
        (known ? "" : ", also when its other name was not known before") +
        (restart ? ", with restarts in between" : "");
      Deno.test(name, async () => {
        await using stack = await startStack({ broker });
        const contact = stack.standIn.contact(FRIEND, { addressing: first, ...(known ? {} : SILENT) });
        let worker = await stack.startWorker();
        await pair(stack, LINE);
        const texts: string[] = [];
        const write = async (text: string) => {
          texts.push(text);
          await contact.sendText(LINE.phoneNumber, text);
          return (await event(stack, LINE, "message_received", { body: text })).body;
        };
        const named = known || first === "pn";
        // To a number whose owner writes by a LID that is nobody's, as far as is known, nothing can be sent in one session.
        contact.autoDeliver = false;
        const early = named ? await sendText(stack, LINE, 1, "early") : undefined;
        await write("one");
        await write("two");
        if (restart) worker = await restarted(stack, worker);

        address(contact, then);
        const { from, lid, phoneNumber } = await write("three");
        assert.deepEqual([from, phoneNumber, lid], [`${FRIEND}@c.us`, `+${FRIEND}`, contact.lid]);
        if (early !== undefined) {
          contact.answersAs = then;
          contact.read((await contact.next()).id);
          await answer(stack, early, "READ");
          contact.answersAs = undefined;
        }
        contact.autoDeliver = true;
        await answer(stack, await sendText(stack, LINE, 2, "in between"), "DELIVERED");
        await write("four");
        if (restart) worker = await restarted(stack, worker);

        address(contact, first);
        await write("five");
        await answer(stack, await sendText(stack, LINE, 3, "at the end"), "DELIVERED");
        await write("six");
        await settled(stack, LINE);
        assert.deepEqual(received(stack).map(({ body }) => body), texts);
        const under = new Set(received(stack).slice(named ? 0 : 2).map(({ from }) => from));
        assert.deepEqual([...under], [`${FRIEND}@c.us`]);
        const sent = [...(named ? ["early"] : []), "in between", "at the end"];
        assert.deepEqual(
          contact.inbox.map(({ text, repeats }) => [text, repeats]),
          sent.map((text) => [text, 0]),
        );
        assertNothingUndecrypted(stack);
        assertNoErrorsLogged(stack);
      });
    }
  }

  for (const restart of [false, true]) {
    Deno.test(`A message delivered as ${first} and again as ${then} is published once${restart ? ", a restart later" : ""}`, async () => {
      await using stack = await startStack({ broker });
      const contact = stack.standIn.contact(FRIEND, { addressing: first, ...SILENT });
      const worker = await stack.startWorker();
      await pair(stack, LINE);
      const id = await contact.sendText(LINE.phoneNumber, "once");
      await event(stack, LINE, "message_received", { messageId: id });
      if (restart) await restarted(stack, worker);
      address(contact, then);
      contact.repost(id);
      await contact.receipt(id, "delivered");
      await contact.sendText(LINE.phoneNumber, "and another");
      await event(stack, LINE, "message_received", { body: "and another" });
      assert.deepEqual(received(stack).map(({ body }) => body), ["once", "and another"]);
      assertNothingUndecrypted(stack);
    });
  }

  Deno.test(`A member of a group that goes from ${first} to ${then} and back stays one person`, async () => {
    await using stack = await startStack({ broker });
    const member = stack.standIn.contact(FRIEND, { addressing: first, ...SILENT });
    const worker = await stack.startWorker();
    await pair(stack, LINE);
    const write = async (text: string) => {
      await member.sendToGroup(GROUP, LINE.phoneNumber, text);
      return (await event(stack, LINE, "message_received", { body: text })).body;
    };
    await write("one");
    address(member, then);
    const { from, participant, phoneNumber, lid } = await write("two");
    assert.deepEqual([from, participant], [GROUP, `${FRIEND}@c.us`]);
    assert.deepEqual([phoneNumber, lid], [`+${FRIEND}`, member.lid]);
    await restarted(stack, worker);
    address(member, first);
    assert.equal((await write("three")).participant, `${FRIEND}@c.us`);
    assert.equal((await write("four")).lid, member.lid);
    assertNothingUndecrypted(stack);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("A contact that changes its number keeps its LID, and is known by the number it has now", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { addressing: "lid" });
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await contact.sendText(LINE.phoneNumber, "old number");
  const before = await event(stack, LINE, "message_received", { body: "old number" });
  assert.equal(before.body.from, `${FRIEND}@c.us`);

  const next = "221778888888";
  contact.changeNumber(next);
  await contact.sendText(LINE.phoneNumber, "new number");
  assert.equal(
    (await event(stack, LINE, "message_received", { body: "new number" })).body.from,
    `${next}@c.us`,
  );
  await restarted(stack, worker);
  // Who asks for the old number must not bring it back.
  await answer(stack, await sendText(stack, LINE, 1, "to the old number"), "FAILED");
  contact.showsAlias = false;
  await contact.sendText(LINE.phoneNumber, "by LID alone");
  const { body } = await event(stack, LINE, "message_received", { body: "by LID alone" });
  assert.deepEqual([body.from, body.phoneNumber, body.lid], [`${next}@c.us`, `+${next}`, contact.lid]);
  contact.addressing = "pn";
  const heir = stack.standIn.contact(FRIEND, { addressing: "pn", ...SILENT });
  await heir.sendText(LINE.phoneNumber, "whose number is this?");
  const { body: ofHeir } = await event(stack, LINE, "message_received", { body: "whose number is this?" });
  assert.deepEqual([ofHeir.from, ofHeir.lid], [`${FRIEND}@c.us`, null]);
  await contact.sendText(LINE.phoneNumber, "by number alone");
  const { body: byNumber } = await event(stack, LINE, "message_received", { body: "by number alone" });
  assert.deepEqual([byNumber.from, byNumber.lid], [`${next}@c.us`, contact.lid]);
  assertNothingUndecrypted(stack);
});
