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

/** For each field its names, the preferred one first; `location.latitude` stands in an object `location`. */
export type FieldNames = Readonly<Record<string, readonly string[]>>;

/**
 * Collects fields from `data` and from the top of a body. The inner value wins over the outer one, under whatever
 * name: the outer `sessionId` is the backend's row id, the inner one is meant for the worker.
 *
 * @param composite the fields that hold lists and objects: of those, empty ones count as absent too, and so does what is
 * null or `""` inside
 */
export function pickFields(
  body: Record<string, unknown>,
  names: FieldNames,
  composite: ReadonlySet<string> = new Set(),
): Picked {
  const inner = own(body, "data");
  const places = [
    ...(isRecord(inner) ? [{ record: inner, prefix: "data." }] : []),
    { record: body, prefix: "" },
  ];
  const picked: Picked = { values: {}, paths: {} };
  for (const [field, [preferred, ...aliases]] of Object.entries(names)) {
    const given = composite.has(field) ? givenWithin : givenItself;
    const candidates = places.flatMap(({ record, prefix }) =>
      [preferred ?? field, ...aliases].map((name) => ({
        value: given(own(record, name)),
        path: prefix + name,
      }))
    );
    const found = candidates.find(({ value }) => value !== undefined);
    picked.paths[field] = found?.path ?? preferred ?? field;
    if (found) picked.values[field] = found.value;
  }
  if (inner !== undefined && inner !== null && !isRecord(inner)) {
    picked.values["data"] = inner;
  }
  return picked;
}

/** A value, or undefined for what counts as absent. */
const givenItself = (value: unknown): unknown => value === null || value === "" ? undefined : value;

