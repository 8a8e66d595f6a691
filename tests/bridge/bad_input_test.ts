import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { startStack } from "../stack.ts";
import { lookOn, NAMES } from "./bridge.ts";

const broker = await sharedBroker();

interface BadInput {
  readonly what: string;
  /** Where the backend's exchange brings it. @default whatsapp.session.command */
  readonly to?: string;
  readonly content: string | Uint8Array;
  readonly code: string;
  /** The field that the answer names. */
  readonly field?: string;
  /** What its sentence says. */
  readonly error: RegExp;
}

const create = (fields: Record<string, unknown>) =>
  JSON.stringify({ action: "create", numberId: 6, phoneNumber: "+221771234567", ...fields });
const send = (fields: Record<string, unknown>) =>
  JSON.stringify({
    whatsappNumberId: 6,
    recipientNumber: "+221779999999",
    content: "x",
    type: "TEXT",
    ...fields,
  });

const BAD: readonly BadInput[] = [
  { what: "malformed JSON", content: '{"action":"create",', code: "malformed_json", error: /position 19/ },
  { what: "text", content: "create 6", code: "malformed_json", error: /not JSON/ },
  { what: "an empty body", content: "", code: "empty_body", error: /empty/ },
  { what: "blanks", content: " \n ", code: "empty_body", error: /empty/ },
  { what: "bytes", content: Buffer.from([0xff, 0xfe, 0x00]), code: "invalid_utf8", error: /UTF-8/ },
  { what: "10 MB", content: `"${"x".repeat(10 * 1024 * 1024)}"`, code: "too_large", error: /10485762 bytes/ },
  { what: "deep nesting", content: "[".repeat(100_000), code: "malformed_json", error: /nested/ },
  { what: "a list", content: "[1,2]", code: "invalid_command", error: /object/ },
  { what: "null", content: "null", code: "invalid_command", error: /object/ },
  {
    what: "no action",
    content: "{}",
    code: "invalid_command",
    field: "action",
    error: /'action' is missing/,
  },
  {
    what: "a number as action",
    content: '{"action":1}',
    code: "invalid_command",
    field: "action",
    error: /'action'/,
  },
  {
    what: "an unknown action",
    content: '{"action":"explode"}',
    code: "unknown_action",
    field: "action",
    error: /explode/,
  },
  {
    what: "data that is no object",
    content: create({ data: "x" }),
    code: "invalid_command",
    field: "data",
    error: /'data'/,
  },
  {
    what: "no number",
    content: '{"action":"close"}',
    code: "invalid_command",
    field: "numberId",
    error: /'numberId'/,
  },
  {
    what: "a path as phone number",
    content: create({ phoneNumber: "../../etc/passwd" }),
    code: "invalid_command",
    field: "phoneNumber",
    error: /'phoneNumber' must be a phone number.*passwd/,
  },
  {
    what: "a line break as phone number",
    content: create({ phoneNumber: '7\n{"level":"fatal"}' }),
    code: "invalid_command",
    field: "phoneNumber",
    error: /^[^\n]*$/,
  },
  ...["-1", "1.5", "1e400", "99999999999999999999999", '"6 OR 1=1"', "true", "[6]", '{"$gt":0}'].map((
    numberId,
  ) => ({
    what: `numberId ${numberId}`,
    content: `{"action":"close","numberId":${numberId}}`,
    code: "invalid_command",
    field: "numberId",
    error: /'numberId' must be a whole number/,
  })),
  {
    what: "a worker id with a routing key in it",
    content: create({ workerId: "*.#" }),
    code: "invalid_command",
    field: "workerId",
    error: /'workerId'/,
  },
  {
    what: "a health request without a number",
    to: NAMES.healthCommand,
    content: '{"action":"health_check"}',
    code: "invalid_command",
    field: "numberId",
    error: /'numberId' is missing/,
  },
  {
    what: "a session command among health requests",
    to: NAMES.healthCommand,
    content: create({}),
    code: "unknown_action",
    field: "action",
    error: /health_check/,
  },
  {
    what: "a send without a recipient",
    to: NAMES.messageSend,
    content: send({ recipientNumber: null }),
    code: "invalid_command",
    field: "recipientNumber",
    error: /'recipientNumber' is missing/,
  },
  {
    what: "an empty send",
    to: NAMES.messageSend,
    content: send({ content: "" }),
    code: "invalid_command",
    field: "content",
    error: /'content'/,
  },
  { what: "a malformed send", to: NAMES.messageSend, content: "{", code: "malformed_json", error: /JSON/ },
];

Deno.test("every bad message is answered, kept with its reason, and survived", async (t) => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker();
  await using onlooker = await lookOn(stack.url);

  for (const { what, to = NAMES.sessionCommand, content, code, field, error } of BAD) {
    await t.step(what, async () => {
      const id = crypto.randomUUID();
      await backend.publish({
        // Straight to the queue: through the exchange the backend would get a copy of each, as a bad event.
        exchange: "",
        routingKey: to,
        content,
        options: { contentType: "text/plain", messageId: id, headers: { __TypeId__: "java.lang.String" } },
      });
      const { queue, body, properties } = await backend.next(
        ({ properties }) => properties.correlationId === id,
        { describe: `an answer to ${what}` },
      );
      assert.equal(queue, "whatsapp.session.update");
      assert.equal(body.action, "error");
      assert.equal(body.code, code);
      assert.equal(body.field, field);
      assert.match(String(body.error), error);
      assert.ok(String(body.error).length < 1_000, "the answer does not repeat what it was sent");
      assert.equal(properties.type, "error");

      const dead = await onlooker.take(NAMES.deadLetter);
      assert.ok(Buffer.from(content as string).equals(dead.content), "every byte is kept");
      assert.equal(dead.properties.messageId, id);
      assert.equal(dead.properties.headers?.["x-dead-reason"], code);
      assert.equal(dead.properties.headers?.["x-dead-queue"], to);
      assert.equal(dead.properties.headers?.["x-dead-worker"], "worker-1");
      assert.equal(dead.properties.headers?.["__TypeId__"], "java.lang.String");
    });
  }

  const commandId = await backend.command({ action: "status" });
  const { body } = await backend.next(({ properties }) => properties.correlationId === commandId);
  const data = body.data as { unhandledFaults: number; totalSessions: number };
  assert.equal(data.unhandledFaults, 0);
  assert.equal(data.totalSessions, 0);
  for (const line of stack.logged) {
    assert.equal(line.trimEnd().split("\n").length, 1, "one line of log a line");
  }
});

Deno.test("a bad message without any id is answered without a correlation", async () => {
  await using stack = await startStack({ broker });
  await stack.startWorker();
  await stack.backend.publish({ exchange: "", routingKey: "whatsapp.session.command", content: "x" });
  const { body, properties } = await stack.backend.next(({ body }) => body.action === "error");
  assert.equal(body.code, "malformed_json");
  assert.equal(properties.correlationId, undefined);
});

Deno.test("an event on a command queue is dropped and never answered", async () => {
  await using stack = await startStack({ broker });
  const { backend } = stack;
  await stack.startWorker();
  await backend.publish({
    exchange: "",
    routingKey: NAMES.sessionCommand,
    content: '{"action":"connected","numberId":6,"workerId":"worker-7"}',
    options: { messageId: "stray" },
  });
  const commandId = await backend.command({ action: "status" });
  await backend.next(({ properties }) => properties.correlationId === commandId);
  await using onlooker = await lookOn(stack.url);
  assert.equal(await onlooker.depth(NAMES.deadLetter), 0);
  assert.ok(!backend.received.some(({ properties }) => properties.correlationId === "stray"));
});
