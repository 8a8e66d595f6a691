/** Tables of fields, as Markdown, from JSON Schemas. */

import type { JsonSchema } from "./schemas.ts";

/** A field of a schema, or of something inside it. */
export interface FieldRow {
  /** `contacts[].name` */
  readonly path: string;
  readonly required: boolean;
  readonly schema: JsonSchema;
}

/**
 * The fields of an object, and in it those of the objects it holds, but for those that `isFolded`. Of one that has several
 * forms, the fields of all.
 */
export function fieldsOf(
  schema: JsonSchema,
  isFolded: (path: string) => boolean = () => false,
  prefix = "",
): FieldRow[] {
  const forms = formsOf(schema).filter(isObject);
  const rows = forms.flatMap((form) => fieldsOfForm(form, isFolded, prefix));
  const byPath = Map.groupBy(rows, ({ path }) => path);
  return [...byPath].map(([path, same]) => ({
    path,
    required: same.length === forms.length && same.every(({ required }) => required),
    schema: merged(same.map(({ schema }) => schema)),
  }));
}

function fieldsOfForm(form: JsonSchema, isFolded: (path: string) => boolean, prefix: string): FieldRow[] {
  const properties = Object.entries(form.properties as Record<string, JsonSchema>)
    .filter(([, { not }]) => not === undefined);
  return properties.flatMap(([name, schema]) => {
    const path = prefix + name;
    const row = { path, required: form.required?.includes(name) ?? false, schema };
    if (isFolded(path)) return [row];
    const [inner, suffix] = innerOf(schema);
    return [row, ...fieldsOf({ anyOf: inner }, isFolded, `${path}${suffix}.`)];
  });
}

/** A constant that differs from form to form is one of several words. */
function merged(schemas: readonly JsonSchema[]): JsonSchema {
  const [first = {}] = schemas;
  const words = new Set(schemas.flatMap(({ const: only, enum: words = [] }) => only ?? words));
  if (words.size < 2) return first;
  const { const: _only, description: _description, ...rest } = first;
  return { ...rest, enum: [...words] as NonNullable<JsonSchema["enum"]> };
}

/** The objects that something can be or hold, and how that is written. */
function innerOf(schema: JsonSchema): [JsonSchema[], string] {
  const forms = formsOf(schema);
  const items = forms.flatMap(({ items }) => items === undefined ? [] : formsOf(items as JsonSchema));
  return items.some(isObject) ? [items.filter(isObject), "[]"] : [forms.filter(isObject), ""];
}

const isObject = ({ properties }: JsonSchema) => properties !== undefined;

const formsOf = (schema: JsonSchema): JsonSchema[] => [schema, ...alternatives(schema)];

const alternatives = ({ anyOf = [], oneOf = [] }: JsonSchema) =>
  [...anyOf, ...oneOf].flatMap((form) => formsOf(form as JsonSchema));

/** Beyond it a limit tells one thing from another, and nobody meets it. */
const LARGEST_LIMIT = 1_000_000;

const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  integer: "whole number",
  number: "number",
  boolean: "true or false",
  object: "object",
  array: "list",
};

/** What a field may hold, in words. How else a number or one of a list may be written goes without saying. */
export function kindOf(schema: JsonSchema): string {
  const forms = alternatives(schema).filter(({ type, anyOf }) => type !== undefined && anyOf === undefined);
  if (forms.length === 0) return plainKindOf(schema);
  const kinds = forms.filter(({ type }) => type !== "null").map(plainKindOf);
  return kinds[0]?.startsWith("list") ? kinds[0] : [...new Set(kinds)].join(" or ");
}

function plainKindOf(schema: JsonSchema): string {
  const { type, const: only, enum: words, pattern, maxLength } = schema;
  if (only !== undefined) return code(only);
  if (words !== undefined) return words.map(code).join(", ");
  const kinds = ([type ?? []].flat() as string[]).filter((kind) => kind !== "null");
  const isText = pattern !== undefined || maxLength !== undefined;
  const named = kinds.length > 1 && isText ? kinds : kinds.slice(0, 1);
  return named.map((kind) => KINDS[kind]!).join(" or ") + limitsOf(schema);
}

const code = (value: unknown) => `\`${JSON.stringify(value)}\``;

function limitsOf(
  { minItems, maxItems, maxLength, minimum, maximum = Infinity }: Partial<JsonSchema>,
): string {
  if (maxItems !== undefined) return ` of ${minItems ? `${minItems} to` : "at most"} ${maxItems}`;
  if (maxLength !== undefined) return ` of at most ${maxLength} characters`;
  return maximum < LARGEST_LIMIT ? ` from ${minimum} to ${maximum}` : "";
}

/** Whether something may be null. */
export function isNullable(schema: JsonSchema): boolean {
  return formsOf(schema).some(({ type }) => [type ?? []].flat().some((kind) => kind === "null"));
}

/** A table; the cells are Markdown. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(header), line(header.map(() => "---")), ...rows.map(line)].join("\n");
}
