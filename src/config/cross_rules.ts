/** Rules that concern more than one setting. */
import type { Fault } from "./fault.ts";
import { isLiteralLoopback, isLoopbackHost } from "./rules.ts";
import type { Key, Settings } from "./settings.ts";

/** A fault of the setting `key`, wherever that one was given. */
export type CrossFault = Pick<Fault, "code" | "message" | "remedy"> & { key: Key };

const QUEUES = [
  "QUEUE_MESSAGE_SEND",
  "QUEUE_MESSAGE_RECEIVE",
  "QUEUE_NUMBER_HEALTH",
  "QUEUE_SESSION_UPDATE",
  "QUEUE_SESSION_EVENT",
  "QUEUE_MESSAGE_STATUS",
  "QUEUE_HEALTH_COMMAND",
] as const;

/** Pairs that may share a queue: both go to the backend, or the pair is what an unchanged backend has. */
const MAY_BE_ONE = new Set([
  "QUEUE_SESSION_UPDATE QUEUE_SESSION_EVENT",
  "QUEUE_MESSAGE_RECEIVE QUEUE_MESSAGE_STATUS",
  "QUEUE_SESSION_EVENT QUEUE_MESSAGE_STATUS",
]);

/** Names that the worker gives its own queues and exchanges, after the prefix and a dot. */
const OWN_NAME =
  /^((session|health)\.command|router(\.(lock|expired|retry|pending|parked|unassigned|wiring))?|dead-letter|worker\..+\.inbox|number\.\d+)$/;

function queueFaults(settings: Partial<Settings>): CrossFault[] {
  const prefix = settings.RABBITMQ_PREFIX;
  return QUEUES.flatMap((key, index) => {
    const name = settings[key];
    if (name === undefined) return [];
    const twin = QUEUES.slice(0, index).find((other) =>
      settings[other] === name && !MAY_BE_ONE.has(`${other} ${key}`)
    );
    const own = prefix !== undefined && name.startsWith(`${prefix}.`) &&
      OWN_NAME.test(name.slice(prefix.length + 1));
    return [
      ...(twin === undefined ? [] : [{
        key,
        code: "same_queue",
        message: `Must not be the same queue as ${twin}: a message would be read by the wrong side`,
        remedy: `Give ${key} and ${twin} different names`,
      }]),
      ...(!own ? [] : [{
        key,
        code: "reserved_queue",
        message: "The worker uses this name for an entity of its own",
        remedy: `Give ${key} another name, or set another RABBITMQ_PREFIX`,
      }]),
    ];
  });
}

function rootKeyFaults(
  settings: Partial<Settings>,
  environment: Readonly<Record<string, string>>,
): CrossFault[] {
  const { WHATSAPP_ROOT_KEY: rootKey, WHATSAPP_WEB_URL: url } = settings;
  if (rootKey === undefined || url === undefined) return [];
  const fault = (
    message: string,
    remedy: string,
  ) => [{ key: "WHATSAPP_ROOT_KEY" as const, code: "root_key_refused", message, remedy }];
  const proxy = Object.keys(environment).find((name) =>
    /^\w+_proxy$/i.test(name) && !/^no_/i.test(name) && environment[name]
  );
  return [
    ...(isLiteralLoopback(new URL(url).hostname) ? [] : fault(
      "A root key of one's own is for a stand-in on this machine, and WHATSAPP_WEB_URL is none",
      "Remove WHATSAPP_ROOT_KEY, or set WHATSAPP_WEB_URL to a literal loopback address (127.x.x.x, [::1])",
    )),
    ...(proxy === undefined ? [] : fault(
      `A root key of one's own is refused while a proxy is set (${proxy})`,
      `Remove WHATSAPP_ROOT_KEY, or unset ${proxy}`,
    )),
  ];
}

const TLS_FILES = ["RABBITMQ_CA_FILE", "RABBITMQ_CERT_FILE", "RABBITMQ_KEY_FILE"] as const;

function tlsFaults(settings: Partial<Settings>): CrossFault[] {
  const { RABBITMQ_URL: url, RABBITMQ_CERT_FILE: cert, RABBITMQ_KEY_FILE: key } = settings;
  const given = TLS_FILES.filter((key) => settings[key] !== undefined);
  const plain = url?.startsWith("amqp:") ? given : [];
  const alone = (key: Key, missing: Key): CrossFault => ({
    key,
    code: "needs_other",
    message: `${key} is of no use without ${missing}`,
    remedy: `Set ${missing} as well, or remove ${key}`,
  });
  return [
    ...plain.map((key): CrossFault => ({
      key,
      code: "not_encrypted",
      message: `${key} has no effect, because RABBITMQ_URL starts with amqp:// and nothing is encrypted`,
      remedy:
        `Write amqps:// and the broker's port for TLS (5671 as a rule) in RABBITMQ_URL, or remove ${key}`,
    })),
    ...(cert !== undefined && key === undefined ? [alone("RABBITMQ_CERT_FILE", "RABBITMQ_KEY_FILE")] : []),
    ...(key !== undefined && cert === undefined ? [alone("RABBITMQ_KEY_FILE", "RABBITMQ_CERT_FILE")] : []),
  ];
}

function httpFaults(
  { HTTP_HOST: host, HTTP_PORT: port, HTTP_TOKEN: token }: Partial<Settings>,
): CrossFault[] {
  if (host === undefined || port === undefined || isLoopbackHost(host) || token !== undefined) return [];
  return [{
    key: "HTTP_HOST",
    code: "token_missing",
    message: "Others than this machine could ask, and no HTTP_TOKEN keeps them from it",
    remedy: "Set HTTP_TOKEN (openssl rand -hex 24), or HTTP_HOST=127.0.0.1",
  }];
}

/** Checks the settings that are there against each other. */
export function crossFaults(
  settings: Partial<Settings>,
  environment: Readonly<Record<string, string>>,
): CrossFault[] {
  return [
    ...queueFaults(settings),
    ...tlsFaults(settings),
    ...rootKeyFaults(settings, environment),
    ...httpFaults(settings),
  ];
}
