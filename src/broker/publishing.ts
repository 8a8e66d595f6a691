import { Buffer } from "node:buffer";
import amqp, { type ConsumeMessage, type Message, type Options } from "amqplib";
import { closeChannel, type OpenChannel, openChannel } from "./channel.ts";
import type { Link } from "./connection.ts";

/** AMQP `app_id` of all that a worker says. */
export const APP_ID = "whatsapp-worker";

/** Names one publish among those in flight, so that a returned message is matched to it. */
const PUBLISH_ID = "x-publish-id";

/** A publish the broker did not take: the channel died or it was nacked. Whether it arrived is unknown. */
export class PublishFailed extends Error {
  override readonly name = "PublishFailed";
}

/** The broker refuses to keep a message, which it did not: its queue is full, or failed. */
export class PublishRefused extends PublishFailed {}

/** Publishes and knows what became of each message. */
export class ConfirmedChannel implements OpenChannel {
  readonly channel;
  readonly closed: AbortSignal;
  readonly #returned = new Set<string>();
  #count = 0;

  private constructor({ channel, closed }: OpenChannel) {
    this.channel = channel;
    this.closed = closed;
    channel.on("return", (message: Message) => {
      this.#returned.add(String(message.properties.headers?.[PUBLISH_ID]));
    });
  }

  static async open(link: Link): Promise<ConfirmedChannel> {
    return new ConfirmedChannel(await openChannel(link));
  }

  /**
   * Publishes persistently and with `mandatory`. Resolves once the broker has confirmed: `routed` when a queue has the
   * message, `unroutable` when none was there to take it.
   *
   * @throws {PublishRefused} when the broker nacked it
   * @throws {PublishFailed} when the channel died first
   * @throws {Error} when AMQP cannot carry these properties: trying again is of no use
   */
  publish(
    exchange: string,
    routingKey: string,
    content: Uint8Array,
    options: Options.Publish,
  ): Promise<"routed" | "unroutable"> {
    const { promise, resolve, reject } = Promise.withResolvers<"routed" | "unroutable">();
    const id = String(++this.#count);
    try {
      this.channel.publish(
        exchange,
        routingKey,
        Buffer.from(content.buffer, content.byteOffset, content.byteLength),
        { ...options, headers: { ...options.headers, [PUBLISH_ID]: id }, persistent: true, mandatory: true },
        (error) => {
          // The broker sends a return before the confirm of the same message.
          const unroutable = this.#returned.delete(id);
          if (error) {
            // amqplib has words for it alone; of a channel that died it says something else.
            const Failure = error.message === "message nacked" ? PublishRefused : PublishFailed;
            reject(new Failure("The broker did not confirm a message", { cause: error }));
          } else resolve(unroutable ? "unroutable" : "routed");
        },
      );
    } catch (error) {
      reject(isClosed(error) ? new PublishFailed("The channel is closed", { cause: error }) : error);
    }
    return promise;
  }

  async close(): Promise<void> {
    await closeChannel(this);
  }
}

function isClosed(error: unknown): boolean {
  return error instanceof amqp.IllegalOperationError;
}

/** Headers the broker acts on or writes: `CC` would copy a forwarded message to where it has been already, for ever. */
const BROKER_HEADERS = ["CC", "BCC", "x-death"];

const FORWARDED = [
  "contentType",
  "contentEncoding",
  "correlationId",
  "replyTo",
  "messageId",
  "timestamp",
  "type",
  "appId",
  "priority",
] as const;

/**
 * The properties a forwarded message keeps: all of them, but for `user_id` (only its owner may publish it),
 * `expiration` (that of another queue) and headers that are the broker's.
 */
export function forwardedProperties(
  { properties }: ConsumeMessage,
  headers: Record<string, unknown> = {},
): Options.Publish {
  const kept = FORWARDED.map((name) => [name, properties[name]]).filter(([, value]) => value !== undefined);
  return {
    ...Object.fromEntries(kept),
    headers: {
      ...Object.fromEntries(
        Object.entries(properties.headers ?? {}).filter(([name]) => !BROKER_HEADERS.includes(name)),
      ),
      ...headers,
    },
  };
}
