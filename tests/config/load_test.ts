import assert from "node:assert/strict";
import { join } from "node:path";
import { FolderClosed } from "../../src/config/env_source.ts";
import { defaultEnvFile, loadConfig, renderFaults } from "../../src/config/load.ts";
import { faultsOf, inShort, load, refusal, VALID, withValue } from "./files.ts";

const environmentOf = (text: string): Record<string, string> =>
  Object.fromEntries(
    [...text.matchAll(/^([A-Z_]+)="?([^"\n]*)"?$/gm)].map(([, key, value]) => [key, value ?? ""]),
  );

Deno.test("loadConfig() reads the contract's settings, typed, and fills in the defaults", async () => {
  const { settings, warnings } = await load(VALID);
  assert.deepEqual(settings, {
    WORKER_ID: "worker-1",
    WORKER_NAME: "WhatsApp Worker 1",
    NODE_ENV: "production",
    RABBITMQ_URL: "amqp://guest:s3cr3tPass@broker.example.com:5672",
    RABBITMQ_URL_FILE: undefined,
    RABBITMQ_CA_FILE: undefined,
    RABBITMQ_CERT_FILE: undefined,
    RABBITMQ_KEY_FILE: undefined,
    RABBITMQ_MANAGEMENT_URL: undefined,
    QUEUE_MESSAGE_SEND: "whatsapp.message.send",
    QUEUE_MESSAGE_RECEIVE: "whatsapp.message.receive",
    QUEUE_NUMBER_HEALTH: "whatsapp.number.health",
    QUEUE_SESSION_UPDATE: "whatsapp.session.update",
    QUEUE_SESSION_EVENT: "whatsapp.session.update",
    QUEUE_MESSAGE_STATUS: "whatsapp.message.receive",
    QUEUE_HEALTH_COMMAND: undefined,
    SESSION_WIRING: "auto",
    RABBITMQ_EXCHANGE: "whatsapp.exchange",
    RABBITMQ_EXCHANGE_TYPE: undefined,
    RABBITMQ_PREFIX: "whatsapp",
    EVENT_CONTENT_TYPE: "application/json",
    BACKEND_API_URL: "http://localhost:8080/api",
    BACKEND_API_KEY: "",
    BACKEND_API_KEY_FILE: undefined,
    SESSION_DIR: "./sessions",
    SESSION_TIMEOUT: 3_600_000,
    MAX_RETRY_ATTEMPTS: 3,
    MESSAGE_TIMEOUT: 30_000,
    SEND_WAIT: 3_600_000,
    RECEIVE_INCLUDE: new Set(),
    HEALTH_CHECK_INTERVAL: 60_000,
    STATUS_INTERVAL: 30_000,
    MEDIA_ALLOW_HOSTS: new Set(),
    MEDIA_MAX_SIZE: 104_857_600,
    MEDIA_TIMEOUT: 120_000,
    MEDIA_INLINE_LIMIT: 262_144,
    MEDIA_KEEP: 604_800_000,
    MEDIA_KEEP_SIZE: 1_073_741_824,
    PACE_PER_MINUTE: 0,
    PACE_PER_DAY: 0,
    PACE_NEW_CONTACT_GAP: 0,
    PACE_WARM_UP_DAYS: 0,
    PACE_WARM_UP_START: 20,
    PACE_TYPING: 0,
    NUMBER_CHECKS_PER_MINUTE: 10,
    HTTP_HOST: "127.0.0.1",
    HTTP_PORT: 8090,
    HTTP_TOKEN: undefined,
    HTTP_TOKEN_FILE: undefined,
    LOG_LEVEL: "info",
    LOG_PRETTY: true,
    WHATSAPP_WEB_URL: "wss://web.whatsapp.com/ws/chat",
    WHATSAPP_ROOT_KEY: undefined,
  });
  assert.deepEqual(warnings, []);
});

Deno.test("loadConfig() takes environment over file over default and knows where each value came from", async () => {
  const text = withValue("SEND_WAIT", "5000");
  const { settings, sources } = await load(text, {
    environment: { LOG_LEVEL: "debug", QUEUE_SESSION_UPDATE: "prod.sessions" },
  });
  assert.deepEqual([settings.LOG_LEVEL, sources.get("LOG_LEVEL")], ["debug", "environment"]);
  assert.deepEqual([settings.SEND_WAIT, sources.get("SEND_WAIT")], [5000, "file"]);
  assert.deepEqual([settings.STATUS_INTERVAL, sources.get("STATUS_INTERVAL")], [30_000, "default"]);
  assert.equal(settings.QUEUE_SESSION_EVENT, "prod.sessions", "a default follows the value that counts");
  assert.equal(settings.RABBITMQ_PREFIX, "prod.sessions");
});

