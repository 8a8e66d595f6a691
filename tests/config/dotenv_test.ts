import assert from "node:assert/strict";
import dotenv from "dotenv";
import fc from "fast-check";
import { readEnvText } from "../../src/config/env_file.ts";
import { envFiles } from "./arbitraries.ts";

/** What the strict reader understands, if it accepts the file. */
function accepted(text: string): Record<string, string> | undefined {
  const { entries, faults } = readEnvText(new TextEncoder().encode(text), ".env");
  return faults.length > 0 ? undefined : Object.fromEntries(entries.map(({ key, value }) => [key, value]));
}

Deno.test("readEnvText() understands whole files as npm:dotenv does", () => {
  fc.assert(
    fc.property(envFiles({ optional: true, declared: true }), (text) => {
      assert.deepEqual(accepted(text), { ...dotenv.parse(text) });
      assert.deepEqual(accepted(text), { ...dotenv.parse(text, { fast: true }) });
    }),
    { seed: 1 },
  );
});

/** What is hard about such files, glued together at random: most is refused, and what is not must be read alike. */
const hard = fc.constantFrom(
  ..."A|B|KEY|=|=|=|'|'|\"|\"|`|#| # | |  |\n|\n|\n|\r\n|\\|\\n|\\r|\\'|\\\"|:|export |x|é|\t|\u00a0|\u2028|\ufeff|${A}|$A|\v"
    .split("|"),
);
const soup = fc.array(hard, { maxLength: 12 }).map((parts) => parts.join(""));
const texts = fc.oneof(
  soup,
  fc.array(fc.tuple(fc.constantFrom("A=", "B=", "KEY=", "#", ""), fc.constantFrom("", "'", '"'), soup), {
    maxLength: 4,
  })
    .map((lines) =>
      lines.map(([key, quote, rest]) => `${key}${quote}${rest.replaceAll(/[\r\n]/g, "")}${quote}\n`).join("")
    ),
);

Deno.test("readEnvText() understands whatever it accepts as npm:dotenv does", () => {
  let read = 0;
  fc.assert(
    fc.property(texts, (text) => {
      const values = accepted(text);
      if (values === undefined) return;
      if (Object.keys(values).length > 0) read++;
      assert.deepEqual(values, { ...dotenv.parse(text) });
    }),
    { numRuns: 20_000, seed: 1 },
  );
  assert.ok(read > 500, `only ${read} texts were accepted`);
});
