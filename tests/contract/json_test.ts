import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeBody,
  MAX_BODY_BYTES,
  MAX_SEND_BYTES,
  parseJson,
  stringifyJson,
} from "../../src/contract/json.ts";

const encode = (text: string) => new TextEncoder().encode(text);

Deno.test("parseJson() keeps every digit of whole numbers beyond 2^53", () => {
  assert.deepEqual(
    parseJson(
      '[7212345678901234567,-9007199254740992,18446744073709551615,9007199254740991,"7212345678901234567"]',
    ),
    [
      7212345678901234567n,
      -9007199254740992n,
      18446744073709551615n,
      9007199254740991,
      "7212345678901234567",
    ],
  );
});

Deno.test("parseJson() leaves fractions, exponents and absurd numbers to JSON.parse", () => {
  assert.deepEqual(parseJson("[1.5,1e3,1e20,1e400,-0]"), [1.5, 1000, 1e20, Infinity, -0]);
  assert.equal(parseJson("9".repeat(401)), Infinity);
});

Deno.test("parseJson() takes '__proto__' for a name like any other", () => {
  const value = parseJson('{"__proto__":{"polluted":true}}');
  assert(value !== null && typeof value === "object");
  assert.deepEqual(Object.keys(value), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
  assert.equal("polluted" in {}, false);
});

Deno.test("stringifyJson() writes the text that parseJson() read", () => {
  const text =
    '{"messageId":7212345678901234567,"list":[18446744073709551615,1,"9007199254740993"],"none":null}';
  assert.equal(stringifyJson(parseJson(text) as object), text);
});

Deno.test("stringifyJson() and parseJson() agree on every whole number", () => {
  fc.assert(fc.property(fc.bigInt({ min: -(2n ** 80n), max: 2n ** 80n }), (number) => {
    assert.equal(stringifyJson(parseJson(String(number)) as number), String(number));
  }));
});

Deno.test("decodeBody() reads an object, one inside a string, and either behind a byte-order mark", () => {
  const object = '{"messageId":7212345678901234567}';
  for (const text of [object, JSON.stringify(object), `\ufeff${object}`, ` ${object}\r\n`]) {
    assert.deepEqual(decodeBody(encode(text)), { ok: true, value: { messageId: 7212345678901234567n } });
  }
});

Deno.test("decodeBody() takes a body of exactly the limit and refuses one byte more, or ten megabytes", () => {
  const ofSize = (size: number) => encode(`{"content":"${"x".repeat(size - 14)}"}`);
  assert(decodeBody(ofSize(MAX_BODY_BYTES)).ok);
  for (const size of [MAX_BODY_BYTES + 1, 10 * MAX_BODY_BYTES]) {
    assert.deepEqual(decodeBody(ofSize(size)), {
      ok: false,
      code: "too_large",
      error: `Cannot read the body as it has ${size} bytes, more than 1048576`,
      about: {},
    });
  }
});

Deno.test("decodeBody() takes a medium of as many bytes as it is told to, and no more around it", () => {
  const ofSize = (size: number) => encode(`{"content":"${"x".repeat(size - 14)}"}`);
  assert(decodeBody(ofSize(MAX_SEND_BYTES), MAX_SEND_BYTES).ok);
  const twice = encode(JSON.stringify(`{"content":"${"x".repeat(MAX_SEND_BYTES - 20)}"}`));
  assert(decodeBody(twice, MAX_SEND_BYTES).ok);
  const tooLarge = decodeBody(ofSize(MAX_SEND_BYTES + 1), MAX_SEND_BYTES);
  assert(!tooLarge.ok);
  assert.equal(tooLarge.error, "Cannot read the body as it has 16777217 bytes, more than 16777216");
  const many = decodeBody(encode(`{"options":[${"1,".repeat(600_000)}1]}`), MAX_SEND_BYTES);
  assert(!many.ok);
  assert.equal(many.code, "too_large");
  assert.equal(many.error, "Cannot read the body as it has more than 1048576 characters beside its strings");
});

Deno.test("decodeBody() finds the end of a string whatever is escaped in it", () => {
  const text = fc.array(fc.constantFrom("\\", '"', "[", "{", "a", "\n"), { maxLength: 200 });
  fc.assert(fc.property(text, (parts) => {
    const value = { [parts.join("")]: [parts.join("")] };
    assert.deepEqual(decodeBody(encode(JSON.stringify(value))), { ok: true, value });
    assert.deepEqual(decodeBody(encode(JSON.stringify(JSON.stringify(value)))), { ok: true, value });
  }));
});

Deno.test("decodeBody() counts levels of nesting, not brackets in text or side by side", () => {
  const value = { content: `\\"${"[{".repeat(1000)}`, list: Array.from({ length: 1000 }, () => [{}]) };
  assert.deepEqual(decodeBody(encode(JSON.stringify(value))), { ok: true, value });
});

Deno.test("decodeBody() refuses bytes that are not UTF-8", () => {
  for (const bytes of [[0xff, 0xfe, 0x7b, 0x7d], [0x7b, 0x22, 0xc3, 0x28, 0x22], [0xed, 0xa0, 0x80]]) {
    const parsed = decodeBody(new Uint8Array(bytes));
    assert(!parsed.ok);
    assert.equal(parsed.code, "invalid_utf8");
  }
});

Deno.test("decodeBody() states the position of a stray character wherever it stands", () => {
  const valid =
    '{"action":"create","data":{"numberId":6,"tags":[true,null,-1.5e3],"phoneNumber":"+221771234567"}}';
  const valueStarts = [...valid.matchAll(/(?<=[:[,])(?=[{"[\dtn-])/g)].map(({ index }) => index);
  for (const position of valueStarts) {
    const parsed = decodeBody(encode(`${valid.slice(0, position)}?${valid.slice(position)}`));
    assert(!parsed.ok);
    assert.match(parsed.error, new RegExp(`at position ${position}: `));
  }
});

Deno.test("decodeBody() refuses a hostile body of the largest size in good time", () => {
  const fill = (size: number) => (start: string, unit: string, end = "") =>
    start + unit.repeat(Math.floor((size - start.length - end.length) / unit.length)) + end;
  const bodies = (ofSize: ReturnType<typeof fill>) => ({
    brackets: ofSize("", "["),
    "a list with a stray character at its end": ofSize("[", "1,", "x"),
    digits: ofSize('{"numberId":', "9", "}"),
    "many long numbers": ofSize('{"numberId":[', `${"9".repeat(400)},`, "0]}"),
    "many strings": ofSize('{"a":[', '"a",', '"a"]}'),
    quotes: ofSize("", '"'),
    backslashes: ofSize('"', "\\"),
    "escaped quotes": ofSize('{"a":"', '\\"', '"}'),
    "a stray character behind a long string": ofSize('{"a":"', "a", '"?}'),
    blanks: ofSize("", " "),
  });
  for (const size of [MAX_BODY_BYTES, MAX_SEND_BYTES]) {
    for (const [name, body] of Object.entries(bodies(fill(size)))) {
      const bytes = encode(body);
      const startMs = performance.now();
      decodeBody(bytes, size);
      const tookMs = performance.now() - startMs;
      assert(tookMs < 3000, `${name} of ${size} bytes took ${tookMs.toFixed()} ms`);
    }
  }
});
