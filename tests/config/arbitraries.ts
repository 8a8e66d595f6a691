/** Valid `.env` files at random, for properties. */
import fc from "fast-check";
import { type Key, KEYS, rowOf } from "../../src/config/settings.ts";

const number = (min: number, max: number) => fc.integer({ min, max }).map(String);
const duration = (max: number) =>
  fc.oneof(number(1000, max), number(1, max / 1000).map((seconds) => `${seconds}000`));
const SECRET_CHARS = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"];
/** Long enough to be told from other text when a part of it shows up. */
export const secret = fc.string({ unit: fc.constantFrom(...SECRET_CHARS), minLength: 12, maxLength: 40 });
const host = fc.constantFrom(
  "localhost",
  "broker",
  "mq.example.com",
  "10.1.2.3",
  "[::1]",
  "backend.internal",
);
const port = fc.oneof(fc.constant(""), number(1, 65535).map((port) => `:${port}`));
const choices = (key: Key) => fc.constantFrom(...rowOf(key).rule.expects.replace("one of ", "").split(", "));

/** Values that each key takes. Queues end in a word of their own, so that those of one file differ. */
export const VALUES: Record<Key, fc.Arbitrary<string>> = (() => {
  const queue = (...names: string[]) =>
    fc.tuple(fc.constantFrom("whatsapp.", "prod.wa.", "été-", ""), fc.constantFrom(...names)).map((parts) =>
      parts.join("")
    );
  return {
    WORKER_ID: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/),
    WORKER_NAME: fc.array(fc.constantFrom("WhatsApp", "Worker", "1", "Dakar's", "n#2", "(été)", "a/b"), {
      minLength: 1,
      maxLength: 5,
    })
      .map((words) => words.join(" ")),
    NODE_ENV: choices("NODE_ENV"),
    RABBITMQ_URL: fc.tuple(
      fc.constantFrom("amqp", "amqps"),
      fc.constantFrom("guest", "wa"),
      secret,
      host,
      port,
      fc.constantFrom("", "/", "/prod"),
    )
      .map(([scheme, user, password, host, port, path]) =>
        `${scheme}://${user}:${password}@${host}${port}${path}`
      ),
    RABBITMQ_URL_FILE: fc.constantFrom("/run/credentials/worker.service/url", "./rabbitmq url"),
    RABBITMQ_CA_FILE: fc.constantFrom("./ca.pem", "/etc/ssl/our authority.pem"),
    RABBITMQ_CERT_FILE: fc.constant("/etc/worker/client.pem"),
    RABBITMQ_KEY_FILE: fc.constant("client#1.key"),
    RABBITMQ_MANAGEMENT_URL: fc.tuple(host, port).map(([host, port]) => `http://${host}${port}`),
    QUEUE_MESSAGE_SEND: queue("message.send", "outgoing"),
    QUEUE_MESSAGE_RECEIVE: queue("message.receive", "incoming"),
    QUEUE_NUMBER_HEALTH: queue("number.health", "health"),
    QUEUE_SESSION_UPDATE: queue("session.update", "sessions"),
    QUEUE_SESSION_EVENT: queue("worker.events", "events"),
    QUEUE_MESSAGE_STATUS: queue("message.status", "status"),
    QUEUE_HEALTH_COMMAND: queue("health.request", "requests"),
    SESSION_WIRING: choices("SESSION_WIRING"),
    RABBITMQ_EXCHANGE: queue("exchange", "amq.topic"),
    RABBITMQ_EXCHANGE_TYPE: choices("RABBITMQ_EXCHANGE_TYPE"),
    RABBITMQ_PREFIX: queue("fleet", "staging"),
    EVENT_CONTENT_TYPE: choices("EVENT_CONTENT_TYPE"),
    BACKEND_API_URL: fc.tuple(
      fc.constantFrom("http", "https"),
      host,
      port,
      fc.constantFrom("", "/", "/api", "/api/v1/"),
    )
      .map(([scheme, host, port, path]) => `${scheme}://${host}${port}${path}`),
    BACKEND_API_KEY: fc.oneof(
      fc.constant(""),
      secret,
      fc.tuple(secret, fc.constantFrom("==", "#$", "&=")).map((parts) => parts.join("")),
    ),
    BACKEND_API_KEY_FILE: fc.constantFrom("/etc/worker/key", "../api-key"),
    SESSION_DIR: fc.constantFrom("./sessions", "/var/lib/whatsapp-worker", "../my sessions", "sessions#1"),
    SESSION_TIMEOUT: duration(604_800_000),
    MAX_RETRY_ATTEMPTS: number(1, 20),
    MESSAGE_TIMEOUT: duration(600_000),
    SEND_WAIT: duration(604_800_000),
    RECEIVE_INCLUDE: fc.subarray(["from_me", "status", "newsletter", "reactions", "edits", "calls"]).map((
      words,
    ) => words.join()),
    HEALTH_CHECK_INTERVAL: duration(3_600_000),
    STATUS_INTERVAL: duration(3_600_000),
    MEDIA_ALLOW_HOSTS: fc.constantFrom("", "files.example.com", "10.0.0.5:8080,[fd00::5]", "localhost"),
    MEDIA_MAX_SIZE: number(1024, 2_147_483_648),
    MEDIA_TIMEOUT: duration(600_000),
    MEDIA_INLINE_LIMIT: number(0, 8_388_608),
    MEDIA_KEEP: number(60_000, 31_536_000_000),
    MEDIA_KEEP_SIZE: number(0, 1_099_511_627_776),
    PACE_PER_MINUTE: number(0, 10_000),
    PACE_PER_DAY: number(0, 1_000_000),
    PACE_NEW_CONTACT_GAP: number(0, 3_600_000),
    PACE_WARM_UP_DAYS: number(0, 90),
    PACE_WARM_UP_START: number(1, 100_000),
    PACE_TYPING: number(0, 1000),
    NUMBER_CHECKS_PER_MINUTE: number(0, 1000),
    HTTP_HOST: fc.constantFrom("127.0.0.1", "localhost", "::1", ""),
    HTTP_PORT: fc.oneof(fc.constant(""), number(1, 65535)),
    HTTP_TOKEN: fc.string({ unit: fc.constantFrom(...SECRET_CHARS), minLength: 16, maxLength: 40 }),
    HTTP_TOKEN_FILE: fc.constantFrom("/etc/worker/token#1", "./token"),
    LOG_LEVEL: choices("LOG_LEVEL"),
    LOG_PRETTY: fc.constantFrom("true", "false"),
    WHATSAPP_WEB_URL: fc.tuple(fc.constantFrom("ws", "wss"), fc.constantFrom("127.0.0.1", "[::1]"), port)
      .map(([scheme, host, port]) => `${scheme}://${host}${port}/ws/chat`),
    WHATSAPP_ROOT_KEY: fc.stringMatching(/^[0-9a-f]{64}$/),
  };
})();

