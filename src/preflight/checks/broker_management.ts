import type { Settings } from "../../config/load.ts";
import { z } from "zod";
import { EXIT } from "../../exit_codes.ts";
import { brokerLoginOf, namesOf } from "../broker.ts";
import {
  atMostWarning,
  type Check,
  counted,
  failure,
  type Finding,
  isTimeout,
  messageOf,
  ok,
  type Outcome,
  warning,
} from "../check.ts";
import {
  type AskManagement,
  type ManagementAnswer,
  managementEndpoint,
  withManagement,
} from "../management.ts";
import { reach } from "../network.ts";
import { brokerLogin } from "./broker_login.ts";
import { configuration } from "./configuration.ts";

/** What only the management API knows: kinds and arguments of queues, bindings, permissions, alarms. */
export const brokerManagement: Check = {
  id: "broker.management",
  title: "Broker management",
  why:
    "Queues that forget, keys that are bound to nothing and rights that are missing show only when a message is lost",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerLogin],
  async run(probe): Promise<Outcome<unknown>> {
    const settings = probe.valueOf(configuration);
    const endpoint = managementEndpoint(settings);
    if (endpoint === undefined) {
      const found =
        "not asked: with RABBITMQ_MANAGEMENT_URL=http://host:15672 in the .env, bindings, arguments, " +
        "permissions and alarms are looked at, too";
      return { findings: [ok(found, { asked: false })] };
    }
    const { findings, value } = await reach(endpoint, probe.signal);
    const way = findings.map(atMostWarning);
    if (value === undefined) return { findings: way };
    try {
      const looks = await withManagement(settings, probe.signal, (ask) => lookAround(settings, ask));
      return { findings: [...way, ...looks] };
    } catch (error) {
      const said = isTimeout(error) ? "it does not answer in time" : messageOf(error);
      return { findings: [...way, silent(settings, said)] };
    }
  },
};

async function lookAround(settings: Settings, ask: AskManagement): Promise<Finding[]> {
  const { user, vhost } = brokerLoginOf(settings);
  const whoami = await ask("whoami");
  const name = z.object({ name: z.string() }).safeParse(whoami.body);
  if (whoami.status === 401) return [refused(user)];
  if (whoami.status !== 200 || !name.success) return [silent(settings, `it answers with ${whoami.status}`)];
  const at = encodeURIComponent(vhost), exchange = encodeURIComponent(settings.RABBITMQ_EXCHANGE);
  const [queues, exchanges, bindings, permissions, alarms] = await Promise.all([
    ask(`queues/${at}?disable_stats=true&enable_queue_totals=true`),
    ask(`exchanges/${at}?disable_stats=true&columns=name,type,durable`),
    ask(`exchanges/${at}/${exchange}/bindings/source`),
    ask(`permissions/${at}/${encodeURIComponent(user)}`),
    ask("health/checks/alarms"),
  ]);
  return [
    ...judged("queues", QUEUES, queues, (list) => judgeQueues(settings, list)),
    ...judged("exchange", EXCHANGES, exchanges, (list) => judgeExchange(settings, list)),
    // There are none of an exchange that is not there.
    ...(bindings.status === 404 ? [] : judged("bindings", BINDINGS, bindings, judgeBindings)),
    ...judged("permissions", PERMISSIONS, permissions, (rights) => {
      const there = QUEUES.safeParse(queues.body).data?.map(({ name }) => name);
      return judgePermissions(settings, rights, there);
    }),
    judgeAlarms(alarms),
  ];
}

const QUEUES = z.array(z.object({
  name: z.string(),
  type: z.string().default("classic"),
  durable: z.boolean(),
  auto_delete: z.boolean(),
  arguments: z.record(z.string(), z.unknown()),
}));
const EXCHANGES = z.array(z.object({ name: z.string(), type: z.string() }));
const BINDINGS = z.array(z.object({ destination: z.string(), routing_key: z.string() }));
const PERMISSIONS = z.object({ configure: z.string(), write: z.string(), read: z.string() });

