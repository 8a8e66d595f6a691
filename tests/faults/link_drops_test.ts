import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { event, FRIEND, LINE, sendText } from "../sessions/steps.ts";

const broker = await sharedBroker();

/** The pauses between attempts grow with every link that breaks soon. */
const TIMEOUT_MS = 30_000;
const DROPS = 3;

Deno.test("Links that break under traffic in both directions lose nothing and show nothing twice", async () => {
  await using stack = await startStack({ broker, environment: { LOG_LEVEL: "info" } });
  const { standIn, backend } = stack;
  const contact = standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);

  const commands: string[] = [];
  const written: string[] = [];
  let drops = 0;
  const traffic = async () => {
    for (let count = 1; drops < DROPS; count++) {
      commands.push(await sendText(stack, LINE, count, `to ${count}`));
      written.push(await contact.sendText(LINE.phoneNumber, `from ${count}`));
      await delay(10);
    }
  };
  const breaking = async () => {
    for (; drops < DROPS; drops++) {
      await event(stack, LINE, "connected");
      await delay(300);
      standIn.faults.dropLinks();
    }
  };
  // `pair()` has taken the first `connected`.
  standIn.faults.dropLinks();
  await Promise.all([traffic(), breaking()]);

  for (const command of commands) {
    await backend.next(
      ({ body, properties }) => body.status === "SENT" && properties.correlationId === command,
      { timeoutMs: TIMEOUT_MS, describe: `SENT for one of ${commands.length}` },
    );
  }
  for (const messageId of written) {
    await backend.next(({ body }) => body.action === "message_received" && body.messageId === messageId, {
      timeoutMs: TIMEOUT_MS,
      describe: `message ${messageId}, one of ${written.length}`,
    });
  }
  const shown = new Set<string | null>();
  while (shown.size < commands.length) shown.add((await contact.next()).text);
  assert.equal(contact.inbox.length, commands.length);
  assert.equal(standIn.clients.length, 1);
});
