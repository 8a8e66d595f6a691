import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { answer, FRIEND, LINE, sendText } from "../sessions/steps.ts";

const broker = await sharedBroker();
const HOUR_MS = 60 * 60_000;

Deno.test("A clock that jumps, either way, stops no send, and what the worker says of itself stays true", async () => {
  await using stack = await startStack({ broker, environment: { LOG_LEVEL: "info" } });
  stack.standIn.contact(FRIEND);
  let offsetMs = 0;
  await stack.startWorker({}, { now: () => Date.now() + offsetMs });
  await pair(stack, LINE);
  for (const [index, jumpMs] of [HOUR_MS, -2 * HOUR_MS, 240 * HOUR_MS, -9_600 * HOUR_MS, 0].entries()) {
    offsetMs = jumpMs;
    await answer(stack, await sendText(stack, LINE, index, `text ${index}`), "DELIVERED");
    const commandId = await stack.backend.command({ action: "status" });
    // That its numbers are what the contract allows is checked at the end of every stack.
    const { body } = await stack.backend.next(({ properties }) => properties.correlationId === commandId);
    assert.equal(body.action, "worker_status");
  }
});
