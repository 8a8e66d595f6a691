import type { NumberCommand } from "../contract/commands.ts";
import { idText } from "../contract/ids.ts";
import type { Link } from "./connection.ts";
import type { Delivery, Outcome } from "./consumer.ts";
import { type BrokerNames, routingKey } from "./names.ts";
import { type ConfirmedChannel, forwardedProperties } from "./publishing.ts";
import { consumersOf } from "./topology.ts";

/** When the reader first took a send that had expired, in ms since the epoch: among commands, the mark of such a send. */
const EXPIRED_SINCE = "x-expired-since";
/** How long the answer waits for a worker that is away: most that are have been stopped to be started again. */
const EXPIRY_PATIENCE_MS = 2 * 60_000;

/** Whether a message among commands is a send that has expired. */
export function isExpiredSend({ message }: Pick<Delivery, "message">): boolean {
  return message.properties.headers?.[EXPIRED_SINCE] !== undefined;
}

/** Options of {@link ExpiredSends}. */
export interface ExpiredSendsOptions {
  readonly names: BrokerNames;
  /** Answers a send that waited until it was of no use; resolves when the answer is durable. */
  readonly answer: (command: NumberCommand, delivery: Delivery) => Promise<void>;
  readonly now: () => number;
}

/**
 * Sends that waited too long. Whether one has gone out before, on a link that was lost or as another command for the same
 * message, only the worker knows that has its number: that one answers. The reader does when there is none, or when it
 * stays away.
 */
export class ExpiredSends {
  readonly #options: ExpiredSendsOptions;

  constructor(options: ExpiredSendsOptions) {
    this.#options = options;
  }

  /** Hands a send to whoever can answer it, or answers it. */
  async route(
    link: Link,
    channel: ConfirmedChannel,
    delivery: Delivery,
    command: NumberCommand,
  ): Promise<Outcome> {
    const { names, answer, now } = this.#options;
    const { content, properties } = delivery.message;
    const numberId = idText(command.numberId);
    const sinceMs = Number(properties.headers?.[EXPIRED_SINCE]) || now();
    const marked = forwardedProperties(delivery.message, { [EXPIRED_SINCE]: sinceMs });
    const forward = async (exchange: string, key: string) =>
      await channel.publish(exchange, key, content, marked) === "routed";
    const consumers = await consumersOf(link, names.number(numberId));
    if (consumers === 1 && await forward(names.router, routingKey.number(numberId))) return "ack";
    const isAway = consumers !== undefined && now() - sinceMs < EXPIRY_PATIENCE_MS;
    if (isAway && await forward("", names.retry)) return "ack";
    await answer(command, delivery);
    return "ack";
  }
}
