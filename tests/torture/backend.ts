/**
 * A backend that survives its broker, as a careful Spring one does: publisher confirms, unconfirmed messages published
 * again under the same `message_id`, listeners set up anew on every connection, an ack only after what came is recorded.
 */

import amqp, { type ChannelModel, type ConfirmChannel, type ConsumeMessage } from "amqplib";
import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import { isRecord, parseJson, stringifyJson } from "../../src/contract/json.ts";
import type { Received } from "../backend/backend.ts";

const EXCHANGE = "whatsapp.exchange";
/** Queue and routing key. */
const BINDINGS = [
  ["whatsapp.session.update", "session.update"],
  ["whatsapp.message.send", "message.send"],
  ["whatsapp.message.receive", "message.receive"],
  ["whatsapp.number.health", "number.health"],
] as const;
const LISTENS_TO = ["whatsapp.session.update", "whatsapp.message.receive", "whatsapp.number.health"];
const RECONNECT_PAUSE_MS = 250;

/** The routing keys a backend publishes with. */
export type RoutingKey = "session.update" | "message.send" | "number.health";

/** One command on its way to the broker. */
export interface Publication {
  /** AMQP `message_id`: the same at every attempt. */
  readonly amqpId: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** Attempts, each by its time in ms since the epoch. */
  readonly attemptsAtMs: number[];
  /** When the broker had it for certain. */
  confirmedAtMs?: number;
}

interface Open {
  readonly channel: ConfirmChannel;
  /** Rejects when the connection is gone. */
  readonly lost: Promise<never>;
}

/** A connected backend. */
export class TortureBackend implements AsyncDisposable {
  /** Every delivery of a worker's events, repeats included, in order. */
  readonly received: Received[] = [];
  /** How many connections it has had. */
  connections = 0;
  readonly #url: string;
  readonly #listener: (received: Received) => void;
  readonly #stopping = new AbortController();
  #open = Promise.withResolvers<Open>();
  #model: ChannelModel | undefined;
  #supervision: Promise<void> = Promise.resolve();

  constructor(url: string, listener: (received: Received) => void) {
    this.#url = url;
    this.#listener = listener;
  }

  /** Resolves once everything is declared and listened to. */
  async start(): Promise<void> {
    this.#supervision = this.#supervise();
    await this.#open.promise;
  }

  /**
   * Publishes until the broker has confirmed it.
   *
   * @param publication is filled in as it goes
   */
  async publish(routingKey: RoutingKey, publication: Publication): Promise<void> {
    const content = Buffer.from(stringifyJson(publication.body));
    while (!this.#stopping.signal.aborted) {
      const { channel, lost } = await this.#open.promise;
      publication.attemptsAtMs.push(Date.now());
      try {
        const confirmed = new Promise<void>((resolve, reject) => {
          channel.publish(
            EXCHANGE,
            routingKey,
            content,
            {
              contentType: "text/plain",
              contentEncoding: "UTF-8",
              persistent: true,
              messageId: publication.amqpId,
            },
            (error: unknown) => error ? reject(error) : resolve(),
          );
        });
        await Promise.race([confirmed, lost]);
        publication.confirmedAtMs = Date.now();
        return;
      } catch {
        // The connection is gone, confirmed or not: once more on the next one.
        await delay(RECONNECT_PAUSE_MS);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    // Protocol's own goodbye hangs with the broker.
    await Promise.race([this.#model?.close().catch(() => {}), delay(2_000)]);
    streamOf(this.#model)?.destroy();
    await this.#supervision;
  }

  async #supervise(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // A broker that is not there, or goes as it is set up, is tried again: that is what it is for.
      await this.#connection().catch(() => {});
      await delay(RECONNECT_PAUSE_MS, undefined, { signal: this.#stopping.signal }).catch(() => {});
    }
  }

  /** Lives as long as one connection. */
  async #connection(): Promise<void> {
    const model = this.#model = await amqp.connect(`${this.#url}?heartbeat=5`, {
      noDelay: true,
      timeout: 10_000,
      clientProperties: { connection_name: "backend" },
    });
    const closed = Promise.withResolvers<void>();
    model.on("error", () => {});
    model.on("close", () => closed.resolve());
    const lost = closed.promise.then(() => Promise.reject(new Error("The connection is gone")));
    lost.catch(() => {});
    try {
      const channel = await Promise.race([model.createConfirmChannel(), lost]);
      channel.on("error", () => {});
      channel.on("close", () => model.close().catch(() => {}));
      await Promise.race([this.#setUp(channel), lost]);
      this.connections++;
      this.#open.resolve({ channel, lost });
      await closed.promise;
    } finally {
      streamOf(model)?.destroy();
      this.#open = Promise.withResolvers();
    }
  }

  async #setUp(channel: ConfirmChannel): Promise<void> {
    await channel.assertExchange(EXCHANGE, "topic", { durable: true });
    for (const [queue, routingKey] of BINDINGS) {
      await channel.assertQueue(queue, { durable: true });
      await channel.bindQueue(queue, EXCHANGE, routingKey);
    }
    await channel.prefetch(1);
    for (const queue of LISTENS_TO) {
      await channel.consume(queue, (message) => {
        if (message === null) return;
        this.#record(queue, message);
        try {
          channel.ack(message);
        } catch {
          // The channel has closed: it is delivered again.
        }
      });
    }
  }

  #record(queue: string, { content, properties, fields }: ConsumeMessage): void {
    // Its own commands come back: it listens where it publishes.
    if (properties.appId !== "whatsapp-worker") return;
    const text = content.toString();
    const received: Received = {
      queue,
      body: objectIn(text),
      text,
      properties,
      redelivered: fields.redelivered,
      at: Date.now(),
    };
    this.received.push(received);
    this.#listener(received);
  }
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value = parseJson(text);
    return isRecord(value) ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function streamOf(model: ChannelModel | undefined): { destroy(): void } | undefined {
  return (model?.connection as unknown as { stream?: { destroy(): void } } | undefined)?.stream;
}
