/**
 * `docs/messages.md` and `docs/schemas`, made from the schemas of the contract and from what the tests send and compare:
 *
 *     deno run -A tests/docs/messages.ts    # writes them anew
 */

import { stringifyJson } from "../../src/contract/json.ts";
import {
  CHAT_ACTION_TYPES,
  type ChatActionType,
  MESSAGE_FIELDS,
  MESSAGE_TYPES,
  type MessageType,
} from "../../src/contract/messages.ts";
import { RECEIVED_TYPES } from "../../src/contract/received_fields.ts";
import { type Example, EXAMPLES, PEOPLE } from "../matrix/examples.ts";
import { CHAT_EXAMPLES } from "./chat_examples.ts";
import { type Event, goldenEvents } from "./golden_events.ts";
import {
  type CommandType,
  fileOf,
  nameOf,
  publishedSchemas,
  schemaOfCommand,
  schemaOfEvent,
  schemaOfResult,
} from "./schemas.ts";
import { type FieldRow, fieldsOf, isNullable, kindOf, table } from "./tables.ts";

/** The folder of what is made here. */
export const DOCS = new URL("../../docs/", import.meta.url);

const COMMON = [
  "messageId",
  "whatsappNumberId",
  "recipientNumber",
  "type",
  "expiresAt",
  "priority",
  "workerId",
];
const REFERENCES = ["quoted", "target", "targets"];

/** A body as a backend publishes it: the first example of its kind that has all fields by their preferred names. */
export function commandExample(type: CommandType): Record<string, unknown> {
  const body = type in CHAT_EXAMPLES ? CHAT_EXAMPLES[type as ChatActionType] : {
    recipientNumber: `+${PEOPLE.friend}`,
    ...EXAMPLES.find((each) => each.type === type && isPlain(each))?.body,
  };
  return { messageId: 123, whatsappNumberId: 6, ...body };
}

/** Whether all fields of an example have their preferred names, as in the published schemas. */
export function isPlain({ type, body }: Pick<Example, "type" | "body">): boolean {
  const { properties = {} } = schemaOfCommand(type);
  return Object.keys(body).every((name) => name in properties);
}

/** Every file, by its path in `docs`, laid out as `deno fmt` wants it. */
export async function generated(): Promise<Map<string, string>> {
  const schemas = [...publishedSchemas()].map(([name, schema]) =>
    [`schemas/${name}`, JSON.stringify(schema, null, 2)] as const
  );
  const files = [["messages.md", markdown()] as const, ...schemas];
  return new Map(
    await Promise.all(files.map(async ([path, text]) => [path, await laidOut(path, text)] as const)),
  );
}

function markdown(): string {
  return [
    INTRODUCTION,
    "## What all commands have",
    commandTable(schemaOfCommand("TEXT"), ({ path }) => COMMON.includes(path)),
    AFTER_COMMON,
    "## How a message is named",
    REFERENCE,
    table(
      ["field", "required", "kind", "what it is"],
      fieldsOf(schemaOfCommand("DELETE")).filter(({ path }) => path.startsWith("target."))
        .map((row) => [`\`${row.path.replace("target.", "")}\``, required(row), kind(row), meaning(row)]),
    ),
    "## Messages to send",
    ...MESSAGE_TYPES.flatMap((type) => commandSection(type)),
    "## What is done in chats",
    CHAT_ACTIONS,
    ...CHAT_ACTION_TYPES.flatMap((type) => [...commandSection(type), ...resultSection(type)]),
    "## What comes back of messages",
    ...eventSection("message_status", [...ofStatus("SENT"), ...ofStatus("FAILED")]),
    "## What comes back of chat actions",
    ...eventSection("command_result", goldenEvents("command_result").filter(hasFailed).slice(0, 1)),
    "## Messages received",
    ...eventSection("message_received", []),
    ...RECEIVED_TYPES.flatMap((type) => receivedSection(type)),
    "## Media received",
    ...eventSection("message_media", goldenEvents("message_media").slice(0, 4)),
  ].join("\n\n") + "\n";
}

function commandSection(type: MessageType | ChatActionType): string[] {
  const schema = schemaOfCommand(type);
  const isOwn = ({ path }: FieldRow) => !COMMON.includes(path);
  const hasOwn = fieldsOf(schema).some(isOwn);
  return [
    `### ${type}`,
    `${schema.description}. ${schemaLink(type)}.`,
    ...(hasOwn ? [commandTable(schema, isOwn)] : []),
    json(commandExample(type)),
  ];
}

function commandTable(
  schema: ReturnType<typeof schemaOfCommand>,
  isShown: (row: FieldRow) => boolean,
): string {
  const rows = fieldsOf(schema, (path) => REFERENCES.includes(path)).filter(isShown);
  return table(
    ["field", "also", "required", "kind", "what it is"],
    rows.map((row) => [`\`${row.path}\``, otherNames(row.path), required(row), kind(row), meaning(row)]),
  );
}

function resultSection(type: ChatActionType): string[] {
  const fields = fieldsOf(schemaOfResult(type));
  const [example] = goldenEvents("command_result").filter((event) =>
    event.type === type && event.status === "DONE"
  );
  return [
    fields.length === 0 ? "Its result has an empty `data`:" : "Its result, with in `data`:",
    ...(fields.length === 0 ? [] : [fieldTable(fields)]),
    ...(example === undefined ? [] : [json(example)]),
  ];
}

