import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { element } from "../stand_in/nodes.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import {
  answer,
  assertNoErrorsLogged,
  FRIEND,
  health,
  liftRestriction,
  LINE,
  sendText,
  settled,
} from "./steps.ts";

const broker = await sharedBroker();

async function connected(): Promise<Stack> {
  const stack = await startStack({ broker });
  await stack.startWorker();
  await pair(stack, LINE);
  return stack;
}

const statuses = ({ backend }: Stack, command: string) =>
  backend.received.filter(({ properties }) => properties.correlationId === command)
    .map(({ body }) => body.status);

Deno.test("A send to somebody new that a restricted number may not write to says when it may", async () => {
  await using stack = await connected();
  const { standIn } = stack;
  standIn.contact(FRIEND);
  standIn.faults.refuseSends(463);
  const { body } = await answer(stack, await sendText(stack, LINE, 1, "salut"), "FAILED");
  assert.deepEqual([body.code, body.retryable], ["restricted_from_new_contacts", true]);
  const { body: told } = await health(stack, LINE, "HEALTHY", "restricted");
  assert.equal(body.retryAt, (told.vitals as { reachoutTimelockUntil: number }).reachoutTimelockUntil);
  assert.ok(Number(body.retryAt) > Date.now());
  await liftRestriction(stack, LINE);
  standIn.faults.refuseSends(429);
  const other = await answer(stack, await sendText(stack, LINE, 2, "again"), "FAILED");
  assert.deepEqual([other.body.code, other.body.retryAt], ["rate_limited", undefined]);
  // Where it does not say until when, the number's queue does not stand still for long.
  standIn.faults.unanswered = "w:mex";
  standIn.faults.refuseSends(463);
  const unknown = await answer(stack, await sendText(stack, LINE, 3, "and now?"), "FAILED");
  assert.deepEqual([unknown.body.code, unknown.body.retryAt], [body.code, undefined]);
});

Deno.test("A send to a number that nobody has on WhatsApp has failed for good, and is not written", async () => {
  await using stack = await connected();
  const send = (to: string) =>
    stack.backend.send({ messageId: 1, numberId: LINE.numberId, to, content: "hello?", type: "TEXT" });
  const { body, properties } = await answer(stack, await send("+221700000001"), "FAILED");
  assert.deepEqual([body.code, body.retryable], ["not_on_whatsapp", false]);
  const again = await answer(stack, await send("+221700000001"), "FAILED");
  assert.equal(again.properties.messageId, properties.messageId);
  // A LID nobody knows the number of: WhatsApp does not say that it is nobody's.
  const lid = await answer(stack, await send("123456789012345@lid"), "FAILED");
  assert.deepEqual([lid.body.code, lid.body.retryable], ["not_sent", true]);
  assert.equal(stack.standIn.stats.messages, 0);
  stack.standIn.contact(FRIEND);
  await answer(stack, await sendText(stack, LINE, 2, "and on"), "SENT");
  assertNoErrorsLogged(stack);
});

Deno.test("A refusal that comes after a receipt, or twice, changes nothing", async () => {
  await using stack = await connected();
  const { standIn } = stack;
  const contact = standIn.contact(FRIEND);
  const [device] = standIn.phone(LINE.phoneNumber).companions.values();
  const refuse = (id: string) =>
    device!.link!.send(element("ack", { class: "message", id, from: contact.jid, t: "1", error: "500" }));
  standIn.faults.dropAcks = true;
  const command = await sendText(stack, LINE, 1, "there already");
  await answer(stack, command, "DELIVERED");
  const { id } = await contact.next();
  refuse(id);
  contact.read(id);
  await answer(stack, command, "READ");
  await settled(stack, LINE);
  assert.deepEqual(statuses(stack, command), ["SENT", "DELIVERED", "READ"]);

  standIn.faults.refuseSends(500);
  const refused = await sendText(stack, LINE, 2, "server trouble");
  const { body } = await answer(stack, refused, "FAILED");
  assert.deepEqual([body.code, body.retryable], ["server_error", true]);
  await settled(stack, LINE);
  assert.deepEqual(statuses(stack, refused), ["FAILED"]);
  assertNoErrorsLogged(stack);
});

Deno.test("A status is told once, whichever way, order and number its receipts come in", async () => {
  await using stack = await connected();
  const { standIn } = stack;
  const contact = standIn.contact(FRIEND, { autoDeliver: false });
  const phone = standIn.phone(LINE.phoneNumber);
  const [device] = phone.companions.values();
  const commands = [await sendText(stack, LINE, 1, "one"), await sendText(stack, LINE, 2, "two")];
  const ids = [(await contact.next()).id, (await contact.next()).id];
  for (const command of commands) await answer(stack, command, "SENT");
  let receipts = 0;
  const receipt = (from: string, type?: string, more: Record<string, string> = {}) =>
    device!.mailbox.put(
      element("receipt", { id: ids[0]!, from, t: String(++receipts), ...(type && { type }), ...more }, [
        element("list", {}, ids.map((id) => element("item", { id }))),
      ]),
    );
  const companion = contact.jid.replace("@", ":7@");
  // What the account's own devices have done, and what a device wants.
  for (const type of ["sender", "read-self", "played-self", "peer_msg", "server-error"]) {
    receipt(phone.jid, type);
  }
  receipt(phone.jid, "read", { recipient: contact.jid });
  receipt(companion, "inactive");
  for (const command of commands) await answer(stack, command, "DELIVERED");
  receipt(contact.jid, "played");
  receipt(contact.lid, "read");
  receipt(companion);
  receipt(contact.lid.replace("@", ":7@"), "played");
  for (const command of commands) await answer(stack, command, "PLAYED");
  await settled(stack, LINE);
  for (const command of commands) {
    assert.deepEqual(statuses(stack, command), ["SENT", "DELIVERED", "READ", "PLAYED"]);
  }
  assertNoErrorsLogged(stack);
});
