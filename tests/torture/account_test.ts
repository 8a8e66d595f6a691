/** The account is only worth what it finds: each of these plants one hole in a clean torture. */

import { strict as assert } from "node:assert";
import type { MessageProperties } from "amqplib";
import type { Received } from "../backend/backend.ts";
import { accountFor } from "./account.ts";
import type { CommandFact, Facts, InboundFact, SendFact, ShownFact } from "./facts.ts";
import { outOfPlace } from "./order.ts";
import { makeSchedule } from "./schedule.ts";

const { cast } = makeSchedule({ seed: "account", durationMs: 60_000 });
const CONTACT = cast.contacts[0]!;
const T0 = 1_700_000_000_000;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
type Planted = Mutable<Facts> & {
  sends: Map<number, SendFact>;
  inbound: InboundFact[];
  commands: CommandFact[];
  received: Received[];
  shown: ShownFact[];
};

function send(messageId: number): SendFact {
  const command = {
    amqpId: `amqp-${messageId}`,
    body: {},
    attemptsAtMs: [T0 + messageId],
    confirmedAtMs: T0 + messageId + 1,
  };
  const step = {
    kind: "send",
    messageId,
    numberId: 1,
    contact: CONTACT,
    expiresInMs: undefined,
    resend: false,
  } as const;
  return { step, text: `s-${messageId}`, expiresAtMs: undefined, commands: [command] };
}

function event(
  type: string,
  body: Record<string, unknown>,
  properties: { messageId: string; correlationId?: string },
): Received {
  const whole = { action: type, workerId: "worker-1", timestamp: T0, ...body };
  return {
    queue: "whatsapp.message.receive",
    body: whole,
    text: JSON.stringify(whole),
    properties: {
      type,
      appId: "whatsapp-worker",
      deliveryMode: 2,
      headers: { "x-worker-id": "worker-1" },
      ...properties,
    } as unknown as MessageProperties,
    redelivered: false,
    at: T0,
  };
}

function status(messageId: number, word: string, fields: Record<string, unknown> = {}): Received {
  const outcome = word === "FAILED"
    ? { error: "It has failed", code: "unconfirmed", retryable: true }
    : { whatsappMessageId: `3EB${messageId}` };
  return event(
    "message_status",
    { messageId, numberId: 1, status: word, ...outcome, ...fields },
    { messageId: `${word}-${messageId}`, correlationId: `amqp-${messageId}` },
  );
}

function shown(messageId: number, place: number, fields: Partial<ShownFact> = {}): ShownFact {
  return {
    contact: CONTACT,
    whatsappId: `3EB${messageId}`,
    from: "221770000001@s.whatsapp.net",
    text: `s-${messageId}`,
    atMs: T0,
    place,
    repeats: 0,
    ...fields,
  };
}

function written(n: number): InboundFact {
  const step = { kind: "inbound", n, numberId: 1, contact: CONTACT } as const;
  return { step, text: `i-${n}`, atMs: T0 + n, whatsappId: `3A${n}` };
}

function receivedMessage(
  n: number,
  fields: Record<string, unknown> = {},
  messageId = `event-${n}`,
): Received {
  return event("message_received", {
    sessionId: "session_1_+221770000001",
    numberId: 1,
    messageId: `3A${n}`,
    from: `${CONTACT}@c.us`,
    to: "221770000001@c.us",
    body: `i-${n}`,
    timestamp: T0 / 1_000,
    type: "TEXT",
    fromMe: false,
    pushName: null,
    phoneNumber: `+${CONTACT}`,
    lid: null,
    isGroup: false,
    quoted: null,
    media: null,
    receivedAt: T0,
    ...fields,
  }, { messageId });
}

function workerStatus(workerId: string, data: Record<string, unknown> = {}): Received {
  return event("worker_status", {
    workerId,
    timestamp: T0 + 1,
    data: {
      workerId,
      name: workerId,
      version: "1",
      totalSessions: 10,
      connectedSessions: 10,
      disconnectedSessions: 0,
      uptime: 1,
      memory: {},
      outbox: { depth: 0, oldestAgeMs: null },
      broker: { state: "connected", reader: workerId === "worker-1" },
      whatsapp: { version: null },
      unhandledFaults: 0,
      ...data,
    },
  }, { messageId: `status-${workerId}` });
}

/** Two messages out, two in, one command, three workers at rest. */
function clean(): Planted {
  const command: CommandFact = {
    step: { kind: "command", n: 1, action: "status", numberId: 1, to: "nobody" },
    command: { amqpId: "amqp-c", body: {}, attemptsAtMs: [T0], confirmedAtMs: T0 },
  };
  return {
    cast,
    sends: new Map([1, 2].map((id) => [id, send(id)])),
    inbound: [written(1), written(2)],
    commands: [command],
    received: [
      status(1, "SENT"),
      status(2, "SENT"),
      status(1, "DELIVERED"),
      status(1, "SENT"),
      receivedMessage(1),
      receivedMessage(2),
      receivedMessage(1),
      event(
        "session_status",
        { numberId: 1, sessionId: "session_1_+221770000001", status: "HEALTHY", state: "connected" },
        { messageId: "event-c", correlationId: "amqp-c" },
      ),
      ...cast.workers.map((worker) => workerStatus(worker)),
    ],
    shown: [shown(1, 0, { repeats: 1 }), shown(2, 1)],
    faults: [],
    exits: [],
    calmSinceMs: T0,
    left: [],
    askedAgain: 0,
    violations: [],
  };
}

function without(facts: Planted, fits: (received: Received) => boolean): void {
  facts.received = facts.received.filter((received) => !fits(received));
}

