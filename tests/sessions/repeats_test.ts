import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { answer, event, FRIEND, LINE, sendText } from "./steps.ts";

const broker = await sharedBroker();
const DAY_MS = 24 * 60 * 60_000;

Deno.test("A send repeated days and restarts later is answered as before, and one that failed goes out under its id", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND);
  const stranger = stack.standIn.contact("221778888888");
  const toStranger = { recipientNumber: `+${stranger.number}` };
  let now = Date.now();
  let worker = await stack.startWorker({}, { now: () => now });
  await pair(stack, LINE);
  const sent = await answer(stack, await sendText(stack, LINE, 1, "sent"), "DELIVERED");
  stack.standIn.faults.refuseSends(463);
  const failedCommand = await sendText(stack, LINE, 2, "failed at first", toStranger);
  assert.equal((await answer(stack, failedCommand, "FAILED")).body.retryable, true);
  stack.standIn.faults.refuseSends(null);

  for (const days of [1, 5.9]) {
    await worker.stop();
    now += days * DAY_MS;
    worker = await stack.startWorker({}, { now: () => now });
    await event(stack, LINE, "connected");
    const again = await answer(stack, await sendText(stack, LINE, 1, "sent"), "DELIVERED");
    assert.equal(again.properties.messageId, sent.properties.messageId);
  }
  assert.equal(stack.standIn.stats.messages, 2);

  const retried = await answer(
    stack,
    await sendText(stack, LINE, 2, "failed at first", toStranger),
    "DELIVERED",
  );
  const shown = [...stack.standIn.contact(FRIEND).inbox, ...stranger.inbox];
  assert.deepEqual(shown.map(({ text, repeats }) => [text, repeats]), [["sent", 0], ["failed at first", 0]]);
  assert.equal(shown[1]?.id, retried.body.whatsappMessageId);
  assert.deepEqual(stack.standIn.stats.messages, 3);
});
