import { strict as assert } from "node:assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { readNumberCommand } from "../../src/contract/commands.ts";
import { isRecord, stringifyJson } from "../../src/contract/json.ts";
import { CHAT_ACTION_TYPES, MESSAGE_TYPES } from "../../src/contract/messages.ts";
import { RECEIVED_TYPES } from "../../src/contract/received_fields.ts";
import { EXAMPLES } from "../matrix/examples.ts";
import { goldenEvents } from "./golden_events.ts";
import { commandExample, DOCS, generated, isPlain } from "./messages.ts";
import { EVENTS, fileOf } from "./schemas.ts";

const WRITE_ANEW = "deno run -A tests/docs/messages.ts";

/** A validator of the published schema, as somebody else's program would make it. */
function validator(type: string): (value: unknown) => void {
  const schema = JSON.parse(Deno.readTextFileSync(new URL(`schemas/${fileOf(type)}`, DOCS)));
  const ajv = new Ajv2020({ allErrors: true, strict: false, validateFormats: false });
  const validate = ajv.compile(schema);
  return (value) => {
    const written = JSON.parse(stringifyJson(value as object));
    assert.ok(validate(written), `${type}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(written)}`);
  };
}

Deno.test("docs/messages.md and docs/schemas are as the contract's schemas and the tests' examples make them", async () => {
  const files = await generated();
  for (const [path, text] of files) {
    const written = await Deno.readTextFile(new URL(path, DOCS)).catch(() => "");
    assert.ok(written === text, `docs/${path} is stale: ${WRITE_ANEW}`);
  }
  const schemas = [...Deno.readDirSync(new URL("schemas/", DOCS))].map(({ name }) => `schemas/${name}`);
  assert.deepEqual(schemas.filter((path) => !files.has(path)), [], WRITE_ANEW);
});

for (const type of [...MESSAGE_TYPES, ...CHAT_ACTION_TYPES]) {
  Deno.test(`The example of ${type} is read as one, and is what its published schema describes`, () => {
    const example = commandExample(type);
    const read = readNumberCommand(example);
    assert.ok(read.ok, read.ok ? "" : read.error);
    assert.equal(read.value.type, type);
    validator(type)(example);
  });
}

Deno.test("Every message that the tests send is what the published schema of its type describes", () => {
  const plain = EXAMPLES.filter(isPlain);
  assert.ok(plain.length > EXAMPLES.length / 2);
  for (const { type, body } of plain) {
    const { messageId, whatsappNumberId, recipientNumber } = commandExample(type);
    validator(type)({ messageId, whatsappNumberId, recipientNumber, ...body });
  }
});

Deno.test("A published schema refuses what it says it does", () => {
  const cases: [string, Record<string, unknown>][] = [
    ["TEXT", { content: "" }],
    ["TEXT", { content: null }],
    ["TEXT", { whatsappNumberId: undefined }],
    ["TEXT", { mentions: true }],
    ["TEXT", { type: "IMAGE" }],
    ["IMAGE", { mediaUrl: undefined }],
    ["LOCATION", { latitude: 91 }],
    ["POLL", { options: ["one"] }],
    ["DELETE", { target: { fromMe: true } }],
  ];
  for (const [type, change] of cases) {
    const example = commandExample(type as (typeof MESSAGE_TYPES)[number]);
    assert.throws(() => validator(type)({ ...example, ...change }), `${type} with ${JSON.stringify(change)}`);
  }
});

Deno.test("A class with every field of a type, and null in those that may be left out, is what its schema describes", () => {
  for (const type of [...MESSAGE_TYPES, ...CHAT_ACTION_TYPES]) {
    const { properties, required } = JSON.parse(
      Deno.readTextFileSync(new URL(`schemas/${fileOf(type)}`, DOCS)),
    );
    const names = Object.keys(properties).filter((name) => !required.includes(name));
    const nulls = Object.fromEntries(names.map((name) => [name, null]));
    validator(type)({ ...nulls, ...commandExample(type) });
  }
});

for (const type of Object.keys(EVENTS)) {
  Deno.test(`Every golden ${type} is what its published schema describes`, () => {
    const validate = validator(type);
    for (const event of goldenEvents(type)) validate(event);
    assert.throws(() => validate({ ...goldenEvents(type)[0], numberId: [] }));
  });
}

Deno.test("Every field of every published schema is described", () => {
  const bare = [...MESSAGE_TYPES, ...CHAT_ACTION_TYPES, ...Object.keys(EVENTS)].flatMap((type) => {
    const schema = JSON.parse(Deno.readTextFileSync(new URL(`schemas/${fileOf(type)}`, DOCS)));
    return undescribed(schema, type, Object.keys(EVENTS).includes(type) ? 1 : Infinity);
  });
  assert.deepEqual(bare, []);
});

/** Where a schema has fields without a word of what they are; constants say it themselves. */
function undescribed(schema: Record<string, unknown>, path: string, depth: number): string[] {
  const { properties = {}, items, anyOf = [], oneOf = [] } = schema;
  const fields = Object.entries(properties as Record<string, Record<string, unknown>>);
  const bare = fields.filter(([, part]) =>
    part.description === undefined && part.const === undefined && part.not === undefined
  );
  const forms = [...anyOf as [], ...oneOf as [], ...(isRecord(items) ? [items] : [])];
  return [
    ...bare.map(([name]) => `${path}.${name}`),
    ...(depth > 1 ? fields.flatMap(([name, part]) => undescribed(part, `${path}.${name}`, depth - 1)) : []),
    ...forms.flatMap((form) => undescribed(form, path, depth)),
  ];
}

Deno.test("Every type of message that comes in has an example", () => {
  const types = new Set(goldenEvents("message_received").map(({ type }) => type));
  assert.deepEqual(RECEIVED_TYPES.filter((type) => !types.has(type)), []);
});
