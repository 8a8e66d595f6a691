/** A connection to the broker for the time of one check, and what it means when there is none. */
import amqp, { type Channel, type ChannelModel } from "amqplib";
import { type BrokerNames, brokerNames } from "../broker/names.ts";
import { readTlsFiles } from "../broker/tls.ts";
import type { Settings } from "../config/load.ts";
import { isTimeout, messageOf, type Trouble } from "./check.ts";
import { type Endpoint, endpointOf } from "./endpoint.ts";
import { networkFault } from "./network_faults.ts";

/** Where the broker is, by its setting. */
export function brokerEndpoint(settings: Settings): Endpoint {
  const ports = { "amqp:": 5672, "amqps:": 5671 };
  const tlsFiles = () => readTlsFiles(settings);
  return endpointOf(settings.RABBITMQ_URL, { service: "RabbitMQ", setting: "RABBITMQ_URL", ports, tlsFiles });
}

/** Who logs in where; guest/guest is who logs in when the URL names nobody. */
export function brokerLoginOf({ RABBITMQ_URL }: Settings): { user: string; password: string; vhost: string } {
  const { username, password, pathname } = new URL(RABBITMQ_URL);
  const nobody = username === "" && password === "";
  return {
    user: nobody ? "guest" : decodeURIComponent(username),
    password: nobody ? "guest" : decodeURIComponent(password),
    vhost: decodeURIComponent(pathname.slice(1)) || "/",
  };
}

/** The names of everything in the vhost, as the worker uses them. */
export function namesOf(settings: Settings): BrokerNames {
  return brokerNames(settings.RABBITMQ_PREFIX, {
    messageSend: settings.QUEUE_MESSAGE_SEND,
    sessionUpdate: settings.QUEUE_SESSION_UPDATE,
    exchange: settings.RABBITMQ_EXCHANGE,
  });
}

/** Runs `work` on a connection of its own, which is gone afterwards; aborting `signal` ends both. */
export async function withBroker<T>(
  settings: Settings,
  signal: AbortSignal,
  work: (model: ChannelModel) => Promise<T>,
): Promise<T> {
  const { user, password } = brokerLoginOf(settings);
  const options = {
    ...(settings.RABBITMQ_URL.startsWith("amqps:") ? await readTlsFiles(settings) : {}),
    noDelay: true,
    signal,
    // amqplib's own reading of the URL takes each byte of an escaped letter for a letter: `%C3%A9` is one é.
    credentials: amqp.credentials.plain(user, password),
    clientProperties: { connection_name: `whatsapp-worker ${settings.WORKER_ID} --check` },
  };
  const model = await amqp.connect(settings.RABBITMQ_URL, options);
  let open = true;
  let reason: unknown;
  model.on("error", (error) => reason = error);
  model.on("close", () => open = false);
  try {
    return await work(model);
  } catch (error) {
    // What runs over a connection that breaks fails with words about itself; the reason is the connection's.
    throw signal.aborted ? signal.reason : reason ?? error;
  } finally {
    if (open) await close(model, signal);
  }
}

async function close(model: ChannelModel, signal: AbortSignal): Promise<void> {
  try {
    await model.close();
  } catch (error) {
    // The connection went away on its own, or with the signal.
    if (!signal.aborted && !(error instanceof amqp.IllegalOperationError)) throw error;
  }
}

/** Looks at something on a channel of its own, because the broker closes the channel when it is not there. */
export async function passively<T>(model: ChannelModel, look: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await model.createChannel();
  let open = true;
  channel.on("error", () => open = false);
  const result = await look(channel);
  if (open) await channel.close();
  return result;
}

/** Whether an exchange is there. */
export async function exchangeExists(model: ChannelModel, exchange: string): Promise<boolean> {
  try {
    await passively(model, (channel) => channel.checkExchange(exchange));
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** Whether the broker says that what was looked for does not exist. */
export const isNotFound = (error: unknown): boolean => replyCode(error) === 404;

/** The AMQP reply code of a refusal, if `error` is one. */
export function replyCode(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "number" ? code : undefined;
}

/** The words for `error`, met with the broker after its port was reached. */
export function brokerFault(error: unknown, settings: Settings): Trouble {
  const endpoint = brokerEndpoint(settings);
  const { user, vhost } = brokerLoginOf(settings);
  const at = `${endpoint.host}:${endpoint.port}`;
  const said = messageOf(error);
  if (/403 \(ACCESS.REFUSED\).*(login was refused|localhost)/i.test(said)) {
    return {
      code: "login_refused",
      found: `The broker refuses user '${user}' with this password`,
      remedy: user === "guest"
        ? "The user guest may log in from the broker's own machine only: make another one there " +
          "(rabbitmqctl add_user NAME PASSWORD) and put it into RABBITMQ_URL"
        : `Correct user and password in RABBITMQ_URL (reserved characters percent-encoded, @ is %40), or set it: ` +
          `rabbitmqctl change_password ${user} PASSWORD`,
    };
  }
  // The broker's own words (not found, or no permission) do not get through amqplib.
  if (/Expected ConnectionOpenOk|NOT.ALLOWED/.test(said)) {
    return {
      code: "vhost_refused",
      found:
        `The broker takes the password, but not the vhost '${vhost}': there is none, or user '${user}' has no ` +
        "permissions in it",
      remedy:
        "See rabbitmqctl list_vhosts, then correct the end of RABBITMQ_URL (nothing after the port is the vhost /), " +
        `or: rabbitmqctl add_vhost ${vhost}; rabbitmqctl set_permissions -p ${vhost} ${user} '.*' '.*' '.*'`,
    };
  }
  if (replyCode(error) === 403) {
    return {
      code: "permission_missing",
      found: `User '${user}' may not do this in vhost '${vhost}': ${said}`,
      remedy: `rabbitmqctl set_permissions -p ${vhost} ${user} '.*' '.*' '.*'`,
    };
  }
  if (isTimeout(error)) {
    return {
      code: "broker_silent",
      found: `${at} takes connections, but does not answer in AMQP in time`,
      remedy:
        "The broker hangs (try there: rabbitmq-diagnostics check_running), a firewall swallows what is sent, or " +
        "this is another port than AMQP's (5672; 15672 is for browsers)",
    };
  }
  if (/socket closed abruptly|invalid frame|unexpected close|exceeds maxFrameSize/i.test(said)) {
    return {
      code: "not_amqp",
      found: `What listens on ${at} ends the connection as it is greeted in AMQP (${said})`,
      remedy:
        "Correct the port in RABBITMQ_URL (5672 as a rule), or use amqps:// if it is the port for TLS (5671)",
    };
  }
  return networkFault(error, endpoint);
}
