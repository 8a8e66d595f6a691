import { strict as assert } from "node:assert";
import { bounded } from "../../../src/whatsapp/inbound/bounds.ts";

Deno.test("bounded() leaves what people write as it is", () => {
  const written = {
    body: "salut 👋\n",
    list: [1, null, true, { text: "é".repeat(65_536) }],
    none: undefined,
  };
  assert.deepEqual(bounded(written), { value: written, isCut: false });
});

Deno.test("bounded() cuts texts, lists and depths, and says so", () => {
  const { value: text, isCut } = bounded("x".repeat(1 << 20));
  assert.deepEqual([text.length, isCut], [256 * 1024, true]);
  const list = bounded(Array.from({ length: 10_000 }, (_, i) => i));
  assert.deepEqual([list.value.length, list.value.at(-1), list.isCut], [1024, 1023, true]);
  let deep: unknown = "bottom";
  for (let i = 0; i < 100_000; i++) deep = i % 2 ? [deep] : { deep };
  const shallow = bounded(deep);
  assert(shallow.isCut);
  assert(JSON.stringify(shallow.value).length < 200);
});

Deno.test("bounded() bounds what all of it takes as JSON, however it is spread", () => {
  const control = "\x01".repeat(2_000);
  const wide = Array.from({ length: 1_000 }, () => Array.from({ length: 1_000 }, () => [control]));
  const named = Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [control + i, control]));
  const hollow = Array.from({ length: 1_024 }, () => Array.from({ length: 1_024 }, () => [[[[]]]]));
  for (const hostile of [wide, named, hollow]) {
    const { value, isCut } = bounded(hostile);
    const bytes = new TextEncoder().encode(JSON.stringify(value)).length;
    assert(isCut && bytes < 14 * 1024 * 1024, `${bytes} bytes`);
  }
});

Deno.test("bounded() replaces what no text can hold, and tears no character apart", () => {
  const hostile = { "a\0": `\0 ${"\ud800"} 👋`, torn: "x".repeat(256 * 1024 - 1) + "👋" };
  const { value } = bounded<Record<string, string>>(hostile);
  assert.equal(value["a\ufffd"], "\ufffd \ufffd 👋");
  assert(value.torn!.isWellFormed());
});
