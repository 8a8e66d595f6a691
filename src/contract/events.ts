/**
 * Everything the worker tells the backend, as schemas: exact in what the contract names, open for fields on top.
 * Fields stand in the order in which they are written.
 *
 * @module
 */

import * as z from "zod";
import { commandResult } from "./command_result.ts";
import {
  address,
  common,
  count,
  e164,
  echoedId,
  lid,
  milliseconds,
  ofSession,
  rowId,
  seconds,
  sentence,
  sessionId,
  time,
  userJid,
  word,
  workerId,
} from "./event_fields.ts";
import { receivedFields } from "./received_fields.ts";

/** How well a number is; also the `status` of a `session_status`. */
export const healthStatus = z.enum(["HEALTHY", "UNHEALTHY", "DISCONNECTED", "NOT_FOUND", "BANNED"]);

/** One of `HEALTHY`, `UNHEALTHY`, `DISCONNECTED`, `NOT_FOUND`, `BANNED`. */
export type HealthStatus = z.output<typeof healthStatus>;

const moment = milliseconds.nullable();

/** What a session knows of its own health; `null` is unknown. */
export const vitals = z.looseObject({
  lastStanzaAt: moment,
  lastMessageAt: moment,
  keepaliveRoundTripMs: z.number().min(0).nullable(),
  prekeyCount: count.nullable(),
  reachoutTimelockUntil: moment,
  phoneSeenAt: moment,
  undecryptable: count,
  deafSockets: count,
});

const ofHealth = {
  status: healthStatus,
  reason: z.exactOptional(z.string().min(1).nullable()),
  warnings: z.exactOptional(z.array(word).min(1)),
  vitals: z.exactOptional(vitals),
};

/** What a worker says of itself. `uptime` is in seconds, `memory` in bytes by kind. */
export const workerReport = z.looseObject({
  workerId,
  name: z.string(),
  version: z.string(),
  totalSessions: count,
  connectedSessions: count,
  disconnectedSessions: count,
  health: z.exactOptional(z.record(z.string(), count)),
  uptime: z.number().min(0),
  memory: z.record(z.string(), z.number().min(0)),
  outbox: z.looseObject({ depth: count, oldestAgeMs: count.nullable() }),
  pacing: z.exactOptional(z.looseObject({
    waiting: count,
    byReason: z.record(word, count),
    numbers: z.array(z.looseObject({ numberId: rowId, reason: word, until: moment, waiting: count })),
  })),
  broker: z.looseObject({ state: word }),
  whatsapp: z.looseObject({ version: z.string().nullable() }),
});

/** The `data` of a `worker_status`. */
export type WorkerReport = z.output<typeof workerReport>;

/** Events of the session queue, told apart by `action`. */
export const sessionEvent = z.discriminatedUnion("action", [
  z.looseObject({
    action: z.literal("qr_generated"),
    ...ofSession,
    qrCode: z.string().regex(/^data:image\/png;base64,[A-Za-z0-9+/]+={0,2}$/, "must be a PNG as data URL"),
    expiresAt: milliseconds,
    attempt: count.min(1),
    maxAttempts: count.min(1),
    ...time,
  }),
  z.looseObject({
    action: z.literal("qr_regenerating"),
    ...ofSession,
    attempt: count.min(1),
    maxAttempts: count.min(1),
    message: sentence,
    ...time,
  }),
  z.looseObject({
    action: z.literal("pairing_code"),
    ...ofSession,
    pairingCode: z.string().regex(/^[A-Z0-9]{8}$/, "must be 8 letters and digits"),
    expiresAt: milliseconds,
    ...time,
  }),
  z.looseObject({
    action: z.literal("connected"),
    ...ofSession,
    phoneNumber: e164,
    phoneMismatch: z.exactOptional(z.literal(true)),
    jid: userJid,
    lid: lid.nullable(),
    pushName: z.string().nullable(),
    message: z.exactOptional(sentence),
    ...time,
  }),
  z.looseObject({
    action: z.literal("disconnected"),
    ...ofSession,
    code: z.int(),
    reason: word,
    message: z.exactOptional(sentence),
    willReconnect: z.boolean(),
    ...time,
  }),
  z.looseObject({
    action: z.literal("error"),
    ...common,
    messageId: z.exactOptional(echoedId),
    code: word,
    error: sentence,
    field: z.exactOptional(z.string().min(1)),
    heldBy: z.exactOptional(workerId),
    ...time,
  }),
  z.looseObject({ action: z.literal("logged_out"), ...ofSession, reason: word, ...time }),
  z.looseObject({ action: z.literal("closed"), ...ofSession, reason: word, ...time }),
  z.looseObject({
    action: z.literal("session_status"),
    ...common,
    numberId: rowId,
    ...ofHealth,
    reason: z.exactOptional(z.string().min(1)),
    ...time,
  }),
  z.looseObject({ action: z.literal("worker_status"), ...common, data: workerReport, ...time }),
  commandResult,
]);

