import assert from "node:assert/strict";
import { type Key, KEYS, rowOf } from "../../src/config/settings.ts";
import { faultsOf, inShort, load, VALID, withLine, withValue } from "./files.ts";

const TAKEN: Partial<Record<Key, string[]>> = {
  WORKER_ID: ["a", "Worker.1_x-y", "x".repeat(64), "7"],
  WORKER_NAME: ["Dakar", "Téléphone n° 2".replace("°", "o"), "A (b), c/d"],
  NODE_ENV: ["production", "development", "test"],
  RABBITMQ_URL: [
    "amqp://localhost",
    "amqps://u:p%40%2F@[::1]:5671/%2Fprod",
    "amqp://u@h:1/v?heartbeat=10&frameMax=4096",
    "amqp://u:p=(x)*!@10.0.0.1:65535/",
  ],
  QUEUE_MESSAGE_SEND: ["q", "prod.send-1", "файл.очередь", "q".repeat(255)],
  QUEUE_SESSION_EVENT: ["whatsapp.session.update", "whatsapp.worker.events"],
  QUEUE_MESSAGE_STATUS: ["whatsapp.message.receive", "whatsapp.message.status"],
  QUEUE_HEALTH_COMMAND: ["whatsapp.health.request"],
  SESSION_WIRING: ["auto", "queue", "exchange"],
  RABBITMQ_EXCHANGE: ["amq.topic", "backend"],
  RABBITMQ_EXCHANGE_TYPE: ["topic", "direct"],
  RABBITMQ_PREFIX: ["staging", "p".repeat(128)],
  EVENT_CONTENT_TYPE: ["application/json", "text/plain"],
  BACKEND_API_URL: [
    "https://api.example.com",
    "http://backend:8080/api/v1/",
    "http://[::1]/",
    "http://10.0.0.1:80",
  ],
  BACKEND_API_KEY: ["", "k", "c2VjcmV0Cg==", "'with#hash'"],
  SESSION_DIR: ["/var/lib/worker", "sessions", "../sessions", "'./my sessions'", "."],
  SESSION_TIMEOUT: ["1000", "604800000"],
  MAX_RETRY_ATTEMPTS: ["1", "20"],
  MESSAGE_TIMEOUT: ["1000", "600000"],
  SEND_WAIT: ["1000", "604800000"],
  RECEIVE_INCLUDE: ["", "calls", "edits,from_me,status,newsletter,reactions,calls"],
  HEALTH_CHECK_INTERVAL: ["1000", "3600000"],
  STATUS_INTERVAL: ["1000", "3600000"],
  MEDIA_ALLOW_HOSTS: ["", "files.example.com", "10.0.0.5:8080,localhost,[fd00::5]:1"],
  MEDIA_MAX_SIZE: ["1024", "2147483648"],
  MEDIA_TIMEOUT: ["1000", "600000"],
  MEDIA_INLINE_LIMIT: ["0", "8388608"],
  MEDIA_KEEP: ["60000", "31536000000"],
  MEDIA_KEEP_SIZE: ["0", "1099511627776"],
  PACE_PER_MINUTE: ["0", "10000"],
  PACE_PER_DAY: ["0", "1000000"],
  PACE_NEW_CONTACT_GAP: ["0", "3600000"],
  PACE_WARM_UP_DAYS: ["0", "90"],
  PACE_WARM_UP_START: ["1", "100000"],
  PACE_TYPING: ["0", "1000"],
  NUMBER_CHECKS_PER_MINUTE: ["0", "1000"],
  HTTP_HOST: ["127.0.0.1", "localhost", "::1", ""],
  HTTP_PORT: ["1", "65535", ""],
  HTTP_TOKEN: ["c2VjcmV0LWZvci1tZXRyaWNz", "x".repeat(256)],
  RABBITMQ_MANAGEMENT_URL: ["http://localhost:15672", "https://mq.example.com/management"],
  LOG_LEVEL: ["fatal", "error", "warn", "info", "debug", "trace", "silent"],
  LOG_PRETTY: ["true", "false"],
  WHATSAPP_WEB_URL: [
    "wss://web.whatsapp.com/ws/chat",
    "ws://127.0.0.1:9/ws",
    "ws://[::1]:9/ws",
    "ws://127.1.2.3/ws",
  ],
};

