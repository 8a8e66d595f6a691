import assert from "node:assert/strict";
import { readEnvText } from "../../src/config/env_file.ts";
import { envExample } from "../../src/config/env_example.ts";
import { KEYS, rowOf } from "../../src/config/settings.ts";
import { faultsOf, load } from "./files.ts";

Deno.test(".env.example is what the table generates", async () => {
  const written = await Deno.readTextFile(new URL("../../.env.example", import.meta.url));
  assert.equal(written, envExample(), "run: deno run --allow-write=.env.example src/config/env_example.ts");
});

Deno.test("envExample() comments every key and sets the required ones", () => {
  const { entries, faults } = readEnvText(new TextEncoder().encode(envExample()), ".env.example");
  assert.deepEqual(faults, []);
  assert.deepEqual(entries.map(({ key }) => key), KEYS.filter((key) => rowOf(key).required));
  const lines = envExample().split("\n");
  for (const key of KEYS) {
    const at = lines.findIndex((line) => line.replace(/^# /, "").startsWith(`${key}=`));
    const range = lines[at - 1] ?? "";
    assert.match(lines[at - 2] ?? "", /^# [A-Z'a-z].*\.$/, `${key} says what it is for`);
    assert.match(range, /^# (Required|Optional|Not set by default): /);
    assert.ok(range.includes(rowOf(key).rule.expects), `${key} says what it takes`);
  }
});

Deno.test("envExample() is refused as it is, and accepted once CHANGE_ME is replaced, with all optional lines too", async () => {
  assert.deepEqual((await faultsOf(envExample())).map(({ code, key }) => [code, key]), [[
    "placeholder",
    "RABBITMQ_URL",
  ]]);
  const filled = envExample().replace("CHANGE_ME@", "secret@");
  const { settings } = await load(filled);
  const optional = filled.replace(/^# ([A-Z_]+=)/gm, "$1").replace(/^WHATSAPP_ROOT_KEY.*\n/m, "")
    .replace(/^(RABBITMQ_URL|BACKEND_API_KEY|HTTP_TOKEN)_FILE.*\n/gm, "")
    .replace("=amqp://", "=amqps://");
  const all = await load(optional);
  for (const key of KEYS.filter((key) => rowOf(key).default !== undefined)) {
    assert.deepEqual(all.settings[key], settings[key], `the example of ${key} is its default`);
  }
});
