import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, event, FRIEND, health, LINE, line, pairAll, sendText, stateOf } from "../sessions/steps.ts";
import { startStack } from "../stack.ts";
import { lookOn, NAMES } from "./bridge.ts";

const broker = await sharedBroker();

Deno.test("a number whose sends are not acknowledged, and one that is dead, delay no other", async () => {
  await using stack = await startStack({ broker });
  const [slow, dead, quick] = [LINE, line(7), line(8)];
  stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pairAll(stack, [slow, dead, quick]);
  await using onlooker = await lookOn(stack.url);

  stack.standIn.faults.closeWith(440, dead.phoneNumber);
  await health(stack, dead, "DISCONNECTED", "replaced");
  const waiting = await Promise.all([1, 2].map((id) => sendText(stack, dead, id, "waits")));
  // Without the server's word, and without its contact's, a send stays in hand for MESSAGE_TIMEOUT.
  const mute = stack.standIn.contact("221778888888", { autoDeliver: false });
  stack.standIn.faults.dropAcks = true;
  const unanswered = await stack.backend.send({
    messageId: 1,
    numberId: slow.numberId,
    to: mute.number,
    type: "TEXT",
    content: "is not acknowledged",
  });
  await mute.next();
  stack.standIn.faults.dropAcks = false;
  await sendText(stack, slow, 2, "waits behind it");

  for (let id = 1; id <= 20; id++) await answer(stack, await sendText(stack, quick, id, `${id}`), "SENT");
  assert.equal((await stateOf(stack, dead)).reason, "replaced");
  await stack.backend.command({ action: "close", numberId: quick.numberId });
  await event(stack, quick, "closed");
  const isAnswered = (commandId: string) =>
    stack.backend.received.some(({ properties }) => properties.correlationId === commandId);
  assert.deepEqual([...waiting, unanswered].filter(isAnswered), [], "the others still wait");
  assert.equal(await onlooker.depth(NAMES.number(String(slow.numberId))), 1);
  assert.equal(await onlooker.depth(NAMES.number(String(dead.numberId))), 1);
});