const REFUSED: Partial<Record<Key, string[]>> = {
  WORKER_ID: ["a b", "é", "x".repeat(65), "a/b", ".", ".."],
  WORKER_NAME: ["a  b", "' a'", "'a '", "x".repeat(65), "a:b", "a=b"],
  NODE_ENV: ["prod", "Production"],
  RABBITMQ_URL: [
    "localhost",
    "http://localhost",
    "amqp:localhost",
    "amqp://",
    "amqp://:5672",
    "amqp://h:0",
    "amqp://h:65536",
    "amqp://h:",
    "amqp://u:p@ss@h",
    "amqp://u:p/q@h",
    "amqp://u:p@h:5672:5672",
    "amqp://u:p@h/a/b",
    "amqp://u:p@h v",
    "amqp://u:p@-h",
    "amqp://u:p@999.1.1.1",
    "amqp://u:p@h?heartbeat",
    "'amqp://u:p@h#x'",
  ],
  RABBITMQ_MANAGEMENT_URL: ["http://u:p@localhost:15672", "localhost:15672"],
  HTTP_HOST: ["metrics.example.com", "0.0.0.0", "999.1.1.1"],
  HTTP_PORT: ["0", "65536", "http"],
  HTTP_TOKEN: ["short", "with blank in it!"],
  RABBITMQ_CA_FILE: ["~/ca.pem", "$HOME/ca.pem", "''"],
  QUEUE_MESSAGE_SEND: [
    "amq.q",
    "AMQ.q",
    "a b",
    "a..b",
    ".a",
    "a.",
    "q".repeat(256),
    "é".repeat(128),
    "a=b",
    "a,b",
  ],
  RABBITMQ_EXCHANGE: ["a b"],
  RABBITMQ_PREFIX: ["amq.x", "p".repeat(129), "whatsapp."],
  SESSION_WIRING: ["Auto"],
  RABBITMQ_EXCHANGE_TYPE: ["x-delayed-message"],
  EVENT_CONTENT_TYPE: ["text/html"],
  BACKEND_API_URL: [
    "localhost:8080",
    "ftp://h",
    "http:/h",
    "http://",
    "http://u:p@h",
    "http://h?x=1",
    "http://h//x",
    "http://h:99999",
    "http://h/a b",
    "http://h/\\x",
    "http://1.2.3.400/",
  ],
  BACKEND_API_KEY: ["a b", "é", "k".repeat(4097)],
  SESSION_DIR: ["/", "//", "/.", "/x/..", "..", "../..", "~/sessions", "$HOME/sessions", "'C:\\x'", "'a\"b'"],
  SESSION_TIMEOUT: [
    "999",
    "604800001",
    "1e6",
    "-1",
    "+1000",
    "01000",
    "1000.5",
    "1000ms",
    "1_000",
    "Infinity",
    "9".repeat(40),
  ],
  MAX_RETRY_ATTEMPTS: ["0", "21"],
  MESSAGE_TIMEOUT: ["999", "600001"],
  SEND_WAIT: ["0"],
  RECEIVE_INCLUDE: ["all", "calls,", "calls,calls", "calls edits"],
  MEDIA_ALLOW_HOSTS: ["http://h", "a,", "a b", "*.example.com", "10.0.0.5:99999", "[fd00::zz]", "10.0.0.0/8"],
  MEDIA_MAX_SIZE: ["0", "1e6", "2147483649"],
  MEDIA_INLINE_LIMIT: ["8388609"],
  PACE_WARM_UP_START: ["0"],
  PACE_TYPING: ["1001"],
  LOG_LEVEL: ["verbose", "INFO"],
  LOG_PRETTY: ["1", "yes", "True"],
  WHATSAPP_WEB_URL: [
    "ws://web.whatsapp.com/ws/chat",
    "ws://localhost:9/ws",
    "https://h/",
    "wss://u:p@h/",
    "ws://128.0.0.1/ws",
  ],
  WHATSAPP_ROOT_KEY: ["0".repeat(63), "g".repeat(64)],
};

for (const [key, values] of Object.entries(TAKEN)) {
  Deno.test(`TABLE.${key} takes what is right`, async () => {
    for (const value of values) await load(withValue(key, value));
  });
}
for (const [key, values] of Object.entries(REFUSED)) {
  Deno.test(`TABLE.${key} refuses what is not, naming what it must be`, async () => {
    for (const value of values) {
      const faults = await faultsOf(withValue(key, value));
      assert.ok(
        faults.some((fault) => fault.key === key && fault.remedy !== ""),
        `${value}: ${inShort(faults)}`,
      );
    }
  });
}

