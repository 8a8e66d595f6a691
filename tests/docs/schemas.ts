/**
 * The JSON Schemas of `docs/schemas`: of every kind of message and chat action as a backend writes it, and of what comes
 * back. Made from the schemas that read and check them.
 *
 * @module
 */

import * as z from "zod";
import { CHAT_RESULTS, commandResult } from "../../src/contract/command_result.ts";
import { messageMedia, messageStatus, receivedMessage } from "../../src/contract/events.ts";
import {
  CHAT_ACTION_KINDS,
  CHAT_ACTION_TYPES,
  type ChatActionType,
  MESSAGE_FIELDS,
  MESSAGE_KINDS,
  MESSAGE_TYPES,
  type MessageType,
} from "../../src/contract/messages.ts";

/** A JSON Schema of draft 2020-12, or part of one. */
export type JsonSchema = z.core.JSONSchema.BaseSchema;

/** Whatever can be asked of a number. */
export type CommandType = MessageType | ChatActionType;

/** What comes back, by the AMQP `type`. */
export const EVENTS = {
  message_status: messageStatus,
  command_result: commandResult,
  message_received: receivedMessage,
  message_media: messageMedia,
} satisfies Record<string, z.ZodType>;

/** The schema of a command, with the fields' preferred names. */
export function schemaOfCommand(type: CommandType): JsonSchema {
  const kind: z.ZodType = { ...MESSAGE_KINDS, ...CHAT_ACTION_KINDS }[type];
  const { properties = {}, required = [], ...rest } = withNulls(toJsonSchema(kind, "input"));
  const used = Object.entries(properties as Record<string, JsonSchema>).filter(([, schema]) =>
    isUsed(schema)
  );
  const isMedium = "mediaBase64" in properties;
  return {
    ...rest,
    title: type,
    properties: Object.fromEntries(used.map(([field, schema]) => [nameOf(field), schema])),
    required: required.map(nameOf),
    ...(isMedium && { anyOf: [{ required: ["mediaUrl"] }, { required: ["mediaBase64"] }] }),
  };
}

/** The schema of an event. */
export function schemaOfEvent(type: keyof typeof EVENTS): JsonSchema {
  return { title: type, ...toJsonSchema(EVENTS[type], "output") };
}

/** The schema of the `data` of a `command_result`. */
export function schemaOfResult(type: ChatActionType): JsonSchema {
  return toJsonSchema(CHAT_RESULTS[type], "output");
}

/** Every published schema, by the name of its file. */
export function publishedSchemas(): ReadonlyMap<string, JsonSchema> {
  return new Map([
    ...[...MESSAGE_TYPES, ...CHAT_ACTION_TYPES].map((type) => [fileOf(type), schemaOfCommand(type)] as const),
    ...(Object.keys(EVENTS) as (keyof typeof EVENTS)[]).map((type) =>
      [fileOf(type), schemaOfEvent(type)] as const
    ),
  ]);
}

/** The name of a schema's file. */
export const fileOf = (type: string) => `${type}.json`;

/** The name that a field has in a body. */
export const nameOf = (field: string) => MESSAGE_FIELDS[field]?.[0] ?? field;

function toJsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  return z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema._zod.def.type === "bigint") jsonSchema.type = "integer";
    },
  }) as JsonSchema;
}

/** What a kind makes no use of is read as anything, and `data` never. */
function isUsed({ type, anyOf }: JsonSchema): boolean {
  return type !== undefined || anyOf !== undefined;
}

/** What may be left out may be null as well, at any depth. */
function withNulls(schema: JsonSchema): JsonSchema {
  const { properties, required = [], items, anyOf } = schema;
  const inside = Object.entries(properties ?? {} as Record<string, JsonSchema>).map(([name, part]) => {
    const inner = withNulls(part as JsonSchema);
    return [name, required.includes(name) || !isUsed(inner) ? inner : orNull(inner)] as const;
  });
  return {
    ...schema,
    ...(properties && { properties: Object.fromEntries(inside) }),
    ...(items && { items: withNulls(items as JsonSchema) }),
    ...(anyOf && { anyOf: anyOf.map(withNulls) }),
  };
}

function orNull(schema: JsonSchema): JsonSchema {
  const { type, anyOf } = schema;
  if (anyOf !== undefined) {
    const hasNull = anyOf.some((each) => each.type === "null");
    return hasNull ? schema : { ...schema, anyOf: [...anyOf, { type: "null" }] };
  }
  const types = new Set<unknown>([type ?? []].flat()).add("null");
  return { ...schema, type: [...types] as unknown as NonNullable<JsonSchema["type"]> };
}
