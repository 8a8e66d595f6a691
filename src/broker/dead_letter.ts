import type { ConsumeMessage, Options } from "amqplib";
import type { Telemetry } from "../telemetry.ts";
import { forwardedProperties, PublishFailed } from "./publishing.ts";
import type { SharedChannel } from "./shared_channel.ts";
import { declareOwnQueue } from "./topology.ts";

/** How often a message had died before, as its header says; whoever wrote that, it is a number from here on. */
export function deathsOf(header: unknown): number {
  return Number.isSafeInteger(header) && Number(header) > 0 ? Number(header) : 0;
}

/** Options of {@link DeadLetters}. */
export interface DeadLettersOptions {
  readonly channel: SharedChannel;
  /** The queue the dead letters are kept in. */
  readonly queue: string;
  readonly workerId: string;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
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
    const { workerId, now, telemetry } = this.#options;
    const { properties, fields } = message;
    const about = {
      "x-dead-reason": reason,
      "x-dead-queue": queue,
      "x-dead-exchange": fields.exchange,
      "x-dead-routing-key": fields.routingKey,
      "x-dead-time": new Date(now()).toISOString(),
      "x-dead-count": deathsOf(properties.headers?.["x-dead-count"]) + 1,
      "x-dead-worker": workerId,
    };
    try {
      await this.#keep(message.content, forwardedProperties(message, about));
    } catch (error) {
      if (error instanceof PublishFailed) throw error;
      // Properties that can be read but not written again (too large, not UTF-8): what matters are bytes and reason.
      await this.#keep(message.content, { headers: about });
    }
    telemetry?.deadLetter(reason);
  }

  async #keep(content: Uint8Array, properties: Options.Publish): Promise<void> {
    const { channel, queue } = this.#options;
    if (await channel.publish("", queue, content, properties) === "routed") return;
    // Somebody who had looked through the dead letters deleted the queue with them.
    await channel.on((link) => declareOwnQueue(link, queue));
    if (await channel.publish("", queue, content, properties) === "routed") return;
    throw new PublishFailed(`The queue '${queue}' is gone`);
  }
}
