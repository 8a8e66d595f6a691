/** Secrets in files of their own: `RABBITMQ_URL_FILE`, `BACKEND_API_KEY_FILE`, `HTTP_TOKEN_FILE`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { ConfigError, loadConfig } from "../../src/config/load.ts";
import { secretPart } from "../../src/config/quote.ts";
import { KEYS, rowOf, type SecretKey } from "../../src/config/settings.ts";
import { secret, VALUES } from "./arbitraries.ts";
import { damaged } from "./damage.ts";
import { faultsOf, load, refusal, VALID, withLine, withValue } from "./files.ts";

const SECRET_KEYS = KEYS.flatMap((key) => rowOf(key).fileOf ?? []);
const URL = "amqp://wa:0th3rPass@mq.example.com:5672/prod";

/** {@link VALID} with the broker's URL in a file that holds `text`. */
const urlIn = (text: string, mode = 0o600) => ({
  env: withLine("RABBITMQ_URL", "RABBITMQ_URL_FILE=/run/url"),
  files: { "/run/url": { text, mode } },
});

Deno.test("every secret that may stand in the .env may stand in a file", () => {
  assert.deepEqual(SECRET_KEYS, KEYS.filter((key) => rowOf(key).secret));
});

Deno.test("loadConfig() takes a secret from the file that is named, with or without a newline at its end", async () => {
  for (const end of ["", "\n", "\r\n"]) {
    const { env, files } = urlIn(URL + end);
    const { settings, sources, warnings } = await load(env, { files });
    assert.equal(settings.RABBITMQ_URL, URL);
    assert.deepEqual([sources.get("RABBITMQ_URL"), sources.get("RABBITMQ_URL_FILE")], [
      "secret file",
      "file",
    ]);
    assert.deepEqual(warnings, []);
  }
  const { settings } = await load(withValue("HTTP_HOST", "0.0.0.0"), {
    environment: { HTTP_TOKEN_FILE: "./token" },
    files: { "./token": { text: "a-token-of-some-length\n" } },
  });
  assert.equal(settings.HTTP_TOKEN, "a-token-of-some-length", "named by the environment, a relative path");
});

Deno.test("loadConfig() refuses a secret that is given and also named by file, wherever each stands", async () => {
  const files = { "/run/url": { text: URL }, "/run/key": { text: "key" } };
  const faults = await faultsOf(withValue("BACKEND_API_KEY_FILE", "/run/key"), {
    files,
    environment: { RABBITMQ_URL_FILE: "/run/url" },
  });
  assert.deepEqual(faults.map(({ code, key, file, line }) => [code, key, file, line]), [
    ["given_twice", "BACKEND_API_KEY_FILE", ".env", 20],
    ["given_twice", "RABBITMQ_URL_FILE", "environment", undefined],
  ]);
});

Deno.test("loadConfig() says of a secret's file what is wrong with it, and never what it holds", async () => {
  const cases: [text: string, code: string][] = [
    ["", "empty_file"],
    ["\n", "empty_file"],
    [`${URL}\n${URL}\n`, "several_lines"],
    [`${URL}\n\n`, "several_lines"],
    [`RABBITMQ_URL=${URL}\n`, "not_only_value"],
    [` ${URL}`, "invalid_value"],
    [`${URL} `, "invalid_value"],
    ["amqp://wa:0th3rPass@mq.example.com:0", "invalid_value"],
    ["amqp://wa:CHANGE_ME0th3rPass@mq.example.com", "placeholder"],
    [`\ufeff${URL}`, "invalid_value"],
  ];
  for (const [text, code] of cases) {
    const { env, files } = urlIn(text);
    const { faults, message } = await refusal(load(env, { files }));
    assert.deepEqual(faults.map(({ code, file, key }) => [code, file, key]), [[
      code,
      "/run/url",
      "RABBITMQ_URL",
    ]]);
    assert.doesNotMatch(message + JSON.stringify(faults), /0th3|3rPa|mq\.example/);
  }
});

Deno.test("loadConfig() refuses a file for a secret that is not there, no file, too large or not to be read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const envFile = join(folder, "worker.env");
    const url = join(folder, "url");
    await Deno.writeTextFile(envFile, withLine("RABBITMQ_URL", `RABBITMQ_URL_FILE=${url}`), { mode: 0o600 });
    const faults = async () =>
      (await refusal(loadConfig({ envFile, environment: {} }))).faults.map(({ code, file, key }) => [
        code,
        file,
        key,
      ]);
    assert.deepEqual(await faults(), [["file_missing", url, "RABBITMQ_URL_FILE"]]);
    await Deno.mkdir(url);
    assert.deepEqual(await faults(), [["not_a_file", url, "RABBITMQ_URL_FILE"]]);
    await Deno.remove(url);
    await Deno.writeTextFile(url, "x".repeat(64 * 1024 + 1), { mode: 0o600 });
    assert.deepEqual(await faults(), [["file_too_large", url, "RABBITMQ_URL_FILE"]]);
    await Deno.writeTextFile(url, `${URL}\n`);
    assert.equal((await loadConfig({ envFile, environment: {} })).settings.RABBITMQ_URL, URL);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const bytes = new TextEncoder().encode(withLine("RABBITMQ_URL", "RABBITMQ_URL_FILE=/root/url"));
  const readFile = (path: string) =>
    path === ".env"
      ? Promise.resolve({ bytes, size: bytes.length, mode: 0o600 })
      : Promise.reject(new Deno.errors.PermissionDenied("Permission denied"));
  const { message } = await refusal(loadConfig({ envFile: ".env", environment: {}, readFile }));
  assert.match(message, /^\/root\/url: The file cannot be read \(PermissionDenied\) \[file_unreadable\]$/m);
});