/** An event of the session queue. */
export type SessionEvent = z.output<typeof sessionEvent>;

const wentOut = z.enum(["SENT", "DELIVERED", "READ", "PLAYED"]);

/** What was sent of a medium: what it is by its bytes, and what it was said to be where that is something else. */
const sentMedia = z.looseObject({
  mimeType: z.string().min(1).describe("What it was sent as, by its own bytes"),
  declaredMimeType: z.exactOptional(
    z.string().min(1).describe("What it was said to be, where that is something else"),
  ),
  size: z.int().min(1).describe("Bytes"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/).describe("Of the bytes, in hexadecimal digits"),
});

const ofMessage = {
  action: z.exactOptional(z.literal("message_status")),
  messageId: z.exactOptional(echoedId.describe("The message's, as you wrote it")),
  numberId: z.exactOptional(rowId),
};

/** How many people of a group a message is for, and how many of them have it, have read it, have played it, or more. */
const recipients = z.looseObject({
  total: count.min(1).describe("How many people it is for"),
  delivered: count.describe("How many of them have it, or more"),
  read: count.describe("How many have read it, or more"),
  played: count.describe("How many have played it"),
})
  .refine(({ total, delivered, read, played }) => total >= delivered && delivered >= read && read >= played, {
    message: "must not have more people further on than before",
  });

/** How far a message to send has come: once per change, never backwards; in a group for each change of `recipients`. */
export const messageStatus = z.discriminatedUnion("status", [
  z.looseObject({
    ...ofMessage,
    status: wentOut.describe("How far it has come; in a group, with all"),
    whatsappMessageId: z.string().min(1).describe(
      "WhatsApp's id of it: a target or quoted of later commands",
    ),
    recipients: z.exactOptional(recipients.describe("In a group: how far it has come with how many")),
    media: z.exactOptional(sentMedia.describe("Of SENT: the medium that went out")),
    warnings: z.exactOptional(
      z.array(word).describe("Of SENT: what went out otherwise than it was asked for"),
    ),
    workerId,
    ...time,
  }),
  z.looseObject({
    ...ofMessage,
    status: z.literal("FAILED"),
    whatsappMessageId: z.exactOptional(
      z.string().min(1).nullable().describe("WhatsApp's id of it, where it may have gone out"),
    ),
    error: sentence.describe("Why, in words"),
    code: word.describe("Why, as a stable word"),
    retryable: z.boolean().describe("Whether it may go well when it is sent again"),
    retryAt: z.exactOptional(
      milliseconds.describe("Before when it would not, in milliseconds since the epoch"),
    ),
    workerId,
    ...time,
  }),
]);

/** The status of a message to send. */
export type MessageStatus = z.output<typeof messageStatus>;