Deno.test("TABLE takes its own examples, and only the secret URL holds a placeholder", () => {
  for (const key of KEYS) {
    const { example, rule } = rowOf(key);
    assert.doesNotThrow(() => rule.parse(example), key);
    assert.equal(example.includes("CHANGE_ME"), key === "RABBITMQ_URL");
  }
});

Deno.test("loadConfig() refuses the placeholders of .env.example", async () => {
  for (
    const [key, value] of [["RABBITMQ_URL", rowOf("RABBITMQ_URL").example], [
      "WORKER_NAME",
      "CHANGE_ME",
    ]] as const
  ) {
    assert.deepEqual((await faultsOf(withValue(key, value))).map(({ code, key }) => [code, key]), [[
      "placeholder",
      key,
    ]]);
  }
});

const EMBEDDED: [line: string, at: number, likely: string][] = [
  ["LOG_LEVEL=infoL=http://localh", 15, "BACKEND_API_URL"],
  ["LOG_LEVEL=infoLOG_PRETTY=true", 15, "LOG_PRETTY"],
  ["LOG_LEVEL=info_PRETTY=true", 15, "LOG_PRETTY"],
  ["SESSION_DIR=./sesSESSION_TIMEOUT=3600000", 18, "SESSION_TIMEOUT"],
  ['WORKER_NAME="WhatsAppVAL=60000"', 22, "HEALTH_CHECK_INTERVAL"],
];
for (const [line, column, likely] of EMBEDDED) {
  Deno.test(`loadConfig() sees the other assignment in ${line}`, async () => {
    const key = line.slice(0, line.indexOf("="));
    const [fault] = (await faultsOf(withLine(key, line))).filter(({ code }) => code === "holds_assignment");
    assert.deepEqual([fault?.key, fault?.column, fault?.quoted], [key, column, line]);
    assert.match(fault?.message ?? "", new RegExp(`looks like ${likely}=`));
  });
}

Deno.test("loadConfig() sees in secrets only the full name of a key before a =", async () => {
  await load(withValue("BACKEND_API_KEY", "c2VjcmV0L=Y="));
  await load(withValue("RABBITMQ_URL", "amqp://u:passL=x@h"));
  const [fault] = await faultsOf(withValue("BACKEND_API_KEY", "abcLOG_LEVEL=info"));
  assert.deepEqual([fault?.code, fault?.quoted], ["holds_assignment", "BACKEND_API_KEY=***"]);
});

const QUEUE: Record<string, string> = {
  SEND: "QUEUE_MESSAGE_SEND",
  RECEIVE: "QUEUE_MESSAGE_RECEIVE",
  HEALTH: "QUEUE_NUMBER_HEALTH",
  UPDATE: "QUEUE_SESSION_UPDATE",
  EVENT: "QUEUE_SESSION_EVENT",
  STATUS: "QUEUE_MESSAGE_STATUS",
  REQUEST: "QUEUE_HEALTH_COMMAND",
};
const ONE = ["UPDATE EVENT", "RECEIVE STATUS", "EVENT STATUS"];
for (const [index, first] of Object.keys(QUEUE).entries()) {
  for (const second of Object.keys(QUEUE).slice(index + 1)) {
    const allowed = ONE.includes(`${first} ${second}`);
    Deno.test(`loadConfig() ${allowed ? "lets" : "does not let"} ${QUEUE[first]} and ${QUEUE[second]} be one queue`, async () => {
      const names = Object.fromEntries(
        Object.values(QUEUE).map((key) => [key, `queue.${key.toLowerCase()}`]),
      );
      const environment = { ...names, [String(QUEUE[first])]: "same", [String(QUEUE[second])]: "same" };
      if (allowed) return void await load(withLine("LOG_LEVEL", "LOG_LEVEL=info"), { environment });
      const faults = await faultsOf(withLine("LOG_LEVEL", "LOG_LEVEL=info"), { environment });
      assert.deepEqual(faults.map(({ code, key, file }) => [code, key, file]), [[
        "same_queue",
        QUEUE[second],
        "environment",
      ]]);
    });
  }
}

Deno.test("loadConfig() refuses queues with a name of the worker's own", async () => {
  for (
    const name of [
      "session.command",
      "router.retry",
      "router.parked",
      "dead-letter",
      "worker.worker-1.inbox",
      "number.17",
    ]
  ) {
    assert.deepEqual(inShort(await faultsOf(withValue("QUEUE_MESSAGE_STATUS", `whatsapp.${name}`))), [
      "20:22 reserved_queue",
    ]);
  }
});

