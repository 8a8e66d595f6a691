import type { ConsumeMessage } from "amqplib";
import { forwardedProperties, PublishFailed } from "./publishing.ts";
import type { SharedChannel } from "./shared_channel.ts";

/** Options of {@link DeadLetters}. */
export interface DeadLettersOptions {
  readonly channel: SharedChannel;
  /** The queue the dead letters are kept in. */
  readonly queue: string;
  readonly workerId: string;
  readonly now: () => number;
}

/** Messages that can never be handled, kept for a person with the reason and where they came from. */
export class DeadLetters {
  readonly #options: DeadLettersOptions;

  constructor(options: DeadLettersOptions) {
    this.#options = options;
  }

  /**
   * Keeps a copy of `message` with its bytes and properties. Resolves when the broker has it.
   *
   * @throws {PublishFailed} when the broker is gone: the message must stay where it is.
   */
  async add(queue: string, message: ConsumeMessage, reason: string): Promise<void> {
    const { channel, queue: deadLetters, workerId, now } = this.#options;
    const { properties, fields } = message;
    const outcome = await channel.publish(
      "",
      deadLetters,
      message.content,
      forwardedProperties(message, {
        "x-dead-reason": reason,
        "x-dead-queue": queue,
        "x-dead-exchange": fields.exchange,
        "x-dead-routing-key": fields.routingKey,
        "x-dead-time": new Date(now()).toISOString(),
        "x-dead-count": Number(properties.headers?.["x-dead-count"] ?? 0) + 1,
        "x-dead-worker": workerId,
      }),
    );
    if (outcome === "unroutable") throw new PublishFailed(`The queue '${deadLetters}' is gone`);
  }
}
