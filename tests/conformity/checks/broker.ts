/** Checks of how worker and backend talk to each other. */

import type { Received } from "../../backend/backend.ts";
import { assertContract } from "../../stack.ts";
import { during, expect, find, known, type Observations } from "../observations.ts";

/** Queue and key through which a command reaches the workers: their own copy of what goes through the exchange. */
const COMMAND_QUEUE = "whatsapp.session.command";

export function sendsAreTaken(seen: Observations): string {
  const consumer = known(seen.consumers, "the broker's consumers").find(({ queue }) =>
    queue === "whatsapp.message.send"
  );
  expect(consumer, "Nobody consumes whatsapp.message.send");
  const { text, count } = known(seen.delivered, "a message at its contact");
  expect(text === "Bonjour !" && count === 1, `The contact got ${count} messages, the last was '${text}'`);
  const statuses = during(seen, "send").filter(({ properties }) => properties.type === "message_status")
    .map(({ body }) => body.status).join(" ");
  expect(statuses === "SENT DELIVERED READ", `The statuses were: ${statuses}`);
  return `TEXT published on whatsapp.message.send reached its contact once: ${statuses}`;
}

export function repliesArrive(seen: Observations): string {
  const reply = find(during(seen, "reply"), "received message", ({ body }) => body === "Bien reçu");
  return onQueue(reply, "whatsapp.message.receive");
}

export function healthArrives(seen: Observations): string {
  return onQueue(
    find(during(seen, "scan"), "HEALTHY", ({ status }) => status === "HEALTHY"),
    "whatsapp.number.health",
  );
}

export function sessionEventsArrive(seen: Observations): string {
  return onQueue(
    find(during(seen, "scan"), "connected", ({ action }) => action === "connected"),
    "whatsapp.session.update",
  );
}

export function queuesAreNamed(seen: Observations): string {
  const queues = known(seen.queues, "the broker's queues");
  const { settings } = known(seen.recommended, "the recommended .env, loaded");
  const names = [
    settings.QUEUE_MESSAGE_SEND,
    settings.QUEUE_MESSAGE_RECEIVE,
    settings.QUEUE_NUMBER_HEALTH,
    settings.QUEUE_SESSION_UPDATE,
  ];
  for (const name of names) expect(queues.has(name), `The broker has no queue '${name}'`);
  const used = new Set(seen.events.map(({ queue }) => queue));
  for (const name of names.slice(1)) expect(used.has(name), `Nothing came on '${name}'`);
  return names.join(", ");
}

export function sharesTheBroker(seen: Observations): string {
  const names = known(seen.connections, "the broker's connections");
  expect(names.includes("whatsapp-worker worker-1"), `worker-1 is not among: ${names.join(", ")}`);
  expect(names.some((name) => !name.startsWith("whatsapp-worker")), "The backend is not on this broker");
  const { settings } = known(seen.recommended, "the recommended .env, loaded");
  expect(
    settings.RABBITMQ_URL === "amqp://guest:guest@broker.example.com:5672",
    "The document's RABBITMQ_URL is read as another one",
  );
  return `one vhost holds the backend's connection and 'whatsapp-worker worker-1'; the document's URL is accepted`;
}

export function comesBackToTheBroker(seen: Observations): string {
  const after = during(seen, "broker lost");
  const health = find(
    after,
    "HEALTHY as an answer",
    ({ status }, { properties }) => status === "HEALTHY" && properties.correlationId !== undefined,
  );
  const status = find(after, "session_status", ({ action }) => action === "session_status");
  expect(!after.some(({ body }) => body.action === "disconnected"), "The WhatsApp session went down with it");
  return `close_all_connections, then health_check was answered ${health.body.status} and status ` +
    `${status.body.status}; the WhatsApp session stayed up`;
}

export function takesOneAtATime(seen: Observations): string {
  const consumers = known(seen.consumers, "the broker's consumers");
  const acting = ["whatsapp.worker.worker-1.inbox", "whatsapp.number.6"].map((queue) => {
    const consumer = consumers.find((one) => one.queue === queue);
    expect(consumer, `Nobody consumes ${queue}`);
    expect(consumer.prefetch === 1, `${queue} is consumed with prefetch ${consumer.prefetch}`);
    expect(consumer.ackRequired, `${queue} is consumed without acknowledgements`);
    return queue;
  });
  return `rabbitmqctl list_consumers: prefetch 1 with acks on ${acting.join(" and ")}`;
}

