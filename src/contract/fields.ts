/**
 * The fields of messages from the backend: where each may stand, and what each may hold.
 *
 * @module
 */

import * as z from "zod";
import { parsePhoneNumber, recipientJid } from "./addresses.ts";
import { isEchoableId, isRowId } from "./ids.ts";
import { isRecord } from "./json.ts";
import { type About, type Parsed, quote, type RefusalCode } from "./parsed.ts";

/** Fields found in a body, and where each was found, for the wording of errors. */
export interface Picked {
  /** Only fields that are there: null and `""` count as absent. */
  values: Record<string, unknown>;
  /** As the sender wrote it: `data.phoneNumber`, `to`. */
  paths: Record<string, string>;
}

/** For each field its names, the preferred one first. */
export type FieldNames = Readonly<Record<string, readonly string[]>>;

/**
 * Collects fields from `data` and from the top of a body. The inner value wins over the outer one, under whatever
 * name: the outer `sessionId` is the backend's row id, the inner one is meant for the worker.
 */
export function pickFields(body: Record<string, unknown>, names: FieldNames): Picked {
  const inner = own(body, "data");
  const places = [
    ...(isRecord(inner) ? [{ record: inner, prefix: "data." }] : []),
    { record: body, prefix: "" },
  ];
  const picked: Picked = { values: {}, paths: {} };
  for (const [field, [preferred, ...aliases]] of Object.entries(names)) {
    const candidates = places.flatMap(({ record, prefix }) =>
      [preferred ?? field, ...aliases].map((name) => ({ value: own(record, name), path: prefix + name }))
    );
    const found = candidates.find(({ value }) => value !== undefined && value !== null && value !== "");
    picked.paths[field] = found?.path ?? preferred ?? field;
    if (found) picked.values[field] = found.value;
  }
  if (inner !== undefined && inner !== null && !isRecord(inner)) {
    picked.values["data"] = inner;
  }
  return picked;
}

function own(record: Record<string, unknown>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** A schema from a function that returns undefined for what cannot be; `rule` completes "'field' …". */
function readBy<T>(read: (value: unknown) => T | undefined, rule: string, code?: RefusalCode) {
  return z.unknown().transform((value, context): T => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: rule, params: { code } });
    return z.NEVER;
  });
}

const textOf = (value: unknown) =>
  typeof value === "string" ? value : Number.isSafeInteger(value) ? String(value) : undefined;

function timeOf(value: unknown): number | undefined {
  const timeMs = typeof value === "string" && !/^\d{1,16}$/.test(value)
    ? z.iso.datetime({ offset: true }).safeParse(value).success ? Date.parse(value) : undefined
    : wholeNumberUpTo(8.64e15)(value);
  return timeMs === undefined || Number.isNaN(timeMs) ? undefined : timeMs;
}

const wholeNumberUpTo = (limit: number) => (value: unknown): number | undefined => {
  const number = typeof value === "string" && /^\d{1,16}$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 && number <= limit
    ? number
    : undefined;
};

const matching = (read: (value: unknown) => string | undefined, pattern: RegExp) => (value: unknown) => {
  const text = read(value)?.trim();
  return text !== undefined && pattern.test(text) ? text : undefined;
};

/** Message types of the seed; only these are known, in any case. */
export const MESSAGE_TYPES = ["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "AUDIO"] as const;

const knownType = (value: unknown) => {
  const type = typeof value === "string" ? value.trim().toUpperCase() : undefined;
  return MESSAGE_TYPES.find((known) => known === type);
};

/** The id of a number: a row id with every digit. */
export const numberId = readBy(
  (value) => isRowId(value) ? value : undefined,
  "must be a whole number from 0 to 18446744073709551615, or a string of its digits",
);

/** An id that is only echoed. */
export const echoedId = readBy(
  (value) => isEchoableId(value) ? value : undefined,
  "must be a whole number from 0 to 18446744073709551615, or up to 128 printable characters",
);

/** A phone number, to E.164 digits without `+`. */
export const phoneNumber = readBy(
  (value) => parsePhoneNumber(textOf(value) ?? ""),
  "must be a phone number in international form, 7 to 15 digits",
);

/** A recipient, to its JID. */
export const recipient = readBy(
  (value) => recipientJid(textOf(value) ?? ""),
  "must be a phone number in international form or a ...@s.whatsapp.net, @c.us, @lid or @g.us address",
);

/** A worker's id or its bare number, to text. */
export const workerId = readBy(
  matching(textOf, /^[A-Za-z0-9._-]{1,64}$/),
  "must be a worker id: up to 64 letters, digits, dots, underscores and hyphens",
);

/** A message type in any case, to upper case. */
export const messageType = readBy(knownType, `must be one of ${MESSAGE_TYPES.join(", ")}`, "unknown_type");

/** A moment, as milliseconds since the epoch or ISO 8601 with an offset, to milliseconds. */
export const timeMs = readBy(
  timeOf,
  "must be milliseconds since the epoch, or an ISO 8601 time with its offset",
);

/** An AMQP priority. */
export const priority = readBy(wholeNumberUpTo(255), "must be a whole number from 0 to 255");

/** Text, or null when absent. */
export const text = z.string("must be text").nullable().default(null);

/** `data` stands among the picked fields only when it is none; see {@linkcode pickFields}. */
export const noData = z.exactOptional(z.never("must be an object"));

/** What can still be read of a refused message. */
export function aboutOf({ values }: Picked): About {
  return aboutSchema.parse(values);
}

const lenient = <S extends z.ZodType>(schema: S) => schema.optional().catch(undefined);

const aboutSchema = z.object({
  action: lenient(z.string().regex(/^[^\p{C}\p{Zl}\p{Zp}]{1,64}$/u)),
  numberId: lenient(numberId),
  messageId: lenient(echoedId),
  workerId: lenient(workerId),
  backendSessionId: lenient(echoedId),
}).transform((about) =>
  Object.fromEntries(Object.entries(about).filter(([, value]) => value !== undefined)) as About
);

/**
 * Reads picked fields by a schema. Refusals name every field at fault in one sentence, and the first one in `field`.
 *
 * @param task what cannot be done then, completing "Cannot …": `create`, `send`
 */
export function readFields<T>(schema: z.ZodType<T>, picked: Picked, task: string): Parsed<T> {
  const result = schema.safeParse(picked.values);
  if (result.success) return { ok: true, value: result.data };
  const reasons = result.error.issues.map((issue) => {
    const field = String(issue.path[0]);
    const path = picked.paths[field] ?? field;
    const value = picked.values[field];
    const code = issue.code === "custom" ? issue.params?.["code"] as RefusalCode | undefined : undefined;
    return {
      field: path.replace(/^data\./, ""),
      code: value === undefined ? undefined : code,
      text: value === undefined
        ? `'${path}' is missing`
        : `'${path}' ${issue.message}: current value is ${quote(value)}`,
    };
  });
  const [first] = reasons;
  return {
    ok: false,
    code: first?.code ?? "invalid_command",
    ...(first && { field: first.field }),
    error: `Cannot ${task} as ${reasons.map(({ text }) => text).join(", ")}`,
    about: aboutOf(picked),
  };
}
