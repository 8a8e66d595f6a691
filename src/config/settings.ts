/** Every setting of the worker: its key, kind, unit, range, default and what it is for. The one table of settings. */
import {
  choice,
  entityName,
  file,
  flag,
  folder,
  hosts,
  integer,
  isLiteralLoopback,
  list,
  listenHost,
  orNone,
  Refused,
  type Rule,
  secretFile,
  text,
  url,
} from "./rules.ts";

/** One setting. */
export interface Row<T> {
  rule: Rule<T>;
  /** What it is for, as `.env.example` says it. */
  about: string;
  /** The text `.env.example` shows; the default where there is a fixed one. */
  example: string;
  /** Must be given, in the file or in the environment. */
  required: boolean;
  /** Text used when it is not given; a function of other settings' texts where it follows one of them. */
  default?: string | ((textOf: (key: string) => string) => string);
  /** Heading in `.env.example` that starts with this row. */
  section?: string;
  /** The value, or part of it, must never be shown. */
  secret?: boolean;
  /** An empty value is a value. */
  mayBeEmpty?: boolean;
  /** It names the file that holds the value of that setting. */
  fileOf?: SecretKey;
}

/** The settings that may stand in a file of their own, as systemd's credentials do. */
export type SecretKey = "RABBITMQ_URL" | "BACKEND_API_KEY" | "HTTP_TOKEN";

type Extra = Pick<Row<unknown>, "section" | "secret" | "mayBeEmpty" | "fileOf">;

const required = <T>(rule: Rule<T>, example: string, about: string, extra: Extra = {}): Row<T> => (
  { rule, example, about, required: true, ...extra }
);
const optional = <T>(rule: Rule<T>, fallback: string, about: string, extra: Extra = {}): Row<T> => (
  { rule, example: fallback, default: fallback, about, required: false, ...extra }
);
const following = <T>(
  rule: Rule<T>,
  example: string,
  fallback: (textOf: (key: string) => string) => string,
  about: string,
): Row<T> => ({ rule, example, default: fallback, about, required: false });
const unset = <T>(rule: Rule<T>, example: string, about: string, extra: Extra = {}): Row<T | undefined> => (
  { rule, example, about, required: false, ...extra }
);

const inFile = (key: SecretKey): Row<string | undefined> =>
  unset(
    secretFile,
    `/etc/whatsapp-worker/${key.toLowerCase().replaceAll("_", "-")}`,
    `File that holds ${key} in its one line, in place of ${key} here; systemd's credentials are such files`,
    { fileOf: key },
  );

const SECOND = 1000, MINUTE = 60 * SECOND, DAY = 24 * 60 * MINUTE;
const KIBI = 1024, MEBI = 1024 * KIBI;