Deno.test("loadConfig() checks the environment by the same rules and says so, with secrets masked", async () => {
  const environment = {
    LOG_LEVEL: "loud",
    MESSAGE_TIMEOUT: "",
    RABBITMQ_URL: "amqp://u:topsecretword@h:0",
    PATH: "/bin",
  };
  const error = await refusal(load(VALID, { environment }));
  assert.deepEqual(error.faults.map(({ file, line, key, code, quoted }) => [file, line, key, code, quoted]), [
    ["environment", undefined, "RABBITMQ_URL", "invalid_value", "RABBITMQ_URL=amqp://***@h:0"],
    ["environment", undefined, "MESSAGE_TIMEOUT", "empty_value", "MESSAGE_TIMEOUT="],
    ["environment", undefined, "LOG_LEVEL", "invalid_value", "LOG_LEVEL=loud"],
  ]);
  assert.match(error.message, /^environment: LOG_LEVEL: Value must be one of fatal, error, warn/m);
});

Deno.test("loadConfig() refuses control characters and other assignments in the environment too", async () => {
  const environment = {
    WORKER_NAME: "a\nb",
    SESSION_DIR: "./x\x1b",
    LOG_LEVEL: "infoLOG_PRETTY=true",
    BACKEND_API_KEY: "x\n",
  };
  const faults = await faultsOf(VALID, { environment });
  assert.deepEqual(faults.map(({ key, code, file }) => [key, code, file]), [
    ["WORKER_NAME", "invalid_value", "environment"],
    ["BACKEND_API_KEY", "invalid_value", "environment"],
    ["SESSION_DIR", "invalid_value", "environment"],
    ["LOG_LEVEL", "holds_assignment", "environment"],
  ]);
});

Deno.test("loadConfig() refuses a bad value of the file also where the environment overrides it", async () => {
  const faults = await faultsOf(withValue("LOG_LEVEL", "loud"), { environment: { LOG_LEVEL: "info" } });
  assert.deepEqual(inShort(faults), ["17:11 invalid_value"]);
});

Deno.test("loadConfig() asks for every key of the contract, in the file or in the environment", async () => {
  for (const [key, value] of Object.entries(environmentOf(VALID))) {
    const text = VALID.replace(new RegExp(`^${key}=.*\n`, "m"), "");
    const faults = await faultsOf(text);
    assert.deepEqual(faults.map(({ code, key }) => [code, key]), [["missing_key", key]]);
    await load(text, { environment: { [key]: value } });
  }
  assert.equal((await faultsOf("")).length, 17);
});

Deno.test("loadConfig() refuses empty required values, but takes an empty BACKEND_API_KEY and RECEIVE_INCLUDE", async () => {
  for (const key of Object.keys(environmentOf(VALID)).filter((key) => key !== "BACKEND_API_KEY")) {
    const [fault, ...more] = await faultsOf(withValue(key, ""));
    assert.deepEqual([fault?.code, fault?.key, more], ["empty_value", key, []]);
  }
  await load(withValue("RECEIVE_INCLUDE", ""));
  assert.equal((await faultsOf(withValue("SEND_WAIT", "''")))[0]?.code, "empty_value");
});

Deno.test("loadConfig() warns of a file with a password that everybody can read, and refuses it in production", async () => {
  const development = withValue("NODE_ENV", "development");
  const { warnings } = await load(development, { mode: 0o644 });
  assert.deepEqual(warnings.map(({ code, file, remedy }) => [code, file, remedy]), [[
    "world_readable",
    ".env",
    "chmod 600 .env",
  ]]);
  assert.deepEqual(inShort(await faultsOf(VALID, { mode: 0o644 })), ["- world_readable"]);
  assert.deepEqual(
    inShort(await faultsOf(development, { mode: 0o644, environment: { NODE_ENV: "production" } })),
    [
      "- world_readable",
    ],
  );
  assert.deepEqual((await load(VALID, { mode: 0o640 })).warnings, []);
  const withoutPassword = withValue("RABBITMQ_URL", "amqp://localhost");
  assert.deepEqual((await load(withoutPassword, { mode: 0o644 })).warnings, []);
  assert.deepEqual(
    inShort(await faultsOf(withoutPassword.replace("API_KEY=", "API_KEY=x"), { mode: 0o644 })),
    ["- world_readable"],
  );
});

