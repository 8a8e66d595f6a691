/** What the broker itself says of one vhost. */

import amqp, { type Channel } from "amqplib";
import { setTimeout as delay } from "node:timers/promises";
import type { Broker } from "../rabbitmq/broker.ts";
import type { Binding, Consumer } from "./observations.ts";

/** The name of the vhost in a broker URL. */
export function vhostOf(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}

/** The names by which connections to the vhost of `url` call themselves; `""` for one without a name. */
export async function connectionsTo(broker: Broker, url: string): Promise<string[]> {
  const rows = await ctl<{ vhost: string; client_properties: [string, string, unknown][] }>(broker, [
    "list_connections",
    "vhost",
    "client_properties",
  ]);
  return rows.filter(({ vhost }) => vhost === vhostOf(url))
    .map(({ client_properties }) => connectionName(client_properties));
}

/** Every consumer in the vhost of `url`. */
export async function consumersOf(broker: Broker, url: string): Promise<Consumer[]> {
  const rows = await ctl<{ queue_name: string; prefetch_count: number; ack_required: boolean }>(broker, [
    "list_consumers",
    "-p",
    vhostOf(url),
  ]);
  return rows.map(({ queue_name, prefetch_count, ack_required }) => ({
    queue: queue_name,
    prefetch: prefetch_count,
    ackRequired: ack_required,
  }));
}

/** Every binding of a queue in the vhost of `url`, those of the default exchange left out. */
export async function bindingsOf(broker: Broker, url: string): Promise<Binding[]> {
  const rows = await management<{ source: string; destination: string; routing_key: string }>(
    broker,
    `bindings/${encodeURIComponent(vhostOf(url))}`,
  );
  return rows.filter(({ source }) => source !== "")
    .map(({ source, destination, routing_key }) => ({ source, queue: destination, key: routing_key }));
}

/** Every queue in the vhost of `url`, and whether it is durable. */
export async function queuesOf(broker: Broker, url: string): Promise<Map<string, boolean>> {
  const rows = await management<{ name: string; durable: boolean }>(
    broker,
    `queues/${encodeURIComponent(vhostOf(url))}`,
  );
  return new Map(rows.map(({ name, durable }) => [name, durable]));
}

/**
 * How many commands wait in the broker for their worker to appear; resolves as soon as there is one.
 *
 * @throws {Error} when there is none within `timeoutMs`
 */
export function waitingCommands(url: string, timeoutMs = 5_000): Promise<number> {
  return withChannel(url, async (channel) => {
    for (const deadline = performance.now() + timeoutMs; performance.now() < deadline; await delay(20)) {
      const queues = ["whatsapp.router.retry", "whatsapp.router.pending"];
      const counts = await Promise.all(queues.map((queue) => channel.checkQueue(queue)));
      const waiting = counts.reduce((sum, { messageCount }) => sum + messageCount, 0);
      if (waiting > 0) return waiting;
    }
    throw new Error(`No command waited in the broker within ${timeoutMs} ms`);
  });
}

/** Takes everything out of the dead-letter queue. @returns the reason each message lay there */
export function deadReasons(url: string): Promise<string[]> {
  return withChannel(url, async (channel) => {
    const reasons: string[] = [];
    for (let message; (message = await channel.get("whatsapp.dead-letter", { noAck: true }));) {
      reasons.push(String(message.properties.headers?.["x-dead-reason"]));
    }
    return reasons;
  });
}

async function withChannel<T>(url: string, work: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = await amqp.connect(url);
  try {
    return await work(await connection.createChannel());
  } finally {
    await connection.close();
  }
}

async function ctl<Row>(broker: Broker, args: string[]): Promise<Row[]> {
  return JSON.parse(await broker.ctl(...args, "--formatter", "json", "--silent")) as Row[];
}

async function management<Row>({ layout }: Broker, path: string): Promise<Row[]> {
  const { httpPort, user, password } = layout;
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/${path}`, {
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}` },
    signal: AbortSignal.timeout(30_000),
  });
  if (!response.ok) throw new Error(`GET ${path} was answered ${response.status}: ${await response.text()}`);
  return await response.json();
}

/** Client properties come as triples of name, type and value. */
function connectionName(properties: readonly [string, string, unknown][]): string {
  return String(properties.find(([name]) => name === "connection_name")?.[2] ?? "");
}