/** A value without what counts as absent inside it. Items of lists stay, so that their places are as they were written. */
function givenWithin(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.length === 0 ? undefined : value.map((item) => givenWithin(item) ?? item);
  }
  if (!isRecord(value)) return givenItself(value);
  const entries = Object.entries(value).map(([name, part]) => [name, givenWithin(part)] as const)
    .filter(([, part]) => part !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

function own(record: Record<string, unknown>, name: string): unknown {
  const [outer = "", inner] = name.split(".");
  const value = Object.hasOwn(record, outer) ? record[outer] : undefined;
  if (inner === undefined) return value;
  return isRecord(value) ? own(value, inner) : undefined;
}

/**
 * A schema from a function that returns undefined for what cannot be; `rule` completes "'field' …".
 *
 * @param meta what JSON Schema says of the field, which cannot look into the function
 */
export function readBy<T>(
  read: (value: unknown) => T | undefined,
  rule: string,
  meta: z.core.GlobalMeta = {},
  code?: RefusalCode,
) {
  return z.unknown().transform((value, context): T => {
    const result = read(value);
    if (result !== undefined) return result;
    context.addIssue({ code: "custom", message: rule, params: { code } });
    return z.NEVER;
  }).meta(meta);
}

/** Longer text is no number, name or address; what takes text apart would take long over it. */
const LONGEST_WORD = 256;

/** Short text, or a whole number as its digits. */
export const textOf = (value: unknown) => {
  if (typeof value === "string") return value.length <= LONGEST_WORD ? value : undefined;
  return Number.isSafeInteger(value) ? String(value) : undefined;
};

function timeOf(value: unknown): number | undefined {
  const text = typeof value === "string" ? textOf(value)?.trim() : undefined;
  const timeMs = z.iso.datetime({ offset: true }).safeParse(text).success
    ? Date.parse(text!)
    : wholeNumberUpTo(8.64e15)(value);
  return timeMs === undefined || Number.isNaN(timeMs) ? undefined : timeMs;
}

/** A whole number from 0 to `limit`, also as its digits. */
export const wholeNumberUpTo = (limit: number) => (value: unknown): number | undefined => {
  const digits = typeof value === "string" ? textOf(value)?.trim() : undefined;
  const number = digits !== undefined && /^\d{1,16}$/.test(digits) ? Number(digits) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 && number <= limit
    ? number
    : undefined;
};

const DIGITS = "\\d{1,20}";
const LARGEST_ID = 18446744073709551615n;

/** The id of a number: a row id with every digit. */
export const numberId = readBy(
  (value) => isRowId(value) ? value : undefined,
  `must be a whole number from 0 to ${LARGEST_ID}, or a string of its digits`,
  {
    type: ["integer", "string"],
    minimum: 0,
    pattern: `^${DIGITS}$`,
    description: "Your id of the number that sends, of 64 bits at most",
  },
);

/** An id that is only echoed. */
export const echoedId = readBy(
  (value) => isEchoableId(value) ? value : undefined,
  `must be a whole number from 0 to ${LARGEST_ID}, or up to 128 printable characters`,
  {
    type: ["integer", "string"],
    minimum: 0,
    minLength: 1,
    maxLength: 128,
    description: "Your id of it. Comes back with every answer, of the same JSON type and with every digit",
  },
);

/** A phone number, to E.164 digits without `+`. */
export const phoneNumber = readBy(
  (value) => parsePhoneNumber(textOf(value) ?? ""),
  "must be a phone number in international form, 7 to 15 digits",
  {
    type: ["string", "integer"],
    description: "A phone number in international form, with or without +, with spaces or without",
  },
);

/** A recipient, to its JID. */
export const recipient = readBy(
  (value) => recipientJid(textOf(value) ?? ""),
  "must be a phone number in international form or a ...@s.whatsapp.net, @c.us, @lid or @g.us address",
  {
    type: ["string", "integer"],
    description:
      "A phone number in international form, or a ...@s.whatsapp.net, @c.us, @lid or @g.us address",
  },
);

/** A person, to the JID. */
export const person = readBy(
  (value) => {
    const jid = recipientJid(textOf(value) ?? "");
    return jid?.endsWith("@g.us") ? undefined : jid;
  },
  "must be a phone number in international form or a ...@s.whatsapp.net, @c.us or @lid address",
  {
    type: ["string", "integer"],
    description: "A phone number in international form, or a ...@s.whatsapp.net, @c.us or @lid address",
  },
);

/** A group, to its JID. */
export const group = readBy(
  (value) => {
    const jid = recipientJid(textOf(value) ?? "");
    return jid?.endsWith("@g.us") ? jid : undefined;
  },
  "must be a group's ...@g.us address",
  { type: "string", description: "A group's ...@g.us address" },
);

/** A worker's id or its bare number, to text. */
export const workerId = readBy(
  (value) => {
    const id = textOf(value)?.trim();
    return id !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(id) ? id : undefined;
  },
  "must be a worker id: up to 64 letters, digits, dots, underscores and hyphens",
  {
    type: ["string", "integer"],
    description: "Read, and of no effect: whoever has the number does it",
  },
);

/** A type that is none of `known`. */
export const unknownType = (known: readonly string[]) =>
  readBy((): never | undefined => undefined, `must be one of ${known.join(", ")}`, {}, "unknown_type");

/** A moment, as milliseconds since the epoch or ISO 8601 with an offset, to milliseconds. */
export const timeMs = readBy(
  timeOf,
  "must be milliseconds since the epoch, or an ISO 8601 time with its offset",
  {
    type: ["integer", "string"],
    minimum: 0,
    description: "When it is of no use any more: milliseconds since the epoch, or ISO 8601 with an offset",
  },
);

/** An AMQP priority. */
export const priority = readBy(wholeNumberUpTo(255), "must be a whole number from 0 to 255", {
  type: ["integer", "string"],
  minimum: 0,
  maximum: 255,
  description: "1 passes the number's other sends, 2 and more does not wait for its pace either",
});

/** What a kind makes no use of: text as it is, anything else as null. Nothing is refused. */
export const unused = z.unknown().default(null).transform((value) =>
  typeof value === "string" ? value : null
);

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

/** A sentence names no more faults than these; a list can have as many as it has items. */
const MOST_FAULTS = 10;

/**
 * Reads picked fields by a schema. Refusals name every field at fault in one sentence, where it stands in the body and
 * with the value that it has there, and the first one in `field`.
 *
 * @param task what cannot be done then, completing "Cannot …": `create`, `send`
 */
export function readFields<T>(schema: z.ZodType<T>, picked: Picked, task: string): Parsed<T> {
  const result = schema.safeParse(picked.values);
  if (result.success) return { ok: true, value: result.data };
  const issues = result.error.issues.flatMap(innermost);
  const faults = issues.slice(0, MOST_FAULTS).map((issue) => faultOf(issue, picked));
  const [first] = faults;
  const more = issues.length - faults.length;
  return {
    ok: false,
    code: first?.code ?? "invalid_command",
    ...(first && { field: first.path.replace(/^data\./, "") }),
    error: `Cannot ${task} as ${faults.map(({ path, rule }) => `'${path}' ${rule}`).join(", ")}` +
      (more > 0 ? `, and ${more} more` : ""),
    about: aboutOf(picked),
  };
}

function faultOf(issue: z.core.$ZodIssue, { values, paths }: Picked) {
  const [name, ...inside] = issue.path;
  const field = String(name);
  const path = (paths[field] ?? field) + pathInside(inside);
  const value = inside.reduce(valueAt, values[field]);
  if (value === undefined) return { path, rule: "is missing" };
  const code = issue.code === "custom" ? issue.params?.["code"] as RefusalCode | undefined : undefined;
  return { path, rule: `${issue.message}: current value is ${quote(value)}`, code };
}

/** Where one of several forms is expected: what is wrong by the first of them that the value's JSON type fits. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const fitting = issue.errors.map((errors) => errors.flatMap(innermost))
    .find((errors) => !errors.some(isOfType));
  return fitting?.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })) ?? [issue];
}

const isOfType = ({ code, path }: z.core.$ZodIssue) =>
  path.length === 0 && (code === "invalid_type" || code === "invalid_union");

const pathInside = (path: readonly PropertyKey[]) =>
  path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join("");

/** Text in the place of an object is short for what is in it. */
const valueAt = (value: unknown, part: PropertyKey): unknown =>
  typeof value === "string"
    ? value
    : typeof value === "object" && value !== null
    ? (value as Record<PropertyKey, unknown>)[part]
    : undefined;
