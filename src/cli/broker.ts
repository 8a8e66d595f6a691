import { setTimeout as delay } from "node:timers/promises";
import { BrokerUnavailable, Connection, type Link } from "../broker/connection.ts";
import { PublishFailed } from "../broker/publishing.ts";
import { isRefusal } from "../broker/reply_codes.ts";
import type { Sifted } from "../broker/sift.ts";
import { unlessAborted } from "../waiting.ts";
import type { Settings } from "../config/load.ts";
import { EXIT } from "../exit_codes.ts";
import { makeLog } from "../log.ts";
import { brokerFault } from "../preflight/broker.ts";
import { CommandError } from "./command_error.ts";

/** How long another process that looks through the same queue is waited for, */
const RIVAL_PATIENCE_MS = 30_000;
/** and how often it is asked for. */
const RIVAL_PAUSE_MS = 300;

/**
 * Does `work` on a connection of its own.
 *
 * @throws {CommandError} `UNAVAILABLE` when there is no broker, it refuses, or it goes away meanwhile
 */
export async function withBroker<T>(settings: Settings, work: (link: Link) => Promise<T>): Promise<T> {
  const { promise: connected, resolve } = Promise.withResolvers<Link>();
  const connection = new Connection({
    url: settings.RABBITMQ_URL,
    name: `whatsapp-worker ${settings.WORKER_ID} operator`,
    log: makeLog({ level: "silent", pretty: false, workerId: settings.WORKER_ID }),
    random: Math.random,
    prepare: (link) => Promise.resolve(resolve(link)),
  });
  try {
    await connection.open(0);
    const link = await connected;
    const done = await unlessAborted(work(link).then((value) => ({ value })), link.signal);
    if (done === undefined) throw new PublishFailed("The connection to the broker is gone");
    return done.value;
  } catch (error) {
    throw worded(error, settings);
  } finally {
    await connection.close();
  }
}

function worded(error: unknown, settings: Settings): unknown {
  if (error instanceof PublishFailed) {
    const remedy = "Nothing is lost; see whether the broker runs (--check), then give the command again";
    return new CommandError(error.message, remedy, EXIT.UNAVAILABLE);
  }
  const cause = error instanceof BrokerUnavailable ? error.cause : isRefusal(error) ? error : undefined;
  if (cause === undefined) return error;
  const { found, remedy } = brokerFault(cause, settings);
  return new CommandError(found, remedy, EXIT.UNAVAILABLE);
}

/**
 * Sifts a queue, after whoever else does so at this moment.
 *
 * @param tell called once when there is somebody to wait for
 * @throws {CommandError} `TEMPFAIL` when the queue does not become free
 */
export async function afterOthers(
  queue: string,
  tell: (line: string) => void,
  siftOnce: () => Promise<Sifted>,
): Promise<Exclude<Sifted, { outcome: "in_use" }>> {
  const deadline = performance.now() + RIVAL_PATIENCE_MS;
  for (let told = false;; told = true) {
    const sifted = await siftOnce();
    if (sifted.outcome !== "in_use") return sifted;
    if (!told) tell(`Somebody else reads '${queue}' at this moment; waiting`);
    if (performance.now() > deadline) {
      throw new CommandError(
        `Somebody else keeps reading '${queue}'`,
        "See who: rabbitmqctl list_consumers; end that, then give the command again",
        EXIT.TEMPFAIL,
      );
    }
    await delay(RIVAL_PAUSE_MS);
  }
}
