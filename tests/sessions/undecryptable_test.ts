/** Messages that cannot be read: the backend is told that there is one, once, and gets it if it comes after all. */

import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { element } from "../stand_in/nodes.ts";
import { assertNoErrorsLogged, event, events, FRIEND, LINE, settled } from "./steps.ts";

const broker = await sharedBroker();
const OTHER = "221779999998";
const GROUP = "120363000000000001@g.us";
const SOON = { undecryptableAfterMs: 300 };

/** The types of what was told, but for what {@link overdue} has had told. */
const told = (stack: Stack) =>
  events(stack, LINE, "message_received").filter(({ body }) => body.phoneNumber !== `+${OTHER}`).map((
    { body },
  ) => body.type);

/** Waits until whatever could not be decrypted so far is told if it is to be: what came after it is. */
async function overdue(stack: Stack): Promise<void> {
  const other = stack.standIn.contact(OTHER, { autoAnswer: false });
  other.damageNext();
  const messageId = await other.sendText(LINE.phoneNumber, "never to be read");
  await event(stack, LINE, "message_received", { type: "UNDECRYPTABLE", messageId });
}

/** WhatsApp announces a message to the number without its content. */
function announce(
  { standIn }: Stack,
  id: string,
  type: string | undefined,
  from: Record<string, string>,
): void {
  const [{ mailbox } = assert.fail("no companion")] = standIn.phone(LINE.phoneNumber).companions.values();
  const attrs = { id, type: "text", t: String(Math.floor(Date.now() / 1000)), notify: "Awa", ...from };
  mailbox.put(element("message", attrs, [element("unavailable", type === undefined ? {} : { type })]));
}

for (const place of ["person", "group"] as const) {
  Deno.test(`A message to a ${place} that cannot be decrypted is told once, and comes when its sender answers after all`, async () => {
    await using stack = await startStack({ broker });
    const contact = stack.standIn.contact(FRIEND, { name: "Awa", autoAnswer: false });
    const worker = await stack.startWorker({}, SOON);
    await pair(stack, LINE);
    contact.damageNext();
    const id = place === "group"
      ? await contact.sendToGroup(GROUP, LINE.phoneNumber, "say again", "3A0000000000000001")
      : await contact.sendText(LINE.phoneNumber, "say again", "3A0000000000000001");
    const { body, properties } = await event(stack, LINE, "message_received");
    const { from, participant, phoneNumber, lid, pushName, type, quoted, media, undecryptable } = body;
    assert.deepEqual({ from, participant, phoneNumber, lid, pushName, type, quoted, media, undecryptable }, {
      from: place === "group" ? GROUP : `${FRIEND}@c.us`,
      participant: place === "group" ? `${FRIEND}@c.us` : undefined,
      phoneNumber: `+${FRIEND}`,
      lid: contact.lid,
      pushName: "Awa",
      type: "UNDECRYPTABLE",
      quoted: null,
      media: null,
      undecryptable: { reason: "cannot_decrypt" },
    });
    assert.deepEqual([body.messageId, body.body], [id, ""]);
    await worker.stop();
    await stack.startWorker({}, SOON);
    await event(stack, LINE, "connected");
    if (place === "person") {
      await contact.answer(await contact.request());
      const real = await event(stack, LINE, "message_received", { messageId: id });
      assert.deepEqual([real.body.type, real.body.body], ["TEXT", "say again"]);
      assert.notEqual(real.properties.messageId, properties.messageId);
    }
    await overdue(stack);
    assert.deepEqual(told(stack), place === "person" ? ["UNDECRYPTABLE", "TEXT"] : ["UNDECRYPTABLE"]);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("A message that could not be decrypted is told although the worker is killed when it has asked for it", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { autoAnswer: false });
  const killed = stack.startProgram();
  await killed.printed("the worker is ready");
  await pair(stack, LINE);
  contact.damageNext();
  const id = await contact.sendText(LINE.phoneNumber, "lost");
  await contact.request();
  killed.process.kill("SIGKILL");
  await killed.process.status;
  assert.deepEqual(told(stack), []);
  await stack.startWorker({}, SOON);
  const { body } = await event(stack, LINE, "message_received");
  assert.deepEqual([body.type, body.messageId], ["UNDECRYPTABLE", id]);
});

Deno.test("A message that comes again in time is not told as undecryptable", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  await stack.startWorker({}, SOON);
  await pair(stack, LINE);
  contact.damageNext();
  await contact.sendText(LINE.phoneNumber, "second try");
  await event(stack, LINE, "message_received", { body: "second try" });
  await overdue(stack);
  assert.deepEqual(told(stack), ["TEXT"]);
});

Deno.test("What the phone alone can show is told at once, what it may hand on a little later", async () => {
  await using stack = await startStack({ broker });
  const { lid, jid } = stack.standIn.contact(FRIEND);
  await stack.startWorker({}, SOON);
  await pair(stack, LINE);
  const person = { from: lid, sender_pn: jid };
  announce(stack, "3A01", undefined, person);
  announce(stack, "3A02", "view_once", person);
  announce(stack, "3A02", "view_once", person);
  const member = { from: GROUP, participant: lid, participant_pn: jid };
  announce(stack, "3A03", "view_once_unavailable_fanout", member);
  announce(stack, "3A04", "bot_unavailable_fanout", member);
  const reasons: unknown[] = [];
  for (const messageId of ["3A02", "3A03", "3A01"]) {
    const { body } = await event(stack, LINE, "message_received", { messageId, type: "UNDECRYPTABLE" });
    assert.equal(body.phoneNumber, `+${FRIEND}`);
    reasons.push((body.undecryptable as { reason: string }).reason);
  }
  assert.deepEqual(reasons, ["view_once", "view_once", "no_content"]);
  await settled(stack, LINE);
  assert.equal(told(stack).length, 3);
});

for (const include of ["", "from_me"]) {
  Deno.test(`The owner's own messages that cannot be decrypted are ${include ? "told" : "nobody's"} with RECEIVE_INCLUDE=${include}`, async () => {
    await using stack = await startStack({ broker });
    await stack.startWorker({ RECEIVE_INCLUDE: include }, SOON);
    await pair(stack, LINE);
    stack.standIn.contact(FRIEND, { autoAsk: false });
    const phone = stack.standIn.phone(LINE.phoneNumber);
    phone.autoAnswer = false;
    // The copy of the contact, and that of the worker.
    phone.damageNext(2);
    await phone.sendText(FRIEND, "by the owner");
    await phone.request();
    await overdue(stack);
    assert.deepEqual(told(stack), include ? ["UNDECRYPTABLE"] : []);
  });
}
