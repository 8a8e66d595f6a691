/**
 * Commands of the backend, read in every spelling that is live somewhere: flat or nested in `data`, ids as numbers or
 * text, fields under either name. What comes out has one form.
 *
 * @module
 */

import * as z from "zod";
import * as fields from "./fields.ts";
import { aboutOf, type FieldNames, pickFields, readFields } from "./fields.ts";
import type { Id } from "./ids.ts";
import { type Parsed, quote, type RefusalCode } from "./parsed.ts";

export { isEvent, isEventAction } from "./events.ts";
export type { Id } from "./ids.ts";
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

/** A message to send. */
export interface SendCommand {
  /** The backend's id of the message, to come back with every status. */
  messageId?: Id;
  /** The number to send from. */
  numberId: Id;
  /** The JID to send to. */
  to: string;
  /** Upper case, one of `MESSAGE_TYPES`. */
  type: string;
  /** The text of a `TEXT`, never empty there; the caption or file name of a medium. */
  content: string | null;
  /** Where the medium is; never blank unless `type` is `TEXT`. */
  mediaUrl: string | null;
  /** Milliseconds since the epoch after which it must not go out. */
  expiresAtMs?: number;
  /** AMQP priority, 0 to 255. */
  priority?: number;
  /** The worker that is meant; compare with `workerIdMatches`. */
  workerId?: string;
}

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

const SEND_FIELDS: FieldNames = {
  messageId: ["messageId"],
  numberId: ["whatsappNumberId", "numberId"],
  to: ["recipientNumber", "to"],
  type: ["type"],
  content: ["content"],
  mediaUrl: ["mediaUrl"],
  expiresAtMs: ["expiresAt"],
  priority: ["priority"],
  workerId: ["workerId"],
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

const sendSchema = z.object({
  data: fields.noData,
  messageId: z.exactOptional(fields.echoedId),
  numberId: fields.numberId,
  to: fields.recipient,
  type: fields.messageType,
  content: fields.text,
  mediaUrl: fields.text,
  expiresAtMs: z.exactOptional(fields.timeMs),
  priority: z.exactOptional(fields.priority),
  workerId: z.exactOptional(fields.workerId),
}).superRefine(({ type, content, mediaUrl }, context) => {
  const [field, value] = type === "TEXT" ? ["content", content] : ["mediaUrl", mediaUrl];
  if (value?.trim()) return;
  context.addIssue({
    code: "custom",
    path: [field],
    message: `must not be blank in a message of type ${type}`,
  });
});

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

/** Reads a message to send. Refuses `unknown_type`, and `invalid_command` with the field at fault. */
export function readSendCommand(body: Record<string, unknown>): Parsed<SendCommand> {
  return readFields(sendSchema, pickFields(body, SEND_FIELDS), "send the message");
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
