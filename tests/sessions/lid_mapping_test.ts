import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import type { Contact } from "../stand_in/contact.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, line, sendText } from "./steps.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";

/** Writes to the number under one name alone. @returns what is published of the message */
async function writeAs(stack: Stack, contact: Contact, addressing: "pn" | "lid", to = LINE) {
  Object.assign(contact, { addressing, showsAlias: false, lidInDirectory: false });
  const id = await contact.sendText(to.phoneNumber, `by ${addressing} alone`);
  return (await event(stack, to, "message_received", { messageId: id })).body;
}

/** Ways in which a device is told whose LID is whose; each resolves when it has been. */
const SOURCES: Record<string, (stack: Stack, contact: Contact) => Promise<unknown>> = {
  "a message by LID": async (stack, contact) => {
    await contact.sendText(LINE.phoneNumber, "hello");
    return await event(stack, LINE, "message_received");
  },
  "a message by number": async (stack, contact) => {
    Object.assign(contact, { addressing: "pn", lidInDirectory: false });
    await contact.sendText(LINE.phoneNumber, "hello");
    return await event(stack, LINE, "message_received");
  },
  "a message in a group": async (stack, contact) => {
    await contact.sendToGroup(GROUP, LINE.phoneNumber, "hello all");
    return await event(stack, LINE, "message_received");
  },
  "the server, when it was asked where to send": async (stack) =>
    await answer(stack, await sendText(stack, LINE, 1, "hello"), "DELIVERED"),
  // Told when it was paired.
  "the phone's history": () => Promise.resolve(),
  "a notification": async ({ standIn }, { jid, lid }) => {
    const [device] = standIn.phone(LINE.phoneNumber).companions.values();
    const data = { xwa2_notify_linked_profiles: { jid: lid, added_profiles: [jid] } };
    const content = new TextEncoder().encode(JSON.stringify({ data }));
    device!.notify("mex", "update", { op_name: "NotificationLinkedProfilesUpdates" }, content);
    while (device!.mailbox.size > 0) await delay(5);
  },
};

for (const [source, tell] of Object.entries(SOURCES)) {
  Deno.test(`Whose LID it is is known from ${source}, and after a restart, both ways`, async () => {
    await using stack = await startStack({ broker });
    const contact = stack.standIn.contact(FRIEND);
    const worker = await stack.startWorker();
    if (source === "the phone's history") stack.standIn.phone(LINE.phoneNumber).addressBook.push(contact);
    await pair(stack, LINE);
    await tell(stack, contact);
    await worker.stop();
    await stack.startWorker();
    for (const addressing of ["lid", "pn"] as const) {
      const { from, phoneNumber, lid } = await writeAs(stack, contact, addressing);
      assert.deepEqual([from, phoneNumber, lid], [`${FRIEND}@c.us`, `+${FRIEND}`, contact.lid]);
    }
    assertNoErrorsLogged(stack);
  });
}

Deno.test("What one number is told of a LID is not known to another number of the same worker", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  await pair(stack, line(7));
  await contact.sendText(LINE.phoneNumber, "hello");
  await event(stack, LINE, "message_received");
  assert.equal((await writeAs(stack, contact, "lid")).from, `${FRIEND}@c.us`);
  const { from, phoneNumber, lid } = await writeAs(stack, contact, "lid", line(7));
  assert.deepEqual([from, phoneNumber, lid], [contact.lid, null, contact.lid]);
});
