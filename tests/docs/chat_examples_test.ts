import { strict as assert } from "node:assert";
import { IDS, PEOPLE, TEXTS } from "../matrix/examples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { result } from "../sessions/chat_steps.ts";
import { assertNoErrorsLogged, LINE } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import { GROUP } from "./chat_examples.ts";
import { commandExample } from "./messages.ts";
import { CHAT_ACTION_TYPES } from "../../src/contract/messages.ts";

const broker = await sharedBroker();

Deno.test("Every example of what is done in chats is done", async () => {
  await using stack = await startStack({ broker });
  const { standIn, backend } = stack;
  const friend = standIn.contact(PEOPLE.friend);
  const phone = standIn.phone(LINE.phoneNumber);
  standIn.group(GROUP, [friend, phone]);
  await stack.startWorker();
  await pair(stack, LINE);
  await friend.send(LINE.phoneNumber, { conversation: TEXTS.theirs }, IDS.theirs);
  await backend.next(({ body }) => body.messageId === IDS.theirs, { describe: "the friend's message" });
  for (const type of CHAT_ACTION_TYPES) {
    const { body } = await result(stack, await backend.send(commandExample(type)));
    assert.deepEqual([body.type, body.status, body.messageId], [type, "DONE", 123], JSON.stringify(body));
  }
  assertNoErrorsLogged(stack);
});