Deno.test("accountFor() finds nothing in a clean torture, repeats and all", () => {
  assert.deepEqual(accountFor(clean()).holes, []);
});

const PLANTS: Readonly<Record<string, (facts: Planted) => void>> = {
  send_unanswered: (facts) => without(facts, ({ body }) => body.messageId === 2),
  send_not_published: ({ sends }) => delete sends.get(2)!.commands[0]!.confirmedAtMs,
  sent_not_shown: (facts) => facts.shown.pop(),
  sent_twice: ({ shown: all }) => all.push(shown(2, 2, { whatsappId: "3EBother" })),
  sent_astray: ({ shown: all }) => all[1] = shown(2, 1, { contact: cast.contacts[1]! }),
  failed_for_good: ({ received, shown: all }) => {
    received[1] = status(2, "FAILED", { retryable: false });
    all.pop();
  },
  failed_without_cause: ({ received, shown: all }) => {
    received[1] = status(2, "FAILED", { code: "expired" });
    all.pop();
  },
  failed_but_shown: ({ received }) => received[1] = status(2, "FAILED", { code: "not_sent" }),
  status_backwards: ({ received }) => received.push(status(2, "FAILED")),
  repeat_differs: ({ received }) => received.push(status(2, "SENT", { timestamp: T0 + 5 })),
  status_invented: ({ received }) => received.push(status(3, "SENT")),
  shown_out_of_order: (facts) => facts.shown = [shown(2, 0), shown(1, 1)],
  inbound_lost: (facts) => without(facts, ({ body }) => body.messageId === "3A2"),
  inbound_not_sent: ({ inbound, received }) => {
    delete inbound[1]!.whatsappId;
    received.splice(5, 1);
  },
  inbound_twice: ({ received }) => received.push(receivedMessage(2, {}, "event-other")),
  inbound_wrong: ({ received }) => received[5] = receivedMessage(2, { body: "i-1" }),
  inbound_invented: ({ received }) => received.push(receivedMessage(3)),
  received_out_of_order: ({ received }) => {
    [received[4], received[5]] = [received[5]!, received[4]!];
    received.splice(6, 1);
  },
  command_unanswered: (facts) => without(facts, ({ body }) => body.action === "session_status"),
  command_not_published: ({ commands }) => delete commands[0]!.command.confirmedAtMs,
  command_refused: ({ received }) =>
    received[7] = event("session_status", { numberId: 1, status: "NOT_FOUND" }, {
      messageId: "event-c",
      correlationId: "amqp-c",
    }),
  event_invalid: ({ received }) => delete received[4]!.body.sessionId,
  worker_silent: (facts) => facts.calmSinceMs = T0 + 2,
  worker_not_ready: ({ received }) =>
    received.push(workerStatus("worker-2", { connectedSessions: 9, disconnectedSessions: 1 })),
  sessions_lost: ({ received }) =>
    received.push(workerStatus("worker-2", { connectedSessions: 9, totalSessions: 9 })),
  readers: ({ received }) =>
    received.push(workerStatus("worker-2", { broker: { state: "connected", reader: true } })),
  unhandled_fault: ({ received }) => received.push(workerStatus("worker-2", { unhandledFaults: 1 })),
  worker_crashed: (facts) =>
    facts.exits = [{ worker: "worker-1", atMs: T0, code: 70, cause: undefined, late: false }],
  worker_hangs: (facts) =>
    facts.exits = [{ worker: "worker-1", atMs: T0, code: 137, cause: "terminate", late: true }],
  session_ended: ({ received }) =>
    received.push(event(
      "logged_out",
      { numberId: 1, sessionId: "session_1_+221770000001", reason: "device_removed", code: 401 },
      { messageId: "out" },
    )),
  session_error: ({ received }) =>
    received.push(event("error", { code: "lease_lost", error: "It went" }, { messageId: "error" })),
  two_sockets: ({ received }) =>
    received.push(event(
      "disconnected",
      {
        numberId: 1,
        sessionId: "session_1_+221770000001",
        code: 440,
        reason: "replaced",
        willReconnect: true,
      },
      { messageId: "replaced" },
    )),
  dead_letter: (facts) => facts.left = [{ queue: "whatsapp.dead-letter", text: "{}", headers: {} }],
  left_in_queue: (facts) => facts.left = [{ queue: "whatsapp.number.1", text: "{}", headers: {} }],
  protocol_violated: (facts) => facts.violations = ["A stanza without an id"],
};

for (const [kind, plant] of Object.entries(PLANTS)) {
  Deno.test(`accountFor() finds ${kind}`, () => {
    const facts = clean();
    plant(facts);
    const kinds = accountFor(facts).holes.map((hole) => hole.kind);
    assert.ok(kinds.includes(kind), `found: ${kinds.join(", ") || "nothing"}`);
  });
}

Deno.test("accountFor() lets a message that failed and was sent again leave the order", () => {
  const facts = clean();
  facts.received.unshift(status(1, "FAILED"));
  facts.shown = [shown(2, 0), shown(1, 1)];
  assert.deepEqual(accountFor(facts).holes, []);
});

Deno.test("accountFor() lets an unconfirmed message be shown", () => {
  const facts = clean();
  facts.received[1] = status(2, "FAILED");
  assert.deepEqual(accountFor(facts).holes, []);
});

Deno.test("outOfPlace() names the fewest that make the rest in order", () => {
  assert.deepEqual(outOfPlace([]), []);
  assert.deepEqual(outOfPlace([3, 5, 9]), []);
  assert.deepEqual(outOfPlace([2, 3, 4, 1]), [3]);
  assert.deepEqual(outOfPlace([9, 1, 2, 3]), [0]);
  assert.deepEqual(outOfPlace([1, 5, 2, 3, 4]), [1]);
});
