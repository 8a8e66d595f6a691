import assert from "node:assert/strict";
import { eventType, isEvent, isEventAction, sessionEvent } from "../../src/contract/events.ts";
import { readSessionCommand } from "../../src/contract/commands.ts";

Deno.test("isEventAction() knows events and leaves commands alone", () => {
  for (
    const action of ["connected", "error", "closed", "worker_status", "message_received", "number_health"]
  ) {
    assert(isEventAction(action), action);
  }
  for (const action of ["create", "close", "status", "health_check", "pairing_code", "constructor", ""]) {
    assert(!isEventAction(action), action);
  }
});

Deno.test("isEvent() tells the pairing_code that answers from the one that asks", () => {
  const command = { action: "pairing_code", numberId: 6, phoneNumber: "+221771234567" };
  assert(readSessionCommand(command).ok);
  assert(!isEvent(command));
  assert(isEvent({ ...command, pairingCode: "ABCD1234" }));
});

Deno.test("isEvent() knows the worker's reports that carry no action", () => {
  assert(isEvent({ numberId: 1, status: "NOT_FOUND", workerId: "worker-1" }));
  assert(isEvent({ messageId: 1, status: "SENT" }));
  assert(isEvent({ messageId: "3EB0", from: "2250701020304@c.us", body: "Hello!" }));
  assert(!isEvent({ action: "health_check", numberId: 1 }));
  assert(!isEvent({ numberId: 1, status: "ACTIVE" }));
  assert(!isEvent({}));
  assert(!isEvent(JSON.parse('{"__proto__":{"action":"connected"}}')));
});

Deno.test("eventType() is the action, or the kind of what has none", () => {
  assert.equal(eventType({ action: "connected", status: "SENT" }), "connected");
  assert.equal(eventType({ status: "HEALTHY" }), "number_health");
  assert.equal(eventType({ status: "FAILED" }), "message_status");
  assert.equal(eventType({ from: "2250701020304@c.us", body: "" }), "message_received");
  assert.equal(eventType({ action: 5 }), "");
});

Deno.test("sessionEvent keeps fields on top of the contract's", () => {
  const event = { action: "closed", workerId: "worker-1", numberId: 6, sessionId: "session_6_+221771234567" };
  const timed = { ...event, reason: "requested", timestamp: 1733396405000, attempts: [1, { two: 2 }] };
  assert.deepEqual(sessionEvent.parse(timed), timed);
});