const mediaUrl = z.string().regex(/^\/media\//, "must be a path of the worker's own server").nullable()
  .describe("Where to fetch it from the worker's own HTTP server; null where it has none");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in hexadecimal digits");

/** A message that came in. `timestamp` is WhatsApp's, in seconds: the one exception; `receivedAt` is milliseconds. */
export const receivedMessage = z.looseObject({
  action: z.exactOptional(z.literal("message_received")),
  sessionId,
  numberId: rowId,
  messageId: z.string().min(1).describe("WhatsApp's id of it: a target or quoted of commands"),
  from: address.describe("Who wrote it, or the group it was written in"),
  participant: z.exactOptional(address.describe("In a group: who wrote it")),
  body: z.string().describe("The best text there is of it: text, caption, name, emoji; may be empty"),
  timestamp: seconds.describe("WhatsApp's own time of it, in seconds since the epoch"),
  type: z.string().regex(/^[A-Z][A-Z_]*$/, "must be a word in upper case").describe("What it is"),
  protoName: z.exactOptional(z.string().min(1).describe("Of UNKNOWN: WhatsApp's own name of it")),
  fromMe: z.boolean().describe("Whether the number's owner wrote it"),
  pushName: z.string().nullable().describe("What its author calls themselves"),
  to: address.describe("Whom it was written to"),
  phoneNumber: e164.nullable().describe("Its author's phone number, with +; null where it is not known"),
  lid: lid.nullable().describe("Its author's LID; null where it is not known"),
  isGroup: z.boolean().describe("Whether it was written in a group"),
  quoted: z.looseObject({}).nullable().describe("The message it answers: messageId, participant, body, …"),
  media: z.looseObject({
    id: z.uuid().describe("Names it in message_media and in its URL"),
    mimeType: z.string().min(1).describe("What its sender says it is"),
    size: count.describe("Bytes, by its sender's word"),
    fileName: z.exactOptional(z.string().min(1).describe("The file's name")),
    sha256: sha256.nullable().describe("Of its bytes, by its sender's word"),
    width: z.exactOptional(count.describe("Pixels")),
    height: z.exactOptional(count.describe("Pixels")),
    seconds: z.exactOptional(count.describe("How long it plays")),
    ptt: z.exactOptional(z.boolean().describe("Whether it is a voice note")),
    thumbnail: z.base64().min(1).nullable().describe("A small JPEG in base64"),
    status: z.literal("PENDING").describe("Its content follows in a message_media"),
    url: mediaUrl,
  }).nullable().describe("What its sender says of the medium in it"),
  receivedAt: milliseconds.describe("When the worker got it, in milliseconds since the epoch"),
  ...receivedFields,
}).refine(({ from, isGroup }) => isGroup === from.endsWith("@g.us"), {
  path: ["isGroup"],
  message: "must be true exactly for @g.us",
}).refine(({ isGroup, from, participant }) => {
  const isOfMany = isGroup || from === "status@broadcast";
  return !isOfMany || participant !== undefined;
}, {
  path: ["participant"],
  message: "must be there in a group, and of a story",
});

/** A message that came in. */
export type ReceivedMessage = z.output<typeof receivedMessage>;

const ofMedium = {
  mimeType: z.string().min(1).describe("What its sender says it is"),
  detectedMimeType: z.exactOptional(z.string().min(1).describe("What its first bytes say, where they do")),
  fileName: z.exactOptional(z.string().min(1).describe("The file's name")),
  size: count.describe("Bytes"),
  sha256: sha256.describe("Of its bytes, in hexadecimal digits"),
  url: mediaUrl,
};
const mediumId = z.uuid().describe("As in the message it belongs to");

/**
 * The content of a medium, after the message it belongs to: itself (`INLINE`), where to fetch it (`STORED`), or why there is
 * none (`FAILED`). It has neither a `body` nor anybody it is from: nothing takes it for a message, or answers it.
 */
export const messageMedia = z.looseObject({
  action: z.literal("message_media"),
  sessionId,
  numberId: rowId,
  messageId: z.string().min(1).describe("The message it belongs to"),
  from: z.exactOptional(z.never()),
  participant: z.exactOptional(z.never()),
  body: z.exactOptional(z.never()),
  media: z.discriminatedUnion("status", [
    z.looseObject({
      id: mediumId,
      status: z.literal("INLINE").describe("It is here"),
      ...ofMedium,
      data: z.base64().describe("Its bytes in base64"),
    }),
    z.looseObject({
      id: mediumId,
      status: z.literal("STORED").describe("It can be fetched"),
      ...ofMedium,
      expiresAt: milliseconds.describe("Until when, in milliseconds since the epoch"),
    }),
    z.looseObject({
      id: mediumId,
      status: z.literal("FAILED").describe("There is none, and none will come"),
      code: word.describe("Why, as a stable word"),
      error: sentence.describe("Why, in words"),
    }),
  ]).describe("The medium: itself, where to fetch it, or why there is none"),
  workerId,
  ...time,
});

/** The content of a medium. */
export type MessageMedia = z.output<typeof messageMedia>;

/** How one number is, each `HEALTH_CHECK_INTERVAL` and at every change. */
export const numberHealth = z.looseObject({
  action: z.exactOptional(z.literal("number_health")),
  numberId: rowId,
  ...ofHealth,
  workerId,
  sessionId: z.exactOptional(sessionId),
  ...time,
});

/** How one number is. */
export type NumberHealth = z.output<typeof numberHealth>;

const SESSION_EVENT_ACTIONS: readonly string[] = sessionEvent.options.map(({ shape }) => shape.action.value);
const MESSAGE_STATUSES: readonly string[] = [...wentOut.options, "FAILED"];
const HEALTH_STATUSES: readonly string[] = healthStatus.options;
const OTHER_TYPES: readonly string[] = [
  "message_received",
  "message_media",
  "message_status",
  "number_health",
];

/**
 * Whether an `action` is an event's and never a command's. `pairing_code` is both, so the answer for it is false:
 * ask {@linkcode isEvent} with the whole body.
 */
export function isEventAction(action: string): boolean {
  return action !== "pairing_code" &&
    (SESSION_EVENT_ACTIONS.includes(action) || OTHER_TYPES.includes(action));
}

/**
 * Whether a body is something a worker published, found on a queue that also carries commands. It is to be counted
 * and acknowledged, never answered: an answer would come back the same way, for ever.
 */
export function isEvent(body: Record<string, unknown>): boolean {
  const type = eventType(body);
  return isEventAction(type) || (type === "pairing_code" && Object.hasOwn(body, "pairingCode"));
}

/**
 * The AMQP `type` of a body that the worker publishes: its `action`, or for the three kinds that have none,
 * `message_received`, `message_status` or `number_health`.
 *
 * @returns `""` for a body that is none of these
 */
export function eventType(body: Record<string, unknown>): string {
  const { action, status } = body;
  if (typeof action === "string") return action;
  if (typeof status === "string" && HEALTH_STATUSES.includes(status)) return "number_health";
  if (typeof status === "string" && MESSAGE_STATUSES.includes(status)) return "message_status";
  return Object.hasOwn(body, "from") && Object.hasOwn(body, "body") ? "message_received" : "";
}
