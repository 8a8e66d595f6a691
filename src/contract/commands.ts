/**
 * Commands of the backend, read in every spelling that is live somewhere: flat or nested in `data`, ids as numbers or
 * text, fields under either name. What comes out has one form.
 *
 * @module
 */

import * as z from "zod";
import * as fields from "./fields.ts";
import {
  CHAT_ACTION_KINDS,
  type ChatAction,
  COMPOSITE_FIELDS,
  type Message,
  MESSAGE_FIELDS,
  MESSAGE_KINDS,
  UNKNOWN_KIND,
} from "./messages.ts";
import { aboutOf, type FieldNames, pickFields, readFields } from "./fields.ts";
import type { Id } from "./ids.ts";
import { decodeBody, MAX_SEND_BYTES } from "./json.ts";
import { type Parsed, quote, type RefusalCode } from "./parsed.ts";

export { isEvent, isEventAction } from "./events.ts";
export type { Id } from "./ids.ts";
export type { ChatAction, ChatActionType, Message, MessageType } from "./messages.ts";
export type { ContactCard, MessageReference } from "./message_fields.ts";
export type { About, Parsed, Refusal, RefusalCode } from "./parsed.ts";

/** What a backend can ask of a session. `disconnect` is read as `close`. */
export type SessionAction =
  | "create"
  | "close"
  | "reconnect"
  | "regenerate_qr"
  | "logout"
  | "pairing_code"
  | "status";

/** A command about one number's session; `create` and `pairing_code` always have number and phone. */
export interface SessionCommand {
  /** What to do. */
  action: SessionAction;
  /** Absent only in a `status` that asks for the whole worker. */
  numberId?: Id;
  /** E.164 digits without `+`. */
  phoneNumber?: string;
  /** The worker that is meant; compare with `workerIdMatches`. */
  workerId?: string;
  /** The backend's own session id, to come back beside the worker's: the inner `sessionId`, else the row id. */
  backendSessionId?: Id;
}

/** What goes through a number's queue, in the order it was published: messages, and what is done in its chats. */
export type NumberCommand = Message | ChatAction;

/** A request to report the health of one number at once. */
export interface HealthCommand {
  /** The number asked about. */
  numberId: Id;
  /** The worker that is meant; compare with `workerIdMatches`. */
  workerId?: string;
}

const SESSION_FIELDS: FieldNames = {
  action: ["action"],
  numberId: ["numberId", "whatsappNumberId"],
  phoneNumber: ["phoneNumber"],
  workerId: ["workerId"],
  backendSessionId: ["sessionId"],
};

const forOneNumber = z.object({
  data: fields.noData,
  numberId: fields.numberId,
  phoneNumber: z.exactOptional(fields.phoneNumber),
  workerId: z.exactOptional(fields.workerId),
  backendSessionId: z.exactOptional(fields.echoedId),
});
const forPairing = forOneNumber.extend({ phoneNumber: fields.phoneNumber });
const forAnyNumber = forOneNumber.extend({ numberId: z.exactOptional(fields.numberId) });

const sessionSchemas: Record<SessionAction, z.ZodType<Omit<SessionCommand, "action">>> = {
  create: forPairing,
  close: forOneNumber,
  reconnect: forOneNumber,
  regenerate_qr: forOneNumber,
  logout: forOneNumber,
  pairing_code: forPairing,
  status: forAnyNumber,
};

const sessionActions = new Map<string, SessionAction>([
  ...Object.keys(sessionSchemas).map((action) => [action, action as SessionAction] as const),
  ["disconnect", "close"],
]);

const healthSchema = z.object({
  data: fields.noData,
  numberId: fields.numberId,
  workerId: z.exactOptional(fields.workerId),
});

/**
 * Reads a command of the session queue. Refuses `unknown_action`, and `invalid_command` with the field at fault.
 * Ask `isEvent` first where events may turn up: an event is no bad command.
 */
