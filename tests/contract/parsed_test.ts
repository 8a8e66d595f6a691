import assert from "node:assert/strict";
import fc from "fast-check";
import { quote } from "../../src/contract/parsed.ts";

Deno.test("quote() escapes what cannot be seen and cuts what is long", () => {
  assert.equal(quote('a"b\\c\n'), '"a\\"b\\\\c\\n"');
  assert.equal(quote("\u001b[31m\u009b\u202e\ud800"), '"\\u001b[31m\\u{9b}\\u{202e}\\ud800"');
  assert.equal(quote("é 😀"), '"é 😀"');
  assert.equal(quote("x".repeat(1000)), `"${"x".repeat(60)}…"`);
  assert.equal(quote(10n ** 100n), `1${"0".repeat(59)}…`);
});

Deno.test("quote() names lists and objects by kind", () => {
  assert.deepEqual([[1], {}, null, true, 1.5, undefined].map(quote), [
    "a list",
    "an object",
    "null",
    "true",
    "1.5",
    "undefined",
  ]);
});

Deno.test("quote() gives one short printable line for anything", () => {
  fc.assert(fc.property(fc.anything({ withBigInt: true }), (value) => {
    assert.match(quote(value), /^[^\p{C}\p{Zl}\p{Zp}]{1,700}$/u);
  }));
});