function judged<T>(
  subject: string,
  schema: z.ZodType<T>,
  { status, body }: ManagementAnswer,
  judge: (value: T) => Finding[],
): Finding[] {
  const value = schema.safeParse(body);
  if (status === 200 && value.success) return judge(value.data);
  const why = status === 401 || status === 403
    ? "the user lacks the tag administrator or monitoring, which the worker does not need"
    : `it answers with ${status}`;
  return [ok(`not told: ${why}`, { told: false, status }, subject)];
}

const queuesOfContract = (settings: Settings) =>
  new Set([
    settings.QUEUE_SESSION_UPDATE,
    settings.QUEUE_SESSION_EVENT,
    settings.QUEUE_MESSAGE_SEND,
    settings.QUEUE_MESSAGE_RECEIVE,
    settings.QUEUE_MESSAGE_STATUS,
    settings.QUEUE_NUMBER_HEALTH,
  ]);

/** What makes a queue drop messages, by its argument. */
const DROPPING = ["x-message-ttl", "x-max-length", "x-max-length-bytes", "x-expires"];

function judgeQueues(settings: Settings, queues: z.infer<typeof QUEUES>): Finding[] {
  const names = namesOf(settings);
  const isOwnExclusive = (name: string) =>
    name === names.routerLock || name === names.inbox(settings.WORKER_ID) ||
    name.startsWith(names.number(""));
  const backends = queuesOfContract(settings);
  const findings = queues.flatMap((queue): Finding[] => {
    const { name: subject, type, durable, auto_delete: autoDelete } = queue;
    if (isOwnExclusive(subject) && type !== "classic") {
      return [failure({
        code: "queue_not_exclusive",
        subject,
        found: `is a ${type} queue, which lets two workers hold what only one may`,
        remedy:
          `Empty it, with the workers stopped: rabbitmqctl delete_queue '${subject}'; they make it anew`,
        facts: { type },
      })];
    }
    if (!backends.has(subject)) return [];
    // Of the health only the latest counts.
    const mayDrop = subject === settings.QUEUE_NUMBER_HEALTH;
    const dropping = mayDrop ? [] : DROPPING.filter((argument) => argument in queue.arguments);
    return [
      ...(dropping.length === 0 ? [] : [warning({
        code: "queue_drops",
        subject,
        found: `drops messages that nobody takes in time: ${
          dropping.map((argument) => `${argument}=${queue.arguments[argument]}`).join(", ")
        }`,
        remedy:
          "Unless that is meant: have the backend declare it without, after deleting it when it is empty",
        facts: { arguments: queue.arguments },
      })]),
      ...(durable && !autoDelete ? [] : [warning({
        code: "queue_does_not_last",
        subject,
        found: durable
          ? "goes away with its last consumer"
          : "is gone, with its messages, when the broker restarts",
        remedy:
          "Have the backend declare it durable and without auto-delete, after deleting it when it is empty",
        facts: { durable, autoDelete },
      })]),
    ];
  });
  const known = queues.filter(({ name }) =>
    backends.has(name) || name.startsWith(`${settings.RABBITMQ_PREFIX}.`)
  );
  const facts = {
    queues: known.map(({ name, type, durable, arguments: given }) => ({
      name,
      type,
      durable,
      arguments: given,
    })),
  };
  return findings.length > 0
    ? findings
    : [ok(`${counted(known.length, "queue")} of this deployment, none that forgets`, facts, "queues")];
}

function judgeExchange(
  { RABBITMQ_EXCHANGE: name }: Settings,
  exchanges: z.infer<typeof EXCHANGES>,
): Finding[] {
  const type = exchanges.find((exchange) => exchange.name === name)?.type;
  if (type === undefined) return [];
  const subject = "exchange";
  if (["topic", "direct", "x-consistent-hash"].includes(type)) {
    return [ok(`'${name}' is of type ${type}`, { type }, subject)];
  }
  return [warning({
    code: "exchange_type",
    subject,
    found:
      `'${name}' is of type ${type}, which does not go by routing keys: the worker gets all or nothing of it`,
    remedy: "Have the backend declare it as topic, or set RABBITMQ_EXCHANGE to the one it publishes to",
    facts: { type },
  })];
}

