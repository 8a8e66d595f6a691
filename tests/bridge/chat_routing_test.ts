/** How what is to be done in a number's chats finds its way to the number's queue. WhatsApp has no part in it. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { stringifyJson } from "../../src/contract/json.ts";
import { CHAT_ACTION_TYPES } from "../../src/contract/messages.ts";
import type { Backend } from "../backend/backend.ts";
import { openOffice } from "../cli/letters.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { result, results } from "../sessions/chat_steps.ts";
import { FRIEND, LINE, settled } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import { lookOn, NAMES, until } from "./bridge.ts";

const broker = await sharedBroker();
const EVENTS = "whatsapp.worker.events";
const GROUP = "120363000000000001@g.us";

/** One of each, as an action. */
const COMMANDS = CHAT_ACTION_TYPES.map((type) => ({
  action: type.toLowerCase(),
  numberId: 6,
  ...(type === "GROUP_INFO" ? { to: GROUP } : { to: FRIEND, target: "3EB0AAAA" }),
}));

/** Publishes straight to the session queue. @returns the `message_id` */
async function straight(backend: Backend, body: Record<string, unknown>): Promise<string> {
  const messageId = crypto.randomUUID();
  const content = stringifyJson(body);
  await backend.publish({ exchange: "", routingKey: NAMES.sessionUpdate, content, options: { messageId } });
  return messageId;
}

const WIRINGS = [
  ["exchange", { SESSION_WIRING: "exchange" }, "exchange"],
  ["auto", {}, "exchange"],
  ["queue", { QUEUE_SESSION_EVENT: EVENTS }, "straight"],
  ["queue", { QUEUE_SESSION_EVENT: EVENTS }, "exchange"],
] as const;

for (const [wiring, environment, way] of WIRINGS) {
  Deno.test(`${wiring}: an action on the session queue, published ${way}, is answered once`, async () => {
    const names = wiring === "queue" ? { sessionUpdate: EVENTS } : {};
    await using stack = await startStack({ broker, environment, backend: { names } });
    const { backend } = stack;
    await stack.startWorker();
    const commands: string[] = [];
    for (const command of COMMANDS) {
      commands.push(await (way === "straight" ? straight(backend, command) : backend.command(command)));
    }
    for (const command of commands) assert.equal((await result(stack, command)).body.code, "no_session");
    const status = await backend.command({ action: "status" });
    const { body } = await backend.next(({ properties }) => properties.correlationId === status);
    // One of them was the proof, where there had to be one.
    assert.equal(
      (body.data as { broker: Record<string, unknown> }).broker.wiring,
      wiring === "auto" ? "exchange" : wiring,
    );
    assert.equal(results(stack).length, commands.length);
    await using onlooker = await lookOn(stack.url);
    assert.equal(await onlooker.depth(NAMES.deadLetter), 0);
  });
}

Deno.test("an action goes to the worker that has the number, whichever it names", async () => {
  await using stack = await startStack({ broker });
  const { backend, standIn } = stack;
  const friend = standIn.contact(FRIEND);
  await stack.startWorker();
  await stack.startWorker({ WORKER_ID: "worker-2", SESSION_DIR: join(stack.folder, "second") });
  await backend.command({ action: "create", numberId: 6, phoneNumber: LINE.phoneNumber, workerId: 2 });
  await backend.next(({ body }) => body.action === "qr_generated");
  await pair(stack, LINE);
  for (const workerId of ["worker-1", 2, "worker-9", undefined]) {
    const command = {
      action: "typing",
      numberId: 6,
      to: FRIEND,
      ...(workerId !== undefined && { workerId }),
    };
    const { body } = await result(stack, await backend.command(command));
    assert.deepEqual([body.workerId, body.status], ["worker-2", "DONE"]);
    await friend.chatState();
  }
});

Deno.test("an action that has expired before it was read is answered as expired", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker();
  const expiresAt = "2020-01-01T00:00:00Z";
  const nobodys = await backend.command({ action: "group_list", numberId: 6, expiresAt });
  assert.equal((await result(stack, nobodys)).body.code, "expired");
  await pair(stack, LINE);
  const somebodys = await backend.command({ action: "group_list", numberId: 6, expiresAt });
  const { body } = await result(stack, somebodys);
  assert.deepEqual([body.code, body.sessionId], ["expired", "session_6_+221771234567"]);
});

Deno.test("an action among the dead letters is carried out once it is sent back, wherever it died", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  await using office = await openOffice(broker, { url: stack.url });
  const queues = [NAMES.number("6"), NAMES.sessionCommand, NAMES.sessionUpdate, NAMES.inbox("worker-1")];
  await office.put(...queues.map((queue, index) => ({
    queue,
    content: JSON.stringify({ action: "TYPING", messageId: index, numberId: 6, to: FRIEND }),
    properties: { messageId: `letter-${index}` },
  })));
  assert.deepEqual(
    (await office.list()).letters.map(({ subject }) => subject),
    queues.map((_, messageId) => ({ type: "TYPING", numberId: 6, messageId })),
  );
  const { code, stderr } = await office.run("dead-letters", "requeue", "--all");
  assert.equal(code, 0, stderr);
  for (const index of queues.keys()) {
    const { body } = await result(stack, `letter-${index}`);
    assert.deepEqual([body.status, body.messageId], ["DONE", index]);
  }
});

Deno.test("an answer that turns up among commands is dropped, and never answered", async () => {
  await using stack = await startStack({
    broker,
    environment: { QUEUE_SESSION_EVENT: EVENTS },
    backend: {
      names: { sessionUpdate: EVENTS },
    },
  });
  const { backend } = stack;
  await stack.startWorker();
  const { body } = await result(stack, await backend.send({ numberId: 6, type: "GROUP_LIST" }));
  await straight(backend, body);
  await settled(stack, LINE);
  await using onlooker = await lookOn(stack.url);
  await until(async () => await onlooker.depth(NAMES.sessionUpdate) === 0, { describe: "an empty queue" });
  assert.equal(results(stack).length, 1);
  assert.equal(await onlooker.depth(NAMES.deadLetter), 0);
});
