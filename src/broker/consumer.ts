import type { ConsumeMessage } from "amqplib";
import type { Logger } from "pino";
import { closeChannel, type Link, type OpenChannel, openChannel, whenAborted } from "./connection.ts";
import type { DeadLetters } from "./dead_letter.ts";

/** A message taken from a queue. */
export interface Delivery {
  readonly queue: string;
  readonly message: ConsumeMessage;
  /** `message_id` or `correlation_id` of the message: what answers to it are correlated with. */
  readonly commandId: string | undefined;
}

/** What a handler wants done with its message. */
export type Outcome =
  /** Its effect is durable: it leaves the queue. */
  | "ack"
  /** Back to the head of the queue, to be taken again. */
  | "requeue"
  /** It can never be handled: to the dead letters with this reason, then off the queue. */
  | { readonly dead: string };

/**
 * | the handler | the message |
 * |---|---|
 * | returns an {@link Outcome} | as it says |
 * | throws for the first time | is requeued |
 * | throws again on the redelivered message | goes to the dead letters, reason `handler_failed` |
 * | is running when the channel dies | is redelivered by the broker; the handler runs to its end |
 */
export type Handler = (delivery: Delivery) => Promise<Outcome>;

/** Options of {@link consume}. */
export interface ConsumeOptions {
  readonly queue: string;
  readonly handler: Handler;
  readonly deadLetters: DeadLetters;
  readonly log: Logger;
  /** Ends the consumer: no further message is taken, those in hand are finished. */
  readonly signal: AbortSignal;
  /** @default 1 */
  readonly prefetch?: number;
  /** Refuse to share the queue; the broker answers 403 when somebody else has it. @default false */
  readonly exclusive?: boolean;
  /** Called, and awaited, once the broker has accepted the consumer; a throw ends it. */
  readonly onConsuming?: () => void | Promise<void>;
}

/** Consumes a queue on a channel of its own until `signal` aborts or the channel or queue is gone. */
export async function consume(link: Link, options: ConsumeOptions): Promise<void> {
  const open = await openChannel(link);
  try {
    await consumeOn(open, options);
  } finally {
    await closeChannel(open);
  }
}

/** {@link consume} on a channel that other consumers share: their messages are taken and acknowledged in one order. */
export async function consumeOn(open: OpenChannel, options: ConsumeOptions): Promise<void> {
  const { channel, closed } = open;
  const { queue, signal, prefetch = 1, exclusive = false } = options;
  const inHand = new Set<Promise<void>>();
  const cancelled = new AbortController();

  if (signal.aborted) return;
  await channel.prefetch(prefetch);
  const { consumerTag } = await channel.consume(queue, (message) => {
    // The broker cancels the consumer when its queue is deleted.
    if (message === null) return cancelled.abort();
    // Taken between the wish to stop and the broker's word that it did: left unacknowledged, it goes to the next consumer.
    if (signal.aborted) return;
    const handled = settle(open, message, options).finally(() => inHand.delete(handled));
    inHand.add(handled);
  }, { exclusive });
  await options.onConsuming?.();

  await whenAborted(AbortSignal.any([signal, closed, cancelled.signal]));
  if (!closed.aborted && !cancelled.signal.aborted) await channel.cancel(consumerTag);
  await Promise.all(inHand);
  if (closed.aborted && !signal.aborted) throw closed.reason;
}

async function settle(
  { channel, closed }: OpenChannel,
  message: ConsumeMessage,
  options: ConsumeOptions,
): Promise<void> {
  const { queue, handler, deadLetters, log } = options;
  const { messageId, correlationId } = message.properties;
  let outcome: Outcome;
  try {
    outcome = await handler({ queue, message, commandId: messageId ?? correlationId });
  } catch (error) {
    log.error(
      { queue, redelivered: message.fields.redelivered, err: error },
      "a message could not be handled",
    );
    outcome = message.fields.redelivered ? { dead: "handler_failed" } : "requeue";
  }
  if (typeof outcome === "object") {
    try {
      await deadLetters.add(queue, message, outcome.dead);
      outcome = "ack";
    } catch (error) {
      log.warn({ queue, err: error }, "a dead letter could not be kept, its message stays in the queue");
      outcome = "requeue";
    }
  }
  if (closed.aborted) return;
  if (outcome === "ack") channel.ack(message);
  else channel.nack(message, false, true);
}
