import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Buffer } from "node:buffer";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";
import { answer, event, FRIEND, LINE, sendText, stateOf } from "./steps.ts";

const broker = await sharedBroker();

/** Everything in the credentials of a database that must never leave it, in every form it might be printed in. */
function secretsIn(file: string): Set<string> {
  const secrets = new Set<string>();
  const add = (bytes: Uint8Array) => {
    if (bytes.length < 16) return;
    const buffer = Buffer.from(bytes);
    for (const encoding of ["base64", "base64url", "hex"] as const) {
      secrets.add(buffer.toString(encoding).replace(/=+$/, ""));
    }
    // Of a Buffer printed by the console or as JSON.
    secrets.add([...buffer.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join(" "));
    secrets.add([...buffer.subarray(0, 8)].join(","));
  };
  const walk = (value: unknown, key: string): void => {
    if (typeof value !== "object" || value === null) {
      // Chains and ratchets of libsignal are base64 texts.
      const isKey = typeof value === "string" && value.length >= 40 && !key.toLowerCase().includes("pub");
      if (isKey) add(Buffer.from(value, "base64"));
    } else if ("type" in value && value.type === "Buffer") {
      if (!key.toLowerCase().startsWith("pub")) {
        add(Buffer.from(String((value as { data?: unknown }).data), "base64"));
      }
    } else for (const [name, inner] of Object.entries(value)) walk(inner, name);
  };
  using database = new DatabaseSync(file, { readOnly: true });
  for (const { value } of database.prepare("SELECT value FROM credential").all()) {
    walk(JSON.parse(String(value)), "");
  }
  return secrets;
}

Deno.test("The log of a whole run at trace level holds no secret and no text of a message", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "a-text-that-went-out"), "DELIVERED");
  await contact.sendText(LINE.phoneNumber, "a-text-that-came-in");
  await event(stack, LINE, "message_received");
  // What makes libsignal print its sessions and Baileys its troubles.
  await contact.forgetSessions();
  await answer(stack, await sendText(stack, LINE, 2, "a-text-sent-again"), "DELIVERED");
  contact.damageNext();
  await contact.sendText(LINE.phoneNumber, "a-text-asked-for-again");
  await event(stack, LINE, "message_received");
  stack.standIn.faults.dropLinks();
  await event(stack, LINE, "disconnected");
  await event(stack, LINE, "connected");
  program.process.kill("SIGTERM");
  assert.equal((await program.process.status).code, 0);

  const log = program.output();
  assert(log.includes("stopped"), "the log is whole");
  const secrets = secretsIn(join(stack.environment.SESSION_DIR!, "worker.db"));
  assert(secrets.size > 3_000, `only ${secrets.size} secrets were looked for`);
  const password = new URL(stack.url).password;
  for (const secret of [...secrets, password, "a-text-", "data:image/png", "privKey", "SessionEntry"]) {
    const at = log.indexOf(secret);
    assert.equal(at, -1, `'${secret}' in: ${log.slice(Math.max(0, at - 300), at + 100)}`);
  }
  for (const line of log.trimEnd().split("\n").map((text) => JSON.parse(text))) {
    assert.equal("numberId" in line, "sessionId" in line, JSON.stringify(line));
    if ("numberId" in line) {
      assert.deepEqual([line.numberId, line.sessionId], ["6", `session_6_+${LINE.phoneNumber}`]);
    }
  }
});

Deno.test("The log at info shows no phone number", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND);
  const program = stack.startProgram({ LOG_LEVEL: "info" });
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  await answer(stack, await sendText(stack, LINE, 1, "hello"), "SENT");
  stack.standIn.phone(LINE.phoneNumber).unlink();
  await event(stack, LINE, "logged_out");
  program.process.kill("SIGINT");
  assert.equal((await program.process.status).code, 0);
  const log = program.output();
  assert(log.includes("session_6_+221"), "sessions are named");
  for (const number of [LINE.phoneNumber, FRIEND]) {
    assert(!log.includes(number), log.slice(log.indexOf(number) - 200, log.indexOf(number) + 50));
  }
});

Deno.test("SIGTERM ends the program when the send in hand is finished, and takes no further one", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  stack.standIn.faults.ackDelayMs = 1_500;
  const inHand = await sendText(stack, LINE, 1, "in hand");
  await sendText(stack, LINE, 2, "not in hand");
  const deadlineMs = Date.now() + 10_000;
  while (stack.standIn.stats.messages === 0 && Date.now() < deadlineMs) await stateOf(stack, LINE);
  program.process.kill("SIGTERM");
  await answer(stack, inHand, "SENT");
  assert.equal((await program.process.status).code, 0, program.output());
  await contact.next();
  assert.deepEqual(contact.inbox.map(({ text }) => text), ["in hand"]);

  stack.standIn.faults.ackDelayMs = 0;
  stack.startProgram();
  assert.equal((await contact.next()).text, "not in hand");
  assert(contact.inbox.every(({ repeats }) => repeats === 0));
});

Deno.test("A second signal ends the program at once", async () => {
  await using stack = await startStack({ broker });
  stack.standIn.contact(FRIEND);
  const program = stack.startProgram();
  await program.printed("the worker is ready");
  await pair(stack, LINE);
  stack.standIn.faults.ackDelayMs = 60_000;
  await sendText(stack, LINE, 1, "never acknowledged");
  const deadlineMs = Date.now() + 10_000;
  while (stack.standIn.stats.messages === 0 && Date.now() < deadlineMs) await stateOf(stack, LINE);
  program.process.kill("SIGTERM");
  await program.printed("stopping");
  const startedAt = performance.now();
  program.process.kill("SIGINT");
  const { code } = await program.process.status;
  assert.notEqual(code, 0);
  assert(performance.now() - startedAt < 2_000);
});
