import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, FRIEND, health, LINE, pairAll, sendText } from "../sessions/steps.ts";
import { startStack } from "../stack.ts";

const broker = await sharedBroker();

/** How long the broker of this test lets a consumer hold a message, and how often it looks. */
const CONSUMER_TIMEOUT_MS = 3_000;
const TICK_MS = 500;

Deno.test("sends wait for their number longer than the broker's consumer_timeout, and keep their order", async () => {
  await using _timeout = await consumerTimeout();
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  await stack.startWorker({}, { sendHoldMs: 1_000 });
  await pairAll(stack, [LINE]);
  stack.standIn.faults.closeWith(440, LINE.phoneNumber);
  await health(stack, LINE, "DISCONNECTED", "replaced");

  const commandIds: string[] = [];
  for (let id = 1; id <= 5; id++) commandIds.push(await sendText(stack, LINE, id, `text ${id}`));
  await new Promise((resolve) => setTimeout(resolve, 3 * CONSUMER_TIMEOUT_MS));
  await stack.backend.command({ action: "reconnect", numberId: LINE.numberId });
  for (const commandId of commandIds) await answer(stack, commandId, "SENT");
  assert.deepEqual(contact.inbox.map(({ text }) => text), ["text 1", "text 2", "text 3", "text 4", "text 5"]);
  assert.deepEqual(stack.logged.filter((line) => /acknowledgement.*timed out/.test(line)), []);
});

/** Sets the shared broker's `consumer_timeout`, which is half an hour otherwise, until it is disposed of. */
async function consumerTimeout(): Promise<AsyncDisposable> {
  const set = (key: string, value: string) =>
    broker.ctl("eval", `application:set_env(rabbit, ${key}, ${value}).`);
  const get = async (key: string) => {
    const said = await broker.ctl("eval", `{ok, V} = application:get_env(rabbit, ${key}), V.`);
    return said.trim();
  };
  const before = [["consumer_timeout", await get("consumer_timeout")], [
    "channel_tick_interval",
    await get("channel_tick_interval"),
  ]] as const;
  await set("consumer_timeout", String(CONSUMER_TIMEOUT_MS));
  await set("channel_tick_interval", String(TICK_MS));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const [key, value] of before) await set(key, value);
    },
  };
}