function eventSection(type: Parameters<typeof schemaOfEvent>[0], examples: readonly Event[]): string[] {
  const schema = schemaOfEvent(type);
  const isOfOneType = (path: string) => type === "message_received" && ownPaths().has(path);
  const fields = fieldsOf(schema, isOfOneType).filter(({ path }) => !isOfOneType(path));
  return [`\`${type}\`: ${schemaLink(type)}.`, fieldTable(fields), ...examples.map(json)];
}

function receivedSection(type: string): string[] {
  const examples = goldenEvents("message_received").filter((event) => event.type === type);
  const example = examples.find(({ action }) => action !== undefined) ?? examples[0];
  const fields = fieldsOf(schemaOfEvent("message_received"));
  const own = fields.filter(({ path }) => {
    const [top = ""] = path.split(/[.[]/);
    return ownPaths().has(top) && examples.some((event) => top in event);
  });
  return [
    `### Received ${type}`,
    ...(own.length === 0 ? [] : [fieldTable(own)]),
    ...(example === undefined ? [] : [details("An example", json(example))]),
  ];
}

/** The fields that only some types of messages have. */
function ownPaths(): ReadonlySet<string> {
  const everywhere = ["ephemeral", "forwarded", "forwardingScore", "mentions"];
  const { properties = {} } = schemaOfEvent("message_received");
  const common = Object.keys(properties).slice(0, Object.keys(properties).indexOf("viewOnce"));
  return new Set(Object.keys(properties).filter((name) => ![...common, ...everywhere].includes(name)));
}

function fieldTable(fields: readonly FieldRow[]): string {
  return table(
    ["field", "always", "kind", "what it is"],
    fields.map((row) => [
      `\`${row.path}\``,
      required(row),
      kindOf(row.schema) + (isNullable(row.schema) ? " or null" : ""),
      (row.schema.description ?? "").replaceAll("<", "\\<"),
    ]),
  );
}

/** Of commands: that what may be left out may be null goes without saying. */
function kind({ path, schema }: FieldRow): string {
  return path === "type" && schema.const !== undefined ? "text" : kindOf(schema);
}

function meaning({ path, schema }: FieldRow): string {
  if (path === "type" && schema.const !== undefined) return "What it is, as below";
  const link = REFERENCES.includes(path) ? " ([how it is named](#how-a-message-is-named))" : "";
  return (schema.description ?? "") + link;
}

const required = ({ required }: FieldRow) => required ? "yes" : "";

function otherNames(path: string): string {
  const field = Object.keys(MESSAGE_FIELDS).find((field) => nameOf(field) === path);
  const [, ...others] = MESSAGE_FIELDS[field ?? ""] ?? [];
  return others.map((name) => `\`${name}\``).join(", ");
}

const schemaLink = (type: string) => `[JSON Schema](schemas/${fileOf(type)})`;

const json = (value: Record<string, unknown>) => "```json\n" + indented(value) + "\n```";

/** Ids of 64 bits keep their digits. */
function indented(value: Record<string, unknown>): string {
  return JSON.stringify(
    value,
    (_key, part) => typeof part === "bigint" ? rawJson(stringifyJson(part)) : part,
    2,
  );
}

const rawJson = (text: string) => (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);

const details = (summary: string, body: string) =>
  `<details>\n<summary>${summary}</summary>\n\n${body}\n\n</details>`;

const hasFailed = ({ status }: Event) => status === "FAILED";

const ofStatus = (status: string) =>
  goldenEvents("message_status").filter((event) => event.status === status).slice(0, 1);

async function laidOut(path: string, text: string): Promise<string> {
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--config", config, "--ext", path.split(".").at(-1)!, "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { success, stdout } = await child.output();
  if (!success) throw new Error(`deno fmt does not take ${path}`);
  return new TextDecoder().decode(stdout);
}

const INTRODUCTION = `# Messages of every kind

Every kind of message a backend can send, everything it can have done in a number's chats, and what it gets of
it. What holds for all of them (queues, order, repeats, waiting, why something fails) is in
[contract.md](contract.md). Every example of a command is sent by the tests, and every event is held against
its schema.

<!-- Written by \`deno run -A tests/docs/messages.ts\`. -->`;

const AFTER_COMMON = `- Fields stand at the top, or in an object \`data\`, whose fields win.
- \`null\`, \`""\`, and where a list or an object is expected an empty one, are as good as nothing, also inside;
  fields that a kind has no use for are not looked at. So one class with all fields will do for every kind.
- \`type\` is read in any case. Numbers, and true or false, may be written as text; a list of one as that one.
- A command that cannot be read is refused with \`field\`, the first field at fault as it was written
  (\`contacts[1].phoneNumber\`), and a sentence that names all of them.
- A body has at most 16 MiB, of which all but 1 MiB is the text of its strings. A text has at most 65,536
  characters.`;

const REFERENCE =
  `The message that is answered, edited, taken back, forwarded, reacted to or read is named by WhatsApp's id of
it: \`"target": "3EB0…"\`. The worker knows what came in and what was sent in the last days. Of a message that
it does not know, an object says what is needed of it:`;

const CHAT_ACTIONS =
  `These are published as messages are, or with the type as \`action\` to the session queue, and answered with one
\`command_result\`.`;

if (import.meta.main) {
  await Deno.remove(new URL("schemas/", DOCS), { recursive: true }).catch(() => {});
  await Deno.mkdir(new URL("schemas/", DOCS));
  for (const [path, text] of await generated()) await Deno.writeTextFile(new URL(path, DOCS), text);
}