function judgeBindings(bindings: z.infer<typeof BINDINGS>): Finding[] {
  const list = bindings.map(({ destination, routing_key: key }) => ({ key, destination }));
  const words = list.map(({ key, destination }) => `${key} → ${destination}`);
  const found = words.length === 0
    ? "none yet"
    : words.slice(0, 8).join(", ") + (words.length > 8 ? ", …" : "");
  return [ok(found, { bindings: list }, "bindings")];
}

function judgePermissions(
  settings: Settings,
  rights: z.infer<typeof PERMISSIONS>,
  there: readonly string[] | undefined,
): Finding[] {
  const names = namesOf(settings);
  // The worker declares those of the contract that are missing.
  const absent = there === undefined
    ? []
    : [...queuesOfContract(settings)].filter((name) => !there.includes(name));
  const own = [
    names.inbox(settings.WORKER_ID),
    names.routerLock,
    names.router,
    names.number("1"),
    names.deadLetter,
  ];
  const needed = {
    configure: [...own, ...absent],
    // Publishing without an exchange is writing to this one.
    write: [...own, "amq.default"],
    read: [...own, settings.QUEUE_MESSAGE_SEND, settings.QUEUE_SESSION_UPDATE, settings.RABBITMQ_EXCHANGE],
  };
  const { user, vhost } = brokerLoginOf(settings);
  const words = `configure '${rights.configure}', write '${rights.write}', read '${rights.read}'`;
  const unread = RIGHTS.filter((right) => matcherOf(rights[right]) === undefined);
  if (unread.length > 0) {
    const found = `${words}; not compared with what the worker needs: only the broker reads ${
      unread.join(", ")
    } right`;
    return [ok(found, { ...rights, compared: false }, "permissions")];
  }
  const missing = RIGHTS.flatMap((right) => {
    const refused = needed[right].filter((name) => !matcherOf(rights[right])?.(name));
    return refused.length === 0 ? [] : [`${right}: ${refused.join(", ")}`];
  });
  if (missing.length === 0) return [ok(words, { ...rights }, "permissions")];
  return [warning({
    code: "permission_missing",
    subject: "permissions",
    found: `User '${user}' may not ${missing.join("; ")} (${words})`,
    remedy: `rabbitmqctl set_permissions -p ${vhost} ${user} '.*' '.*' '.*'`,
    facts: { ...rights, missing },
  })];
}

const RIGHTS = ["configure", "write", "read"] as const;

/** Above so many repetitions in one pattern the time they may take has no bound. */
const MOST_REPETITIONS = 6;

/**
 * Which names a permission allows, as the broker takes it: a regular expression that need not match the whole name; an
 * empty one matches nothing. `undefined` when it has what PCRE knows and JavaScript does not, such as `(?i)`, or when it
 * repeats a group, or much else, so that trying it might not come to an end.
 */
function matcherOf(pattern: string): ((name: string) => boolean) | undefined {
  if (pattern === "") return () => false;
  if (/\)[*+{]/.test(pattern) || (pattern.match(/[*+{]/g) ?? []).length > MOST_REPETITIONS) return undefined;
  try {
    const expression = new RegExp(pattern);
    return (name) => expression.test(name);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function judgeAlarms({ status, body }: ManagementAnswer): Finding {
  const subject = "alarms";
  if (status === 200) return ok("none", {}, subject);
  const failed = z.object({ reason: z.string() }).safeParse(body);
  if (status !== 503 || !failed.success) {
    return ok(`not told: it answers with ${status}`, { told: false }, subject);
  }
  return warning({
    code: "broker_alarm",
    subject,
    found: `The broker is short of memory or disk, and takes nothing while it is: ${failed.data.reason}`,
    remedy: "Make room there: rabbitmq-diagnostics alarms says of what",
    facts: { answer: body },
  });
}

const refused = (user: string): Finding =>
  warning({
    code: "management_refused",
    found: `User '${user}' may not ask the management API`,
    remedy: `rabbitmqctl set_user_tags ${user} management (administrator to see permissions, too)`,
  });

const silent = ({ RABBITMQ_MANAGEMENT_URL: url }: Settings, said: string): Finding =>
  warning({
    code: "management_silent",
    found: `What listens at ${url} is not RabbitMQ's management API: ${said}`,
    remedy: "On the broker: rabbitmq-plugins enable rabbitmq_management; its port is 15672 as a rule",
  });