Deno.test("loadConfig() reads a file from the disk, and refuses a folder, a missing, a large and an unreadable one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const file = join(folder, "worker.env");
    const codes = async (envFile: string) =>
      (await refusal(loadConfig({ envFile, environment: {} }))).faults.map(({ code }) => code);
    assert.deepEqual(await codes(file), ["file_missing"]);
    await Deno.writeTextFile(file, VALID, { mode: 0o600 });
    assert.equal((await loadConfig({ envFile: file, environment: {} })).settings.WORKER_ID, "worker-1");
    await Deno.writeTextFile(file, VALID + "#".repeat(64 * 1024));
    assert.deepEqual(await codes(file), ["file_too_large"]);
    assert.deepEqual(await codes(folder), ["not_a_file"]);
    assert.deepEqual(await codes("/dev/null"), ["not_a_file"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const readFile = () => Promise.reject(new Deno.errors.PermissionDenied("Permission denied"));
  const { faults, message } = await refusal(loadConfig({ envFile: "x", environment: {}, readFile }));
  assert.deepEqual(inShort(faults), ["- file_unreadable"]);
  assert.match(message, /x: The file cannot be read \(PermissionDenied\)/);
});

Deno.test("loadConfig() without a named file takes ./.env, and the installed one where only that is there", async () => {
  const installed = "/etc/whatsapp-worker/worker.env";
  const bytes = new TextEncoder().encode(VALID);
  const nowhere = () => Promise.reject(new Deno.errors.NotFound("No such file"));
  const here = () => Promise.resolve({ bytes, size: bytes.length, mode: 0o640 });
  const onlyInstalled = (path: string) => path === installed ? here() : nowhere();
  const shut = (path: string) =>
    path === "/elsewhere" ? Promise.reject(new Deno.errors.PermissionDenied("Permission denied")) : nowhere();
  const closed = (path: string) =>
    path === installed ? here() : Promise.reject(new FolderClosed("Permission denied"));
  assert.equal(await defaultEnvFile(here), "./.env");
  assert.equal(await defaultEnvFile(closed), installed, "where one is cannot be seen");
  assert.equal(await defaultEnvFile(closed, "/elsewhere"), "/elsewhere");
  assert.equal(await defaultEnvFile(nowhere), "./.env");
  assert.equal(await defaultEnvFile(onlyInstalled), installed);
  assert.equal(await defaultEnvFile(shut, "/elsewhere"), "/elsewhere", "one that may not be read is there");
  const { settings, envFile } = await loadConfig({ environment: {}, readFile: onlyInstalled });
  assert.deepEqual([settings.WORKER_ID, envFile], ["worker-1", installed]);
});

Deno.test("loadConfig() needs no ./.env when the environment has everything, but needs a file that was named", async () => {
  const environment = environmentOf(VALID);
  const readFile = () => Promise.reject(new Deno.errors.NotFound("No such file"));
  const { sources } = await loadConfig({ environment, readFile });
  assert.equal(sources.get("WORKER_ID"), "environment");
  assert.deepEqual(inShort((await refusal(loadConfig({ envFile: ".env", environment, readFile }))).faults), [
    "- file_missing",
  ]);

  const { LOG_LEVEL: _, LOG_PRETTY: __, ...some } = environment;
  const { faults } = await refusal(loadConfig({ environment: some, readFile }));
  assert.equal(
    renderFaults(faults),
    "./.env: There is no such file, and the environment does not set LOG_LEVEL, LOG_PRETTY [file_missing]\n" +
      "    → Copy .env.example to ./.env and fill it in",
  );
});

Deno.test("loadConfig() diagnoses the file that started it all as a person would", async () => {
  const error = await refusal(load(`WORKER_ID=worker-1
WORKER_NAME="WhatsApp Worker 

                            host:8080/api:5672
LOG_LEVEL=infoL=http://localh
NODE_ENV=production
`));
  const [quote, rest, overwritten, ...missing] = error.message.split("\n    → ").map((part) =>
    part.split("\n").slice(-2)
  );
  assert.deepEqual([quote, rest, overwritten], [
    [
      ".env:2:13: The quote that opens here does not close on its line [unclosed_quote]",
      '    WORKER_NAME="WhatsApp Worker ',
    ],
    [
      ".env:4:29: This is no KEY=value, comment or blank line; it looks like the rest of RABBITMQ_URL and BACKEND_API_URL " +
      "[not_an_assignment]",
      "                                host:8080/api:5672",
    ],
    [
      ".env:5:15: The value of LOG_LEVEL holds another assignment: from here it looks like BACKEND_API_URL=, or the end of it " +
      "[holds_assignment]",
      "    LOG_LEVEL=infoL=http://localh",
    ],
  ]);
  assert.equal(missing.length, 14);
  assert.deepEqual(error.faults.slice(3).map(({ key }) => key), [
    "RABBITMQ_URL",
    "QUEUE_MESSAGE_SEND",
    "QUEUE_MESSAGE_RECEIVE",
    "QUEUE_NUMBER_HEALTH",
    "QUEUE_SESSION_UPDATE",
    "BACKEND_API_URL",
    "BACKEND_API_KEY",
    "SESSION_DIR",
    "SESSION_TIMEOUT",
    "MAX_RETRY_ATTEMPTS",
    "MESSAGE_TIMEOUT",
    "HEALTH_CHECK_INTERVAL",
    "LOG_PRETTY",
  ]);
  assert.match(
    error.message,
    /overwritten in place around lines 2 to 5.*13 settings are gone.*write it anew from \.env\.example/,
  );
  assert.deepEqual([error.code, error.exitCode], ["config_invalid", 78]);
});

Deno.test("ConfigError says each fault on a line of its own where a line is an entry", async () => {
  const error = await refusal(load(`LOG_LEVEL=loud\nWORKER_NAME="Worker\n`));
  const [first, ...faults] = error.in("journal").split("\n");
  assert.equal(first, `Configuration refused: ${error.faults.length} faults`);
  assert.equal(faults.length, error.faults.length);
  assert.equal(
    faults[1],
    ".env:2:13: The quote that opens here does not close on its line [unclosed_quote] " +
      `(${error.faults[1]?.quoted}) → ${error.faults[1]?.remedy}`,
  );
  assert.equal(error.in("terminal"), error.message);
});
