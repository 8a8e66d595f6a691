import assert from "node:assert/strict";
import {
  CHAT_ACTION_TYPES,
  decodeBody,
  eventType,
  isEvent,
  MESSAGE_TYPES,
  messageMedia,
  messageStatus,
  numberHealth,
  parseJson,
  readHealthCommand,
  readNumberCommand,
  readSessionCommand,
  receivedMessage,
  sessionEvent,
  stringifyJson,
} from "../../src/contract/mod.ts";
import { RECEIVED_TYPES, receivedFields } from "../../src/contract/received_fields.ts";
import { isRecord } from "../../src/contract/json.ts";
import { MESSAGE_FIELDS } from "../../src/contract/messages.ts";

const readers = { session: readSessionCommand, send: readNumberCommand, health: readHealthCommand };
const schemas = { sessionEvent, messageMedia, messageStatus, receivedMessage, numberHealth };

interface Refused {
  code: string;
  field?: string;
  about?: Record<string, unknown>;
  says: string;
}

interface CommandFile {
  reader: keyof typeof readers;
  cases: { name: string; input: Record<string, unknown>; expected?: unknown; refused?: Refused }[];
}

interface BodyFile {
  bodies: { name: string; text: string; refused: Refused }[];
}

interface EventFile {
  schema: keyof typeof schemas;
  type: string;
  events: Record<string, unknown>[];
}

interface NeverWrittenFile {
  refused: { why: string; schema: keyof typeof schemas; event: Record<string, unknown>; path: string[] }[];
}

interface Golden<T> {
  name: string;
  text: string;
  content: T;
}

function goldens<T>(direction: string, key: string): Golden<T>[] {
  const folder = new URL(`golden/${direction}/`, import.meta.url);
  return [...Deno.readDirSync(folder)]
    .map(({ name }) => ({ name, text: Deno.readTextFileSync(new URL(name, folder)) }))
    .map((file) => ({ ...file, content: parseJson(file.text) as T & Record<string, unknown> }))
    .filter(({ content }) => key in content);
}

const encode = (text: string) => new TextEncoder().encode(text);

/** Removes the layout of JSON text without parsing it, so that digits are compared as they stand in the file. */
const minify = (text: string) => text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, "$1");

const commandFiles = goldens<CommandFile>("backend_to_worker", "cases");
const bodyFiles = goldens<BodyFile>("backend_to_worker", "bodies");
const eventFiles = goldens<EventFile>("worker_to_backend", "events");
const neverWrittenFiles = goldens<NeverWrittenFile>("worker_to_backend", "refused");

for (const { name: file, content: { reader, cases } } of commandFiles) {
  for (const { name, input, expected, refused } of cases) {
    const text = stringifyJson(input);
    const encodings = { "as an object": text, "as a string that holds JSON": JSON.stringify(text) };
    for (const [encoding, body] of Object.entries(encodings)) {
      Deno.test(`${file}: ${name}, ${encoding}`, () => {
        const decoded = decodeBody(encode(body));
        assert(decoded.ok);
        const parsed = readers[reader](decoded.value);
        if (refused === undefined) return assert.deepEqual(parsed, { ok: true, value: expected });
        assert(!parsed.ok);
        const { code, field, about, error } = parsed;
        assert.deepEqual({ code, field, about }, {
          code: refused.code,
          field: refused.field,
          about: refused.about,
        });
        assert(error.includes(refused.says), `${error}\nshould say\n${refused.says}`);
      });
    }
  }
}

for (const { name: file, content: { bodies } } of bodyFiles) {
  for (const { name, text, refused } of bodies) {
    Deno.test(`${file}: ${name}`, () => {
      const parsed = decodeBody(encode(text));
      assert(!parsed.ok);
      assert.equal(parsed.code, refused.code);
      assert.deepEqual(parsed.about, {});
      assert(parsed.error.includes(refused.says), `${parsed.error}\nshould say\n${refused.says}`);
    });
  }
}

for (const { name: file, text, content } of eventFiles) {
  Deno.test(`${file}: every event satisfies its schema and is written digit by digit, in order`, () => {
    const events = content.events.map((event) => schemas[content.schema].parse(event));
    assert.equal(stringifyJson({ ...content, events }), minify(text));
  });

  Deno.test(`${file}: every event is known by its type and never taken for a command`, () => {
    for (const event of content.events) {
      assert.equal(eventType(event), content.type);
      if (content.schema !== "receivedMessage") assert(isEvent(event));
    }
  });
}

for (const { name: file, content: { refused } } of neverWrittenFiles) {
  for (const { why, schema, event, path } of refused) {
    Deno.test(`${file}: ${why}`, () => {
      const result = schemas[schema].safeParse(event);
      assert(!result.success);
      assert.deepEqual(result.error.issues.map((issue) => issue.path.join(".")), path);
    });
  }
}

Deno.test("goldens cover every command and every event of the contract", () => {
  const commands = commandFiles.flatMap(({ content }) => content.cases)
    .filter(({ expected }) => expected !== undefined)
    .map(({ input }) => input["action"]);
  const actions = [
    "create",
    "close",
    "disconnect",
    "reconnect",
    "regenerate_qr",
    "logout",
    "pairing_code",
    "status",
    "health_check",
  ];
  for (const action of actions) assert(commands.includes(action), `no golden for the command '${action}'`);

  const done = commandFiles.flatMap(({ content }) => content.cases)
    .map(({ expected }) => (expected as { type?: string } | undefined)?.type);
  for (const type of CHAT_ACTION_TYPES) assert(done.includes(type), `no golden for '${type}'`);

  const received = eventFiles.filter(({ content }) => content.type === "message_received")
    .flatMap(({ content }) => content.events);
  for (const type of RECEIVED_TYPES) {
    assert(received.some((event) => event["type"] === type), `no golden for a message of type '${type}'`);
  }
  for (const field of Object.keys(receivedFields)) {
    assert(received.some((event) => field in event), `no golden with the field '${field}'`);
  }

  const types = eventFiles.map(({ content }) => content.type).toSorted();
  const known = sessionEvent.options.map(({ shape }) => shape.action.value);
  assert.deepEqual(
    types,
    [...known, "message_media", "message_received", "message_status", "number_health"].toSorted(),
  );
});

Deno.test("goldens have every kind of message and chat action, every name of its fields, taken and refused", () => {
  const cases = commandFiles.filter(({ content }) => content.reader === "send")
    .flatMap(({ content }) => content.cases);
  const taken = cases.flatMap(({ expected }) => expected as { type: string } | undefined ?? []);
  for (const type of [...MESSAGE_TYPES, ...CHAT_ACTION_TYPES]) {
    assert(taken.some((command) => command.type === type), `no golden for ${type}`);
  }
  for (const name of Object.values(MESSAGE_FIELDS).flat()) {
    const having = cases.filter(({ input }) => [input, input["data"]].some((place) => at(place, name)));
    assert(having.some(({ expected }) => expected !== undefined), `no golden has '${name}'`);
    const culprit = new RegExp(`'(data\\.)?${name}['.[]`);
    assert(
      cases.some(({ refused }) => culprit.test(refused?.says ?? "")),
      `no golden is refused for '${name}'`,
    );
  }
});

/** What is at `location.latitude`. */
function at(place: unknown, path: string): unknown {
  return path.split(".").reduce(
    (value, name) => isRecord(value) ? value[name] ?? undefined : undefined,
    place,
  );
}
