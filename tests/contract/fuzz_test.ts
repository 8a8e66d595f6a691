import assert from "node:assert/strict";
import fc from "fast-check";
import {
  CHAT_ACTION_TYPES,
  decodeBody,
  isEvent,
  MESSAGE_TYPES,
  parseJson,
  readHealthCommand,
  readNumberCommand,
  readSessionCommand,
  stringifyJson,
} from "../../src/contract/mod.ts";
import { MESSAGE_FIELDS } from "../../src/contract/messages.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const codes = [
  "empty_body",
  "too_large",
  "invalid_utf8",
  "malformed_json",
  "invalid_command",
  "unknown_action",
  "unknown_type",
];
const aboutFields = ["action", "numberId", "messageId", "workerId", "backendSessionId"];

/** Checks the shape that every reader's answer must have, whatever it was given. */
function assertParsed(parsed: unknown): asserts parsed is { ok: boolean; value?: Record<string, unknown> } {
  assert(parsed !== null && typeof parsed === "object" && "ok" in parsed);
  assert.equal("polluted" in {}, false);
  if (parsed.ok === true) {
    assert.deepEqual(Object.keys(parsed), ["ok", "value"]);
    return;
  }
  const { ok, code, field, error, about, ...rest } = parsed as Record<string, unknown>;
  assert.equal(ok, false);
  assert.deepEqual(rest, {});
  assert(codes.includes(String(code)));
  assert(
    field === undefined || (typeof field === "string" && /^[A-Za-z]+(?:\.[A-Za-z]+|\[\d+\])*$/.test(field)),
  );
  assert.match(String(error), /^Cannot [^\p{C}\p{Zl}\p{Zp}]{10,10000}$/u);
  assert(field === undefined || String(error).includes(field));
  assert(about !== null && typeof about === "object");
  for (const key of Object.keys(about)) assert(aboutFields.includes(key));
}

function readEverything(bytes: Uint8Array) {
  const body = decodeBody(bytes);
  assertParsed(body);
  if (!body.ok) return;
  isEvent(body.value);
  for (const read of [readSessionCommand, readNumberCommand, readHealthCommand]) {
    assertParsed(read(body.value));
  }
}

const names = [
  "action",
  "data",
  "sessionId",
  ...Object.values(MESSAGE_FIELDS).flat().flatMap((name) => name.split(".")),
  "organization",
  "email",
  "phoneNumbers",
  "fromMe",
  "participant",
  "body",
  "title",
  "description",
  "url",
  "__proto__",
  "constructor",
  "toString",
];
const values = [
  "create",
  "close",
  "status",
  "pairing_code",
  "health_check",
  ...MESSAGE_TYPES,
  ...CHAT_ACTION_TYPES,
  "image",
  " Typing ",
  "+221771234567",
  "120363012345678901@g.us",
  "3EB0123456789ABCDEF0",
  "https://example.com/a.jpg",
  "data:image/png;base64,iVBORw0KGgo=",
  "iVBORw0KGgo=",
  "image/png",
  "👍",
  "14.5",
  "TRUE",
];
const absurd = [
  "1e400",
  "-1",
  "1.5",
  "-0",
  "9".repeat(500),
  "7212345678901234567",
  "1e-400",
  '"NaN"',
  "[[[[[[]]]]]]",
];

/** JSON text that looks like a command: known names with likely, random and absurd values, nested a little. */
const commandText = fc.letrec<{ object: string; value: string }>((tie) => ({
  object: fc.array(fc.tuple(fc.constantFrom(...names), tie("value")), { maxLength: 10 })
    .map((entries) => `{${entries.map(([name, value]) => `${JSON.stringify(name)}:${value}`).join()}}`),
  value: fc.oneof(
    { depthSize: "small" },
    fc.constantFrom(...values).map((value) => JSON.stringify(value)),
    fc.constantFrom(...absurd),
    fc.json(),
    fc.string({ unit: "binary" }).map((value) => JSON.stringify(value)),
    tie("object"),
  ),
})).object;

Deno.test("readers give a Parsed for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), readEverything), { numRuns: 2000 });
});

Deno.test("readers give a Parsed for any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => readEverything(encode(text))),
    {
      numRuns: 2000,
    },
  );
});

Deno.test("readers give a Parsed for any JSON, and decodeBody() agrees with JSON.parse", () => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.object().map((value) => JSON.stringify(value))), (text) => {
      readEverything(encode(text));
      const body = decodeBody(encode(text));
      const value: unknown = JSON.parse(text);
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      if (typeof value !== "string") assert.equal(body.ok, isObject);
      if (body.ok && !/\d{16}/.test(text)) assert.deepEqual(body.value, value);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("readers give a Parsed for anything that looks like a command, whole, encoded twice or cut off", () => {
  fc.assert(
    fc.property(commandText, fc.boolean(), fc.nat(), (text, twice, cut) => {
      const body = twice ? JSON.stringify(text) : text;
      readEverything(encode(body));
      readEverything(encode(body.slice(0, cut % (body.length + 1))));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("readers give a Parsed for any record, JSON or not", () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.constantFrom(...names), fc.string()), fc.anything({ withBigInt: true })),
      (body) => {
        isEvent(body);
        for (const read of [readSessionCommand, readNumberCommand, readHealthCommand]) {
          assertParsed(read(body));
        }
      },
    ),
    { numRuns: 2000 },
  );
});

Deno.test("readSessionCommand() reads a good command the same however it is nested, named and encoded", () => {
  const id = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const form = fc.record({
    nested: fc.boolean(),
    text: fc.boolean(),
    twice: fc.boolean(),
    plus: fc.boolean(),
  });
  fc.assert(fc.property(id, fc.stringMatching(/^[1-9]\d{6,14}$/), form, (number, phone, form) => {
    const numberId = form.text ? String(number) : number;
    const fields = { numberId, phoneNumber: form.plus ? `+${phone}` : phone };
    const text = stringifyJson({ action: "create", ...(form.nested ? { data: fields } : fields) });
    const body = decodeBody(encode(form.twice ? JSON.stringify(text) : text));
    assert(body.ok);
    const parsed = readSessionCommand(body.value);
    assert(parsed.ok);
    assert.equal(parsed.value.phoneNumber, phone);
    assert.equal(stringifyJson({ numberId: parsed.value.numberId }), stringifyJson({ numberId }));
    assert.deepEqual(parseJson(stringifyJson(parsed.value)), { ...parsed.value });
  }));
});