Deno.test("loadConfig() refuses a secret's file that everybody can read in production, and warns of it elsewhere", async () => {
  const { env, files } = urlIn(URL, 0o644);
  const [fault, ...more] = await faultsOf(env, { files });
  assert.deepEqual([fault?.code, fault?.file, fault?.remedy, more], [
    "world_readable",
    "/run/url",
    "chmod o-rwx /run/url",
    [],
  ]);
  const { warnings } = await load(env.replace("=production", "=development"), { files });
  assert.deepEqual(warnings.map(({ code, file }) => [code, file]), [["world_readable", "/run/url"]]);
  assert.deepEqual((await load(env, urlIn(URL, 0o440))).warnings, []);
});

Deno.test("loadConfig() refuses a secret written where its file's path should stand, and does not show it", async () => {
  for (const value of [URL, "0th3rPass", "~/url", ""]) {
    const { faults, message } = await refusal(load(withLine("RABBITMQ_URL", `RABBITMQ_URL_FILE=${value}`)));
    assert.deepEqual(faults.map(({ key }) => key), ["RABBITMQ_URL_FILE"]);
    assert.doesNotMatch(message, /0th3rPass/);
  }
});

Deno.test("loadConfig() shows nothing of a lost secret when its file cannot be read", async () => {
  const torn = withLine("RABBITMQ_URL", "RABBITMQ_URL_FILE=/run/url").replace(
    "LOG_LEVEL=info",
    "LOG_LEVEL=0th3rPass",
  );
  const { faults, message } = await refusal(load(torn));
  assert.deepEqual(faults.map(({ code }) => code), ["invalid_value", "file_missing"]);
  assert.doesNotMatch(message, /0th3rPass/);
});

/** A value of each secret, and which of them stand in a file. */
const placed = fc.record({
  values: fc.record({
    RABBITMQ_URL: VALUES.RABBITMQ_URL,
    BACKEND_API_KEY: secret,
    HTTP_TOKEN: VALUES.HTTP_TOKEN,
  }),
  byFile: fc.subarray(SECRET_KEYS, { minLength: 1 }),
});

/** The `.env` with the secrets that do not stand in files, and those files. */
function placing(values: Record<SecretKey, string>, byFile: readonly SecretKey[]) {
  const lines = SECRET_KEYS.map((key) =>
    byFile.includes(key) ? `${key}_FILE=/run/${key}` : `${key}="${values[key]}"`
  );
  const env = `${VALID.replace(/^(RABBITMQ_URL|BACKEND_API_KEY)=.*\n/gm, "")}${lines.join("\n")}\n`;
  return {
    env,
    files: Object.fromEntries(byFile.map((key) => [`/run/${key}`, { text: `${values[key]}\n` }])),
  };
}

Deno.test("loadConfig() makes the same settings of secrets in files and in the .env", async () => {
  await fc.assert(
    fc.asyncProperty(placed, async ({ values, byFile }) => {
      const { env, files } = placing(values, byFile);
      const { settings, sources } = await load(env, { files });
      for (const key of SECRET_KEYS) {
        assert.equal(settings[key], values[key]);
        assert.equal(sources.get(key), byFile.includes(key) ? "secret file" : "file");
      }
    }),
    { numRuns: 100 },
  );
});

Deno.test("loadConfig() shows nothing of a secret's file however it is damaged", async () => {
  const files = fc.constantFrom(...SECRET_KEYS).chain((key) =>
    fc.record({
      key: fc.constant(key),
      damage: damaged(VALUES[key].filter((text) => secretPart(text).length > 4)),
    })
  );
  await fc.assert(
    fc.asyncProperty(files, async ({ key, damage: { text, bytes } }) => {
      const path = `/run/${key}`;
      const env = withLine(key, `${key}_FILE=${path}`);
      try {
        await load(env, { files: { [path]: { text: bytes } } });
      } catch (error) {
        if (!(error instanceof ConfigError)) throw error;
        const said = error.message + JSON.stringify(error.faults);
        const hidden = secretPart(text);
        for (let at = 0; at + 5 <= hidden.length; at++) {
          assert.ok(!said.includes(hidden.slice(at, at + 5)), `${hidden} shows in:\n${said}`);
        }
      }
    }),
    { numRuns: 1_000 },
  );
});
