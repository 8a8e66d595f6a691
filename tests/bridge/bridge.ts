/** The worker's own bridge on the real broker, without WhatsApp: for tests of its parts. */

import amqp, { type ConfirmChannel, type ConsumeMessage, type Options } from "amqplib";
import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import { Connection, type Link, type Role } from "../../src/broker/connection.ts";
import { DeadLetters } from "../../src/broker/dead_letter.ts";
import { type BrokerNames, brokerNames } from "../../src/broker/names.ts";
import { declareTopology, type TopologyOptions } from "../../src/broker/shared_topology.ts";
import { SharedChannel } from "../../src/broker/shared_channel.ts";
import { makeLog } from "../../src/log.ts";
import type { Broker } from "../rabbitmq/broker.ts";

/** The usual names. */
export const NAMES: BrokerNames = brokerNames("whatsapp", {
  messageSend: "whatsapp.message.send",
  sessionUpdate: "whatsapp.session.update",
  exchange: "whatsapp.exchange",
});

/** What {@link startBridge} may be given. */
export interface BridgeOptions {
  readonly url: string;
  readonly topology?: Partial<TopologyOptions>;
  /** In place of declaring the topology. */
  readonly prepare?: (link: Link) => Promise<void>;
  /** @default 5 s */
  readonly patienceMs?: number;
}

/** A connected bridge. */
export interface Bridge extends AsyncDisposable {
  readonly connection: Connection;
  readonly shared: SharedChannel;
  readonly deadLetters: DeadLetters;
  /** JSON lines. */
  readonly logged: readonly string[];
  readonly log: ReturnType<typeof makeLog>;
  /** Aborted at the end. */
  readonly signal: AbortSignal;
  /** Keeps a role until the end. */
  keep(name: string, role: Role): void;
}

/** A log that is kept. */
export function keptLog(): { log: ReturnType<typeof makeLog>; logged: string[] } {
  const logged: string[] = [];
  const destination = { write: (line: string) => void logged.push(line) };
  return { log: makeLog({ level: "trace", pretty: false, workerId: "worker-1", destination }), logged };
}

/** A connection that is not open yet. */
export function makeConnection(
  { url, prepare = () => Promise.resolve() }: Pick<BridgeOptions, "url" | "prepare">,
): { connection: Connection; logged: string[]; log: ReturnType<typeof makeLog> } {
  const { log, logged } = keptLog();
  return { connection: new Connection({ url, name: "test", log, random: () => 0, prepare }), log, logged };
}

/** Connects, declares, and keeps a shared channel. */
export async function startBridge(
  { url, topology, prepare, patienceMs = 5_000 }: BridgeOptions,
): Promise<Bridge> {
  const { log, logged } = keptLog();
  const options: TopologyOptions = {
    names: NAMES,
    workerId: "worker-1",
    backendQueues: [],
    bindings: [],
    staleBindings: [],
    exchangeType: undefined,
    log,
    ...topology,
  };
  const connection = new Connection({
    url,
    name: "test",
    log,
    random: () => 0,
    prepare: prepare ?? ((link) => declareTopology(link, options)),
  });
  const ended = new AbortController();
  const roles: Promise<void>[] = [];
  const keep = (name: string, role: Role) => void roles.push(connection.keep(name, role, ended.signal));
  const shared = new SharedChannel();
  try {
    await connection.open(patienceMs);
  } catch (error) {
    await connection.close();
    throw error;
  }
  keep("shared", shared.role);
  return {
    connection,
    shared,
    deadLetters: new DeadLetters({
      channel: shared,
      queue: NAMES.deadLetter,
      workerId: "worker-1",
      now: () => 1_700_000_000_000,
    }),
    log,
    logged,
    signal: ended.signal,
    keep,
    [Symbol.asyncDispose]: async () => {
      ended.abort();
      await connection.close();
      await Promise.all(roles);
    },
  };
}

/** A client of the broker that looks on and meddles. */
export interface Onlooker extends AsyncDisposable {
  readonly channel: ConfirmChannel;
  /** Publishes and waits for the confirm. */
  publish(
    exchange: string,
    key: string,
    content: string | Uint8Array,
    options?: Options.Publish,
  ): Promise<void>;
  /** Takes a message off a queue as soon as there is one. */
  take(queue: string, timeoutMs?: number): Promise<ConsumeMessage>;
  /** How many messages are ready in a queue. */
  depth(queue: string): Promise<number>;
}

/** Connects an {@link Onlooker}. */
export async function lookOn(url: string): Promise<Onlooker> {
  const model = await amqp.connect(url, { noDelay: true, timeout: 10_000 });
  // Brokers are killed under it; whoever uses it then gets the error.
  model.on("error", () => {});
  const channel = await model.createConfirmChannel();
  channel.on("error", () => {});
  const depth = async (queue: string) => (await channel.checkQueue(queue)).messageCount;
  return {
    channel,
    depth,
    publish: async (exchange, key, content, options = {}) => {
      const confirmed = Promise.withResolvers<void>();
      channel.publish(
        exchange,
        key,
        Buffer.from(content as Uint8Array),
        { persistent: true, ...options },
        (error) => error ? confirmed.reject(error) : confirmed.resolve(),
      );
      await confirmed.promise;
    },
    take: async (queue, timeoutMs = 10_000) => {
      let message: ConsumeMessage | undefined;
      await until(async () => {
        const got = await channel.get(queue, { noAck: true });
        if (got === false) return false;
        message = got as unknown as ConsumeMessage;
        return true;
      }, { describe: `a message in '${queue}'`, timeoutMs });
      return message!;
    },
    [Symbol.asyncDispose]: () => model.close().catch(() => {}),
  };
}

/** Asks again and again until `condition` holds. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  { describe, timeoutMs = 10_000, everyMs = 10 }: { describe: string; timeoutMs?: number; everyMs?: number },
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${describe}`);
    await delay(everyMs);
  }
}

/** How long `work` takes, in ms. */
export async function timed(work: PromiseLike<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work;
  return performance.now() - startedAt;
}

/** Asks the management plugin of `broker` about the vhost of `url`. */
export async function manage<T>(broker: Broker, url: string, what: string, path = ""): Promise<T> {
  const { httpPort, user, password } = broker.layout;
  const vhost = new URL(url).pathname.slice(1);
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/${what}/${vhost}${path}`, {
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` },
    signal: AbortSignal.timeout(30_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`GET ${what} was answered ${response.status}: ${text}`);
  return JSON.parse(text) as T;
}

/** Whether a queue is there. */
export async function queueExists(broker: Broker, url: string, name: string): Promise<boolean> {
  return (await manage<{ name: string }[]>(broker, url, "queues")).some((queue) => queue.name === name);
}

/** What of `exchange` is bound, as `key → queue`, sorted. */
export async function bindingsOf(broker: Broker, url: string, exchange: string): Promise<string[]> {
  const all = await manage<{ source: string; destination: string; routing_key: string }[]>(
    broker,
    url,
    "bindings",
  );
  return all.filter(({ source }) => source === exchange)
    .map(({ routing_key, destination }) => `${routing_key} → ${destination}`).sort();
}