export function messagesArePersistent(seen: Observations): string {
  expect(seen.events.length > 0, "Nothing was received");
  const volatile = seen.events.filter(({ properties }) => properties.deliveryMode !== 2);
  expect(volatile.length === 0, `${volatile.length} events were not persistent`);
  const queues = [...known(seen.queues, "the broker's queues")];
  const transient = queues.filter(([, durable]) => !durable).map(([name]) => name);
  expect(transient.length === 0, `Not durable: ${transient.join(", ")}`);
  return `delivery mode 2 on all ${seen.events.length} events, all ${queues.length} queues durable`;
}

export function listensForCommands(seen: Observations): string {
  const { exchange, routingKey, messageId } = known(seen.published, "the backend's command");
  const bound = known(seen.bindings, "the broker's bindings").some(({ source, queue, key }) =>
    source === exchange && key === routingKey && queue === COMMAND_QUEUE
  );
  expect(bound, `${COMMAND_QUEUE} is not bound to ${exchange} with ${routingKey}`);
  const consumers = known(seen.consumers, "the broker's consumers").map(({ queue }) => queue);
  expect(consumers.includes(COMMAND_QUEUE), `Nobody consumes ${COMMAND_QUEUE}`);
  const rivals = consumers.filter((queue) => queue === "whatsapp.session.update").length;
  expect(
    rivals === 1,
    `whatsapp.session.update has ${rivals} consumers where the backend is to be the only one`,
  );
  find(
    during(seen, "validate"),
    "answer to the command",
    (_, { properties }) => properties.correlationId === messageId,
  );
  return `the copy of ${routingKey} in ${COMMAND_QUEUE} is consumed; whatsapp.session.update itself is read by the backend alone`;
}

export function publishedAsDocumented(seen: Observations): string {
  const { exchange, routingKey, body } = known(seen.published, "the backend's command");
  const documented = {
    sessionId: 6,
    action: "create",
    data: {
      numberId: 6,
      phoneNumber: "+221771234567",
      sessionId: "session_6_2533b0aa",
      workerId: "1",
    },
  };
  expect(JSON.stringify(body) === JSON.stringify(documented), `Published was ${JSON.stringify(body)}`);
  return `the document's own JSON, through ${exchange} with ${routingKey}`;
}

export function othersCommandsWait(seen: Observations): string {
  const waiting = known(seen.waiting, "a command that waits for its worker");
  const about = seen.events.filter(({ body }) => body.numberId === 7);
  const swallowed = about.filter(({ body }) => body.workerId !== "worker-2");
  expect(swallowed.length === 0, `${swallowed.length} events about it came from another worker`);
  find(
    during(seen, "other worker"),
    "QR of worker-2",
    ({ action, workerId }) => action === "qr_generated" && workerId === "worker-2",
  );
  return `create for workerId "2": ${waiting} waited in the broker, worker-1 did nothing, worker-2 carried it ` +
    "out once it was there";
}

export function ownNumberIsMeant(seen: Observations): string {
  const { body } = known(seen.published, "the backend's command");
  const { workerId } = body.data as { workerId: unknown };
  const qr = find(during(seen, "validate"), "QR", ({ action }) => action === "qr_generated");
  expect(workerId === "1" && qr.body.workerId === "worker-1", `${workerId} was done by ${qr.body.workerId}`);
  return `workerId "1" means worker-1 (a plain comparison would ignore it); ${othersCommandsWait(seen)}`;
}

export function everythingHasATimestamp(seen: Observations): string {
  expect(seen.events.length > 0, "Nothing was received");
  for (const { body, properties } of seen.events) {
    const { timestamp } = body;
    const isSeconds = properties.type === "message_received";
    const [low, high] = isSeconds ? [1e9, 1e11] : [1e12, 1e14];
    expect(
      typeof timestamp === "number" && timestamp > low && timestamp < high,
      `${properties.type} has the timestamp ${timestamp}`,
    );
    expect(typeof properties.timestamp === "number", `${properties.type} has no AMQP timestamp`);
  }
  return `in all ${seen.events.length} events, ms since the epoch (message_received: WhatsApp's own, in s)`;
}

export function everythingIsContract(seen: Observations): string {
  expect(seen.events.length > 0, "Nothing was received");
  seen.events.forEach(assertContract);
  const kinds = new Set(seen.events.map(({ properties }) => properties.type));
  return `${seen.events.length} events of ${kinds.size} kinds fit the contract's schemas and properties`;
}

function onQueue({ queue, properties }: Received, expected: string): string {
  expect(queue === expected, `${properties.type} came on ${queue}`);
  return `${properties.type} came on ${queue}`;
}