Deno.test("loadConfig() refuses a prefix that follows a QUEUE_SESSION_UPDATE too long for it", async () => {
  const faults = await faultsOf(withValue("QUEUE_SESSION_UPDATE", "q".repeat(200)));
  assert.deepEqual(faults.map(({ code, key }) => [code, key]), [["invalid_value", "RABBITMQ_PREFIX"]]);
});

Deno.test("loadConfig() refuses files for TLS where nothing is encrypted, and half of a pair", async () => {
  const faults = async (url: string, ...keys: Key[]) => {
    const files = keys.map((key) => `${key}=/etc/${key}.pem\n`).join("");
    return (await faultsOf(withValue("RABBITMQ_URL", url) + files)).map(({ code, key }) => [code, key]);
  };
  const all: Key[] = ["RABBITMQ_CA_FILE", "RABBITMQ_CERT_FILE", "RABBITMQ_KEY_FILE"];
  assert.deepEqual(await faults("amqp://h", ...all), all.map((key) => ["not_encrypted", key]));
  assert.deepEqual(await faults("amqps://h", all[1]!), [["needs_other", all[1]]]);
  assert.deepEqual(await faults("amqps://h", all[2]!), [["needs_other", all[2]]]);
  const files = all.map((key) => `${key}=./${key}.pem\n`).join("");
  assert.equal(
    (await load(withValue("RABBITMQ_URL", "amqps://h") + files)).settings.RABBITMQ_CA_FILE,
    "./RABBITMQ_CA_FILE.pem",
  );
});

Deno.test("loadConfig() takes a WHATSAPP_ROOT_KEY only on a literal loopback address and without a proxy", async () => {
  const rootKey = `WHATSAPP_ROOT_KEY=${"ab".repeat(32)}\n`;
  const local = withValue("WHATSAPP_WEB_URL", "ws://127.0.0.1:9/ws/chat") + rootKey;
  assert.equal((await load(local)).settings.WHATSAPP_ROOT_KEY, "ab".repeat(32));
  await load(local, { environment: { NO_PROXY: "localhost", HTTPS_PROXY: "" } });
  for (const proxy of ["HTTPS_PROXY", "http_proxy", "ALL_PROXY"]) {
    assert.deepEqual(inShort(await faultsOf(local, { environment: { [proxy]: "http://p:1" } })), [
      "21:19 root_key_refused",
    ]);
  }
  for (
    const url of ["wss://web.whatsapp.com/ws/chat", "wss://localhost/ws", "wss://127.0.0.1.example.com/ws"]
  ) {
    for (const mode of ["production", "development", "test"]) {
      const text = withValue("WHATSAPP_WEB_URL", url) + rootKey;
      assert.deepEqual(inShort(await faultsOf(text, { environment: { NODE_ENV: mode } })), [
        "21:19 root_key_refused",
      ]);
    }
  }
});

Deno.test("loadConfig() warns of settings without the effect they promise, and where they are", async () => {
  const warningsOf = async (lines: string) => inShort((await load(`${VALID}${lines}`)).warnings);
  const cases: [string, string[]][] = [
    ["PACE_WARM_UP_START=5\n", ["20:20 no_effect"]],
    ["PACE_WARM_UP_DAYS=3\nPACE_WARM_UP_START=5\n", []],
    ["PACE_WARM_UP_DAYS=3\nPACE_PER_DAY=20\n", ["20:19 no_effect"]],
    ["PACE_WARM_UP_DAYS=3\nPACE_PER_DAY=21\n", []],
    ["PACE_PER_MINUTE=50\nPACE_PER_DAY=50\n", ["20:17 no_effect"]],
    ["PACE_PER_MINUTE=49\nPACE_PER_DAY=50\n", []],
    ["PACE_NEW_CONTACT_GAP=5000\nSEND_WAIT=5000\n", ["20:22 longer_than_wait"]],
    ["PACE_NEW_CONTACT_GAP=5000\nSEND_WAIT=5001\n", []],
    ["MEDIA_INLINE_LIMIT=2048\nMEDIA_MAX_SIZE=2047\n", ["20:20 no_effect"]],
    ["MEDIA_INLINE_LIMIT=2048\nMEDIA_MAX_SIZE=2048\n", []],
    ["MEDIA_KEEP=60000\nMEDIA_KEEP_SIZE=0\n", ["20:12 no_effect"]],
    ["MEDIA_KEEP_SIZE=0\n", []],
  ];
  for (const [lines, expected] of cases) assert.deepEqual(await warningsOf(lines), expected, lines);
});