/** Every way to write a value down, the plainest first. */
function spellings(value: string): string[] {
  return [
    ...(/^[^\s#"'`]*(?: +[^\s#"'`]+)*$/.test(value) ? [value] : []),
    ...(/["\\]/.test(value) ? [] : [`"${value}"`]),
    ...(/'|\\$/.test(value) ? [] : [`'${value}'`]),
  ];
}

const FILLER = ["", "  ", "# Settings", "  # LOG_LEVEL=debug", '# it\'s "quoted"'];
/** Only taken together with certain values of others, or in the place of another. */
const DEPENDENT: readonly Key[] = [
  "RABBITMQ_URL_FILE",
  "BACKEND_API_KEY_FILE",
  "HTTP_TOKEN_FILE",
  "RABBITMQ_CA_FILE",
  "RABBITMQ_CERT_FILE",
  "RABBITMQ_KEY_FILE",
  "WHATSAPP_ROOT_KEY",
];
const OPTIONAL = KEYS.filter((key) => !rowOf(key).required && !DEPENDENT.includes(key));

const line = (key: Key) =>
  fc.tuple(VALUES[key], fc.nat()).map(([value, pick]) => {
    const ways = spellings(value);
    return `${key}=${ways[pick % ways.length]}`;
  });

/** Files the worker accepts, with optional settings or without, with comments, in any order. */
export function envFiles(options: { optional: boolean; declared: boolean }): fc.Arbitrary<string> {
  const keys = fc.subarray(options.optional ? OPTIONAL : []).chain((optional) => {
    const all = [...KEYS.filter((key) => rowOf(key).required), ...optional];
    return fc.shuffledSubarray(all, { minLength: all.length });
  });
  return keys.chain((keys) =>
    fc.record({
      lines: fc.tuple(...keys.map(line)),
      filler: fc.array(fc.tuple(fc.nat(keys.length), fc.constantFrom(...FILLER)), { maxLength: 6 }),
      end: fc.constantFrom("\n", "\n", "\r\n"),
    }).map(({ lines, filler, end }) => {
      const all = [...lines];
      for (const [at, text] of filler) all.splice(at, 0, text);
      const head = options.declared ? [`# worker: settings ${keys.length}`] : [];
      return [...head, ...all].map((line) => line + end).join("");
    })
  );
}
