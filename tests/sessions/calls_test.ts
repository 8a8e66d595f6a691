import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { assertNoErrorsLogged, event, events, FRIEND, LINE, settled } from "./steps.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";

const told = (stack: Stack) => events(stack, LINE, "message_received").map(({ body }) => body.call);

for (const addressing of ["lid", "pn"] as const) {
  Deno.test(`Calls by ${addressing} are told as they are offered, and how they ended`, async () => {
    await using stack = await startStack({ broker });
    const contact = stack.standIn.contact(FRIEND, { addressing });
    await stack.startWorker({ RECEIVE_INCLUDE: "calls" });
    await pair(stack, LINE);
    const missed = contact.call(LINE.phoneNumber, { video: true });
    const { body } = await event(stack, LINE, "message_received");
    const { type, messageId, from, to, phoneNumber, fromMe, isGroup, call, body: text } = body;
    assert.deepEqual({ type, messageId, from, to, phoneNumber, fromMe, isGroup, call, text }, {
      type: "CALL",
      messageId: missed,
      from: `${FRIEND}@c.us`,
      to: `${LINE.phoneNumber}@c.us`,
      phoneNumber: `+${FRIEND}`,
      fromMe: false,
      isGroup: false,
      call: { id: missed, status: "offered", video: true, group: false },
      text: "",
    });
    for (const change of ["preaccept", "timeout", "timeout"] as const) {
      contact.tellOfCall(LINE.phoneNumber, missed, change);
    }
    const taken = contact.call(LINE.phoneNumber, { group: GROUP });
    for (const change of ["accept", "terminate"] as const) {
      contact.tellOfCall(LINE.phoneNumber, taken, change);
    }
    const rejected = contact.call(LINE.phoneNumber);
    contact.tellOfCall(LINE.phoneNumber, rejected, "reject");
    const inGroup = { video: false, group: true, groupId: GROUP };
    for (let count = 1; count < 7; count++) await event(stack, LINE, "message_received");
    await settled(stack, LINE);
    assert.deepEqual(told(stack), [
      { id: missed, status: "offered", video: true, group: false },
      { id: missed, status: "missed", video: true, group: false },
      { id: taken, status: "offered", ...inGroup },
      { id: taken, status: "accepted", ...inGroup },
      { id: taken, status: "ended", ...inGroup },
      { id: rejected, status: "offered", video: false, group: false },
      { id: rejected, status: "rejected", video: false, group: false },
    ]);
    const ids = events(stack, LINE, "message_received").map(({ properties }) => properties.messageId);
    assert.equal(new Set(ids).size, 7);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("A call that came while the worker was away is told, and none without being asked for", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  contact.call(LINE.phoneNumber);
  await contact.sendText(LINE.phoneNumber, "call me");
  await event(stack, LINE, "message_received", { body: "call me" });
  await worker.stop();
  const id = contact.call(LINE.phoneNumber);
  contact.tellOfCall(LINE.phoneNumber, id, "timeout");
  await stack.startWorker({ RECEIVE_INCLUDE: "calls" });
  for (const status of ["offered", "missed"]) {
    const { body } = await event(stack, LINE, "message_received", { messageId: id });
    assert.deepEqual(body.call, { id, status, video: false, group: false });
  }
  const [{ mailbox } = assert.fail()] = stack.standIn.phone(LINE.phoneNumber).companions.values();
  while (mailbox.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
});