const workerId = text(/^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$/, "1 to 64 of the characters A-Z a-z 0-9 . _ -");
const workerName = text(
  /^(?=.{1,64}$)[\p{L}\p{N}()#&+@._,'/-]+( [\p{L}\p{N}()#&+@._,'/-]+)*$/u,
  "up to 64 letters, digits, single blanks and ( ) # & + @ . _ , ' / -",
);
const amqpUrl = url(
  ["amqp:", "amqps:"],
  {
    user: /^(?:[\w.~!$&()*+,;=-]|%[0-9A-Fa-f]{2})+(?::(?:[\w.~!$&()*+,;=-]|%[0-9A-Fa-f]{2})*)?$/,
    path: /^\/(?:[\w.~:@-]|%[0-9A-Fa-f]{2})*$/,
    query: /^\?[a-zA-Z]+=[\w.%-]+(?:&[a-zA-Z]+=[\w.%-]+)*$/,
  },
  "amqp://user:password@host:port/vhost (or amqps:), reserved characters percent-encoded",
);
const httpUrl = url(
  ["http:", "https:"],
  { path: /^(?:\/|(?:\/(?:[\w.~:@!$&'()*+,;-]|%[0-9A-Fa-f]{2})+)+\/?)$/ },
  "http://host:port/path (or https:) without user, query or fragment",
);
const webSocketUrl = url(["wss:", "ws:"], { path: /^[\w./~-]+$/ }, "wss://host:port/path");
const whatsappUrl: Rule<string> = {
  expects: "wss://host:port/path, or ws: on a literal loopback address (127.x.x.x, [::1])",
  parse(text) {
    const { protocol, hostname } = new URL(webSocketUrl.parse(text));
    if (protocol === "wss:" || isLiteralLoopback(hostname)) return text;
    throw new Refused("Plain ws: is only allowed on a literal loopback address (127.x.x.x, [::1])");
  },
};

/** The table, in the order of `.env.example`. */
export const TABLE = {
  WORKER_ID: required(
    workerId,
    "worker-1",
    "Name of this worker, unique in the fleet; worker-1 also answers to 1",
    {
      section: "Worker",
    },
  ),
  WORKER_NAME: required(workerName, "WhatsApp Worker 1", "Name shown to people"),
  NODE_ENV: required(
    choice("production", "development", "test"),
    "production",
    "With production, a file with a password that others on the machine can read is refused",
  ),

  RABBITMQ_URL: required(
    amqpUrl,
    "amqp://whatsapp:CHANGE_ME@localhost:5672",
    "The broker; reserved characters in user and password are percent-encoded (@ is %40)",
    { section: "RabbitMQ", secret: true },
  ),
  RABBITMQ_URL_FILE: inFile("RABBITMQ_URL"),
  RABBITMQ_CA_FILE: unset(
    file,
    "/etc/whatsapp-worker/ca.pem",
    "Certificate of the authority that the broker's comes from, in PEM, when it is your own (amqps:)",
  ),
  RABBITMQ_CERT_FILE: unset(
    file,
    "/etc/whatsapp-worker/client.pem",
    "Certificate that the worker shows to a broker that asks for one, in PEM (amqps:)",
  ),
  RABBITMQ_KEY_FILE: unset(
    file,
    "/etc/whatsapp-worker/client.key",
    "Private key of that certificate, in PEM without a passphrase (amqps:)",
  ),
  RABBITMQ_MANAGEMENT_URL: unset(
    httpUrl,
    "http://localhost:15672",
    "The broker's management API, asked by --check alone, with the user of RABBITMQ_URL, for what AMQP does not tell",
  ),
  QUEUE_MESSAGE_SEND: required(entityName(), "whatsapp.message.send", "Messages to send, from the backend"),
  QUEUE_MESSAGE_RECEIVE: required(
    entityName(),
    "whatsapp.message.receive",
    "Messages received, to the backend",
  ),
  QUEUE_NUMBER_HEALTH: required(
    entityName(),
    "whatsapp.number.health",
    "Health of the numbers, to the backend",
  ),
  QUEUE_SESSION_UPDATE: required(
    entityName(),
    "whatsapp.session.update",
    "Session commands and, unless QUEUE_SESSION_EVENT says otherwise, session events",
  ),
  QUEUE_SESSION_EVENT: following(
    entityName(),
    "whatsapp.session.update",
    (textOf) => textOf("QUEUE_SESSION_UPDATE"),
    "Session events, to the backend; QUEUE_SESSION_UPDATE unless set",
  ),
  QUEUE_MESSAGE_STATUS: following(
    entityName(),
    "whatsapp.message.receive",
    (textOf) => textOf("QUEUE_MESSAGE_RECEIVE"),
    "What became of messages sent, to the backend; QUEUE_MESSAGE_RECEIVE unless set",
  ),
  QUEUE_HEALTH_COMMAND: unset(
    entityName(),
    "whatsapp.health.request",
    "Health requests of a backend that does not publish through the exchange; none are read unless set",
  ),
  SESSION_WIRING: optional(
    choice("auto", "queue", "exchange"),
    "auto",
    "How commands and events of the session queue are kept apart; auto is queue when QUEUE_SESSION_EVENT is another queue, else exchange once a command has come through it, and best effort before",
  ),
  RABBITMQ_EXCHANGE: optional(
    entityName({ builtIn: true }),
    "whatsapp.exchange",
    "The exchange the backend publishes to",
  ),
  RABBITMQ_EXCHANGE_TYPE: unset(
    choice("topic", "direct"),
    "topic",
    "Type to declare the exchange with when it is absent; it is never declared unless set",
  ),
  RABBITMQ_PREFIX: following(
    entityName({ maxBytes: 128 }),
    "whatsapp",
    (textOf) => textOf("QUEUE_SESSION_UPDATE").replace(/(?<=.)\.session\.update$/, ""),
    "Start of the names of the workers' own queues, the same for a whole fleet; QUEUE_SESSION_UPDATE less .session.update unless set",
  ),
  EVENT_CONTENT_TYPE: optional(
    choice("application/json", "text/plain"),
    "application/json",
    "text/plain for a listener that takes a String",
  ),

  BACKEND_API_URL: required(
    httpUrl,
    "http://localhost:8080/api",
    "The backend's API: what a mediaUrl without a host is relative to",
    {
      section: "Backend",
    },
  ),
  BACKEND_API_KEY: required(
    text(/^[!#-&(-\[\]-_a-~]{0,4096}$/, "printable ASCII without blanks, quotes and backslashes, or empty"),
    "",
    "Key of the backend's API, shown to it alone as 'Authorization: Bearer' and 'X-API-Key'; may be empty",
    { secret: true, mayBeEmpty: true },
  ),
  BACKEND_API_KEY_FILE: inFile("BACKEND_API_KEY"),

  SESSION_DIR: required(folder, "./sessions", "Folder of the worker's state, private to the worker", {
    section: "Sessions",
  }),
  SESSION_TIMEOUT: required(
    integer(SECOND, 7 * DAY, "ms"),
    "3600000",
    "How long a session that is opened may stay without a linked phone",
  ),
  MAX_RETRY_ATTEMPTS: required(
    integer(1, 20),
    "3",
    "Attempts before giving up: to have a QR scanned, and to hand a message over on a link that keeps breaking",
  ),

  MESSAGE_TIMEOUT: required(
    integer(SECOND, 10 * MINUTE, "ms"),
    "30000",
    "How long WhatsApp may take to accept a message",
    { section: "Messages and health" },
  ),
  SEND_WAIT: optional(
    integer(SECOND, 7 * DAY, "ms"),
    "3600000",
    "How long a message waits for a number that is not connected",
  ),
  RECEIVE_INCLUDE: optional(
    list("from_me", "status", "newsletter", "reactions", "edits", "calls"),
    "",
    "What is published beside the messages of others; edits are deletions too",
    { mayBeEmpty: true },
  ),
  HEALTH_CHECK_INTERVAL: required(
    integer(SECOND, 60 * MINUTE, "ms"),
    "60000",
    "Time between two reports of a number's health",
  ),
  STATUS_INTERVAL: optional(
    integer(SECOND, 60 * MINUTE, "ms"),
    "30000",
    "Time between two worker_status events",
  ),

  MEDIA_ALLOW_HOSTS: optional(
    hosts,
    "",
    "Hosts at private addresses that a mediaUrl may name: names or IP addresses, with a port or for all ports, separated by commas",
    { section: "Media", mayBeEmpty: true },
  ),
  MEDIA_MAX_SIZE: optional(
    integer(KIBI, 2 * 1024 * MEBI, "bytes"),
    String(100 * MEBI),
    "Largest medium that is sent, or fetched of a message received",
  ),
  MEDIA_TIMEOUT: optional(
    // A broker takes a message away from whoever holds it for half an hour.
    integer(SECOND, 10 * MINUTE, "ms"),
    "120000",
    "How long it may take to fetch a medium, and as long again to hand it to WhatsApp",
  ),
  MEDIA_INLINE_LIMIT: optional(
    integer(0, 8 * MEBI, "bytes"),
    String(256 * KIBI),
    "Largest medium received that is published itself; what is larger can only be fetched at /media",
  ),
  MEDIA_KEEP: optional(
    integer(MINUTE, 365 * DAY, "ms"),
    String(7 * DAY),
    "How long media received are kept",
  ),
  MEDIA_KEEP_SIZE: optional(
    integer(0, 1024 * 1024 * MEBI, "bytes"),
    String(1024 * MEBI),
    "How much all media received may take; the oldest go first",
  ),

  PACE_PER_MINUTE: optional(
    integer(0, 10_000, "messages"),
    "0",
    "Most messages that a number sends in a minute; 0 for any number, as in all that follow here",
    { section: "Pace: what keeps numbers from being banned" },
  ),
  PACE_PER_DAY: optional(
    integer(0, 1_000_000, "messages"),
    "0",
    "Most messages that a number sends in 24 hours",
  ),
  PACE_NEW_CONTACT_GAP: optional(
    integer(0, 60 * MINUTE, "ms"),
    "0",
    "Time between two messages of a number to people it has never written to or heard of",
  ),
  PACE_WARM_UP_DAYS: optional(
    integer(0, 90, "days"),
    "0",
    "How long a newly linked number is held back: from PACE_WARM_UP_START a day to PACE_PER_DAY, or twice as many each day",
  ),
  PACE_WARM_UP_START: optional(
    integer(1, 100_000, "messages"),
    "20",
    "Most messages that a newly linked number sends on its first day, while PACE_WARM_UP_DAYS last",
  ),
  PACE_TYPING: optional(
    integer(0, SECOND, "ms"),
    "0",
    "How long each character of a text takes to be typed, 15 s for a text at most; the recipient sees it being typed",
  ),
  NUMBER_CHECKS_PER_MINUTE: optional(
    integer(0, 1000, "checks"),
    "10",
    "Most phone numbers that a number asks WhatsApp for in a minute (CHECK_NUMBER); 0 for any number",
  ),

  HTTP_HOST: optional(
    orNone(listenHost),
    "127.0.0.1",
    "Address on which /livez, /readyz, /metrics and /media are served; nothing is when it is empty",
    { section: "HTTP for machines", mayBeEmpty: true },
  ),
  HTTP_PORT: optional(
    orNone(integer(1, 65535)),
    "8090",
    "Port for it; nothing is served when it is empty. Each worker on a machine needs its own",
    { mayBeEmpty: true },
  ),
  HTTP_TOKEN: unset(
    text(/^[\w.~+/=-]{16,256}$/, "16 to 256 of the characters A-Z a-z 0-9 . _ ~ + / = -"),
    "0".repeat(48),
    "What a client must show as 'Authorization: Bearer TOKEN'; required when HTTP_HOST is no loopback address",
    { secret: true },
  ),
  HTTP_TOKEN_FILE: inFile("HTTP_TOKEN"),

  LOG_LEVEL: required(
    choice("fatal", "error", "warn", "info", "debug", "trace", "silent"),
    "info",
    "Least severe level that is logged; below info, phone numbers are no longer masked",
    { section: "Logs" },
  ),
  LOG_PRETTY: required(flag, "true", "Lines for people instead of JSON"),

  WHATSAPP_WEB_URL: optional(whatsappUrl, "wss://web.whatsapp.com/ws/chat", "WhatsApp Web's server", {
    section: "WhatsApp",
  }),
  WHATSAPP_ROOT_KEY: unset(
    text(/^[0-9a-f]{64}$/i, "64 hexadecimal digits"),
    "0".repeat(64),
    "Certificate root of a stand-in for tests; only with a WHATSAPP_WEB_URL on a literal loopback address and no proxy",
  ),
};

/** The key of a setting, as it is written in the file. */
export type Key = keyof typeof TABLE;

/** The settings, read and checked. Durations are in ms. */
export type Settings = { readonly [K in Key]: (typeof TABLE)[K] extends Row<infer T> ? T : never };

/** All keys, in the order of the table. */
export const KEYS = Object.keys(TABLE) as Key[];

/** Whether a text is the key of a setting. */
export function isKey(text: string): text is Key {
  return Object.hasOwn(TABLE, text);
}

/** The row of a key, whatever its kind. */
export function rowOf(key: Key): Row<unknown> {
  return TABLE[key];
}
