import { strict as assert } from "node:assert";
import { NAMES, queueExists, until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, Program, startStack } from "../stack.ts";
import { answer, event, events, FRIEND, LINE, sendText, settled } from "./steps.ts";

const broker = await sharedBroker();

Deno.test("What 'worker session delete' forgot is gone from the broker after the next start, and can be paired anew", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND);
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  await worker.stop();
  const waiting = await sendText(stack, LINE, 1, "waits for its number");

  const program = new Program(stack.environment, stack.folder, [], ["session", "delete", "6", "--yes"]);
  assert.equal((await program.process.status).code, 0, program.output());
  await program.end();
  assert.equal(await queueExists(broker, stack.url, NAMES.number("6")), true);

  await stack.startWorker();
  assert.equal((await event(stack, LINE, "logged_out")).body.reason, "deleted");
  assert.equal((await answer(stack, waiting, "FAILED")).body.code, "no_session");
  await settled(stack, LINE);
  await until(
    async () => !(await queueExists(broker, stack.url, NAMES.number("6"))),
    { describe: "the number's queue is gone" },
  );
  assert.deepEqual(events(stack, LINE, "qr_generated").length, 1);
  assert.equal((await pair(stack, LINE)).body.jid, "221771234567:2@s.whatsapp.net");
});
