import { strict as assert } from "node:assert";
import { lookOn, NAMES, timed, until } from "../bridge/bridge.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { act, done, result, results } from "./chat_steps.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, sendText, settled } from "./steps.ts";

const broker = await sharedBroker();

/** One of each, complete. */
const EVERYTHING = {
  READ: { to: FRIEND, target: "3EB0AAAA" },
  TYPING: { to: FRIEND },
  RECORDING: { to: FRIEND },
  PAUSED: { to: FRIEND },
  CHECK_NUMBER: { phoneNumber: FRIEND },
  GROUP_LIST: {},
  GROUP_INFO: { to: "120363000000000001@g.us" },
};

Deno.test("Whatever is to be done for a number that nobody has is answered at once", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker();
  for (const [type, fields] of Object.entries(EVERYTHING)) {
    const bySend = await act(stack, type, { messageId: "m-1", ...fields });
    const byCommand = await backend.command({
      action: type.toLowerCase(),
      numberId: LINE.numberId,
      ...fields,
    });
    const { body } = await result(stack, bySend);
    assert.deepEqual(
      [body.type, body.status, body.code, body.retryable, body.messageId, body.sessionId],
      [type, "FAILED", "no_session", true, "m-1", undefined],
    );
    assert.equal((await result(stack, byCommand)).body.code, "no_session");
  }
  assertNoErrorsLogged(stack);
});

Deno.test("What is to be done for a number that is not connected fails after a while, all of it together", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker({}, { chatActions: { patienceMs: 3_000 } });
  await pair(stack, LINE);
  await backend.command({ action: "close", numberId: LINE.numberId });
  await event(stack, LINE, "closed");
  const expiring = await act(stack, "TYPING", { to: FRIEND, expiresAt: Date.now() + 300 });
  assert.deepEqual([(await result(stack, expiring)).body.code], ["expired"]);
  const commands: string[] = [];
  for (const [type, fields] of Object.entries(EVERYTHING)) commands.push(await act(stack, type, fields));
  const tookMs = await timed(
    Promise.all(commands.map(async (command) => {
      const { body } = await result(stack, command);
      assert.deepEqual([body.status, body.code, body.retryable], ["FAILED", "not_connected", true]);
    })),
  );
  // One after the other they would have taken seven times as long.
  assert.ok(tookMs > 2_000 && tookMs < 9_000, `${tookMs} ms`);
  await settled(stack, LINE);
  assert.equal(results(stack).length, commands.length + 1);
});

Deno.test("What is to be done waits for a link that was lost", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  standIn.faults.unanswered = "usync";
  const commandId = await act(stack, "CHECK_NUMBER", { phoneNumber: FRIEND });
  await until(() => standIn.stats.unanswered === 1, { describe: "the question" });
  standIn.faults.clear();
  standIn.faults.dropLinks();
  assert.equal((await result(stack, commandId)).body.status, "DONE");
  await event(stack, LINE, "disconnected");
  assert.equal(results(stack).length, 1);
});

Deno.test("A question that WhatsApp does not answer is given up soon, and what is behind it goes on", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  standIn.contact(FRIEND);
  await stack.startWorker({}, { chatActions: { answerMs: 500, longAnswerMs: 500 } });
  await pair(stack, LINE);
  const namespaces = [["CHECK_NUMBER", "usync"], ["GROUP_INFO", "w:g2"], ["GROUP_LIST", "w:g2"], [
    "READ",
    "privacy",
  ]] as const;
  for (const [type, namespace] of namespaces) {
    standIn.faults.unanswered = namespace;
    const commandId = await act(stack, type, EVERYTHING[type]);
    const typing = await act(stack, "TYPING", { to: FRIEND });
    const { body } = await result(stack, commandId, 3_000);
    assert.deepEqual([body.status, body.code, body.retryable], ["FAILED", "timeout", true], type);
    assert.equal((await result(stack, typing)).body.status, "DONE");
    standIn.faults.clear();
    const again = await done(stack, type, EVERYTHING[type]);
    assert.equal(again.status, type === "GROUP_INFO" ? "FAILED" : "DONE");
    assert.equal(again.code, type === "GROUP_INFO" ? "group_not_found" : undefined);
  }
  assertNoErrorsLogged(stack);
});

Deno.test("A command that makes no sense is refused as a message would be, with the field at fault", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker();
  await using onlooker = await lookOn(stack.url);
  const cases = [
    [{ action: "check_number", numberId: 6, phoneNumber: "x" }, "'phoneNumber' must be a phone number"],
    [{ action: "read", numberId: 6, to: FRIEND }, "'targets' is missing"],
    [{ action: "group_info", data: { numberId: 6, to: FRIEND } }, "'data.to' must be a group's"],
    [{ action: "typing", numberId: "a", to: FRIEND }, "'numberId' must be a whole number"],
  ] as const;
  for (const [body, says] of cases) {
    const commandId = await backend.command(body);
    const refused = await backend.next(({ properties }) => properties.correlationId === commandId);
    assert.equal(refused.body.action, "error");
    assert.equal(refused.body.code, "invalid_command");
    assert.ok(String(refused.body.error).includes(says), String(refused.body.error));
    const dead = await onlooker.take(NAMES.deadLetter);
    assert.equal(dead.properties.headers?.["x-dead-reason"], "invalid_command");
  }
  const commandId = await act(stack, "CHECK_NUMBER", { messageId: 5, phoneNumber: "1" });
  const { body } = await answer(stack, commandId, "FAILED");
  assert.deepEqual([body.action, body.messageId, body.field], ["message_status", 5, "phoneNumber"]);
});

Deno.test("What was to be done as the worker was killed is done when it is back, and answered once", async () => {
  await using stack = await startStack({ broker });
  const { standIn } = stack;
  standIn.contact(FRIEND);
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  standIn.faults.unanswered = "usync";
  const commandId = await act(stack, "CHECK_NUMBER", { phoneNumber: FRIEND });
  const behind = await act(stack, "TYPING", { to: FRIEND });
  await until(() => standIn.stats.unanswered > 0, { describe: "the question" });
  program.process.kill("SIGKILL");
  await program.process.status;
  standIn.faults.clear();
  await stack.startProgram().printed("connected to WhatsApp");
  const { body } = await result(stack, commandId, 20_000);
  assert.equal(body.status, "DONE");
  assert.equal((await result(stack, behind)).body.status, "DONE");
  await answer(stack, await sendText(stack, LINE, 1, "and on"), "SENT");
  await settled(stack, LINE);
  assert.equal(results(stack).length, 2);
});