export function readSessionCommand(body: Record<string, unknown>): Parsed<SessionCommand> {
  const picked = pickFields(body, SESSION_FIELDS);
  const written = picked.values["action"];
  const action = typeof written === "string" ? sessionActions.get(written.trim().toLowerCase()) : undefined;
  if (action === undefined) return refuseAction(picked, [...sessionActions.keys()]);
  const parsed = readFields(sessionSchemas[action], picked, action);
  return parsed.ok ? { ok: true, value: { action, ...parsed.value } } : parsed;
}

const NUMBER_FIELDS: FieldNames = { ...MESSAGE_FIELDS, action: ["action"] };

/**
 * Reads what is to be sent from a number or done in its chats. What is done may be named by `action` as well as by `type`.
 * Refuses `unknown_type`, and `invalid_command` with the field at fault.
 */
export function readNumberCommand(body: Record<string, unknown>): Parsed<NumberCommand> {
  const picked = pickFields(body, NUMBER_FIELDS, COMPOSITE_FIELDS);
  const written = picked.values["type"] ?? chatActionOf(picked.values["action"]);
  const type = knownType(written);
  if (type === undefined) return readFields(UNKNOWN_KIND, picked, "send the message");
  const found = { ...picked, values: { ...picked.values, type } };
  return readFields(ALL_KINDS[type]!, found, type in MESSAGE_KINDS ? "send the message" : type);
}

/**
 * {@linkcode readNumberCommand} of the body of an AMQP message, which may be larger than another command: a medium may be
 * in it. Refuses what `decodeBody` refuses, too.
 */
export function decodeNumberCommand(bytes: Uint8Array): Parsed<NumberCommand> {
  const body = decodeBody(bytes, MAX_SEND_BYTES);
  return body.ok ? readNumberCommand(body.value) : body;
}

/** Whether a body of the session queue is for a number's queue: it asks for something to be done in a chat. */
export function isForNumber(body: Record<string, unknown>): boolean {
  return chatActionOf(pickFields(body, { action: ["action"] }).values["action"]) !== undefined;
}

/** Whether a command is for a message, and not for something else in a chat. */
export function isMessage(command: NumberCommand): command is Message {
  return command.type in MESSAGE_KINDS;
}

const ALL_KINDS: Readonly<Record<string, z.ZodType<NumberCommand>>> = {
  ...MESSAGE_KINDS,
  ...CHAT_ACTION_KINDS,
};

function knownType(value: unknown): string | undefined {
  const type = typeof value === "string" ? value.trim().toUpperCase() : "";
  return Object.hasOwn(ALL_KINDS, type) ? type : undefined;
}

function chatActionOf(action: unknown): string | undefined {
  const type = knownType(action);
  return type !== undefined && Object.hasOwn(CHAT_ACTION_KINDS, type) ? type : undefined;
}

/** Reads a health request. Refuses `unknown_action`, and `invalid_command` with the field at fault. */
export function readHealthCommand(body: Record<string, unknown>): Parsed<HealthCommand> {
  const picked = pickFields(body, SESSION_FIELDS);
  const action = picked.values["action"];
  if (typeof action !== "string" || action.trim().toLowerCase() !== "health_check") {
    return refuseAction(picked, ["health_check"]);
  }
  return readFields(healthSchema, picked, "check the number's health");
}

function refuseAction(picked: ReturnType<typeof pickFields>, known: string[]): Parsed<never> {
  const { action } = picked.values;
  const code: RefusalCode = typeof action === "string" ? "unknown_action" : "invalid_command";
  const reason = action === undefined
    ? "is missing"
    : `must be one of ${known.join(", ")}: current value is ${quote(action)}`;
  return {
    ok: false,
    code,
    field: "action",
    error: `Cannot read the command as '${picked.paths["action"]}' ${reason}`,
    about: aboutOf(picked),
  };
}
