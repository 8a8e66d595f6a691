/** Every field of what is published about messages stands in docs/contract.md or docs/messages.md. */

import { strict as assert } from "node:assert";
import { EXAMPLES } from "../matrix/in_examples.ts";
import { KINDS } from "../matrix/inbound_media.ts";

const DOCUMENT = new URL("../../docs/contract.md", import.meta.url);
const FIELDS = new URL("../../docs/messages.md", import.meta.url);
const GOLDEN = new URL("golden/worker_to_backend/", import.meta.url);

/** Whose fields are somebody else's. */
const OTHERS = new Set(["parameters"]);

function* namesIn(value: unknown): Generator<string> {
  if (Array.isArray(value)) { for (const each of value) yield* namesIn(each); }
  else if (typeof value === "object" && value !== null) {
    for (const [name, inner] of Object.entries(value)) {
      yield name;
      if (!OTHERS.has(name)) yield* namesIn(inner);
    }
  }
}

/** The text under a heading, up to the next one. */
function section(text: string, heading: string): string {
  return text.split(`\n## ${heading}\n`)[1]!.split("\n## ")[0]!;
}

Deno.test("docs/ have every field of the messages and media that are published", async () => {
  const texts = await Promise.all([DOCUMENT, FIELDS].map((url) => Deno.readTextFile(url)));
  const words = texts.flatMap((text) =>
    ["Messages received", "Media received"].map((heading) => section(text, heading))
  ).join("");
  const golden = await Promise.all(
    ["message_received", "message_media"].map(async (name) =>
      JSON.parse(await Deno.readTextFile(new URL(`${name}.json`, GOLDEN))).events
    ),
  );
  // Those that need a chat have nothing else that the golden files have not.
  const plain = EXAMPLES.filter(({ told }) => told.length === 0).map(({ told }) => told(undefined as never));
  const told = [...golden, plain, KINDS.map(({ media, message }) => ({ ...message, media }))];
  const names = new Set(namesIn(told));
  assert.ok(names.size > 60, "it is looked at");
  const missing = [...names].filter((name) => !new RegExp(`[\`".]${name}[\`":.]`).test(words));
  assert.deepEqual(missing, []);
});

Deno.test("docs/contract.md has every type of message, and golden files have an example of it", async () => {
  const text = section(await Deno.readTextFile(DOCUMENT), "Messages received");
  const source = await Promise.all(
    ["cards", "changes", "choices", "media", "occasions", "places", "polls"].map((name) =>
      Deno.readTextFile(new URL(`../../src/whatsapp/inbound/kinds/${name}.ts`, import.meta.url))
    ),
  );
  const types = new Set(
    source.flatMap((code) =>
      [...code.matchAll(/(?:type: |medium\(|offer\()"([A-Z_]{3,})"/g)].map(([, type]) => type!)
    ),
  );
  assert.ok(types.size > 20, [...types].join());
  const { events } = JSON.parse(await Deno.readTextFile(new URL("message_received.json", GOLDEN)));
  const shown = new Set(events.map(({ type }: { type: string }) => type));
  for (const type of [...types, "TEXT", "CALL", "UNKNOWN", "UNDECRYPTABLE"]) {
    assert.ok(text.includes(`\`${type}\``), `${type} is not documented`);
    assert.ok(shown.has(type), `no golden file has ${type}`);
  }
});
