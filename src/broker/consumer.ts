import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import type { ConsumeMessage } from "amqplib";
import type { Logger } from "pino";
import { StoreError } from "../store/database.ts";
import { closeChannel, type OpenChannel, openChannel } from "./channel.ts";
import type { Link } from "./connection.ts";
import type { DeadLetters } from "./dead_letter.ts";
import { PublishFailed } from "./publishing.ts";
import { goodbye } from "./goodbye.ts";
import { FEW, Load } from "./load.ts";
import type { QueuePlace } from "./queue_place.ts";
import { pause, whenAborted } from "../waiting.ts";

/** How long a message rests that could not be handled because the broker or the disk failed. */
const REQUEUE_PAUSE_MS = 1_000;
/** The longest `correlation_id` there can be. */
const LONGEST_ID_BYTES = 255;

/** A message taken from a queue. */
export interface Delivery {
  readonly queue: string;
  readonly message: ConsumeMessage;
  /** `message_id` or `correlation_id` of the message: what answers to it are correlated with. */
  readonly commandId: string | undefined;
  /** Aborts when the channel is gone: the message is delivered again, so there is no use in waiting any longer. */
  readonly lost: AbortSignal;
  /** Its place, where the queue is one that can be asked about it. */
  readonly place?: QueuePlace | undefined;
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
 * | throws {@link PublishFailed} or {@link StoreError} | is requeued after a pause, however often |
 * | throws something else for the first time, requeues of its own aside | is requeued |
 * | throws again on the redelivered message | goes to the dead letters, reason `handler_failed` |
 * | is running when the channel dies | is redelivered by the broker; the handler runs to its end, `lost` is aborted |
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
  /**
   * How many bytes of bodies may be in hand: AMQP counts messages alone. What comes beyond it goes back to its place, and
   * while messages are that large no more than {@linkcode FEW} of them are taken. @default any number
   */
  readonly maxBytes?: number;
  /** Refuse to share the queue; the broker answers 403 when somebody else has it. @default false */
  readonly exclusive?: boolean;
  /** The broker gives a message to the consumer with the highest number that has room for it. @default 0 */
  readonly priority?: number;
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
  const { onConsuming: _onConsuming, ...again } = options;
  let size = await consumeUntil(open, options.prefetch ?? 1, options);
  while (size !== "any") {
    size = await consumeUntil(open, size === "large" ? FEW : options.prefetch ?? 1, again);
  }
}

/**
 * Consumes until the consumer is over (`any`), or messages are so `large` that fewer have to be taken at a time, or `small`
 * enough for as many as usual. None is in hand then.
 */
async function consumeUntil(
  open: OpenChannel,
  prefetch: number,
  options: ConsumeOptions,
): Promise<"any" | "large" | "small"> {
  const { channel, closed } = open;
  const { queue, signal, exclusive = false, priority = 0 } = options;
  const inHand = new Set<Promise<void>>();
  const load = new Load({ prefetch, usual: options.prefetch ?? 1, maxBytes: options.maxBytes ?? Infinity });
  const cancelled = new AbortController();
  const failed = new AbortController();
  const putBack: PutBack = { hash: undefined };
  const lost = AbortSignal.any([closed, failed.signal]);

  if (signal.aborted) return "any";
  // Both at once: what is said of the prefetch holds for the next consumer of the channel, whoever's that is.
  const prefetching = channel.prefetch(prefetch);
  const consuming = channel.consume(queue, (message) => {
    // The broker cancels the consumer when its queue is deleted.
    if (message === null) return cancelled.abort();
    // Taken between the wish to stop and the broker's word that it did: left unacknowledged, it goes to the next consumer.
    if (signal.aborted || failed.signal.aborted) return;
    if (!load.takes(message)) return;
    const handled = settle(open, message, { lost, putBack }, options).finally(() => {
      inHand.delete(handled);
      load.release(message);
    });
    inHand.add(handled);
  }, { exclusive, priority });
  const [{ consumerTag }] = await Promise.all([consuming, prefetching]);
  try {
    await options.onConsuming?.();
    await whenAborted(AbortSignal.any([signal, closed, cancelled.signal, load.changed]));
  } catch (error) {
    failed.abort();
    throw error;
  } finally {
    if (!closed.aborted && !cancelled.signal.aborted) {
      const cancelling = channel.cancel(consumerTag);
      // Before the answer comes all that was under way, for which there is no room here; however long that takes.
      if (load.changed.aborted) await Promise.race([cancelling.catch(() => {}), whenAborted(closed)]);
      else await goodbye(cancelling, closed);
    }
    if (!closed.aborted) load.giveBack(channel);
    await Promise.all(inHand);
  }
  if (closed.aborted && !signal.aborted) throw closed.reason;
  return closed.aborted || signal.aborted || cancelled.signal.aborted ? "any" : load.size;
}

/** What a handler has put back last, by its own wish: that such a message is redelivered is no sign of a fault. */
interface PutBack {
  /** Of its bytes. */
  hash: string | undefined;
}

/** What the deliveries of one consumer share. */
interface Consumption {
  readonly lost: AbortSignal;
  readonly putBack: PutBack;
}

/** Handles one message and says what becomes of it. Never rejects: nobody would hear it. */
async function settle(
  { channel, closed }: OpenChannel,
  message: ConsumeMessage,
  consumption: Consumption,
  options: ConsumeOptions,
): Promise<void> {
  const { queue, deadLetters, log } = options;
  const { lost } = consumption;
  let outcome = await handle(message, consumption, options);
  // The broker delivers it again, to be decided on then.
  if (closed.aborted) return;
  if (typeof outcome === "object") {
    try {
      await deadLetters.add(queue, message, outcome.dead);
      outcome = "ack";
    } catch (error) {
      log.warn({ queue, err: error }, "a dead letter could not be kept, its message stays in the queue");
      await pause(REQUEUE_PAUSE_MS, lost);
      outcome = "requeue";
    }
  }
  if (closed.aborted) return;
  try {
    if (outcome === "ack") channel.ack(message);
    else channel.nack(message, false, true);
  } catch (err) {
    log.debug(
      { queue, err },
      "a channel was closing as its message was settled; the broker delivers it again",
    );
  }
}

async function handle(
  message: ConsumeMessage,
  { lost, putBack }: Consumption,
  { queue, handler, log, signal }: ConsumeOptions,
): Promise<Outcome> {
  try {
    const outcome = await handler({ queue, message, commandId: commandIdOf(message), lost });
    if (outcome === "requeue") putBack.hash = hashOf(message);
    return outcome;
  } catch (error) {
    const wasPutBack = putBack.hash === hashOf(message);
    if (wasPutBack) putBack.hash = undefined;
    const redelivered = message.fields.redelivered && !wasPutBack;
    log.error({ queue, redelivered, err: error }, "a message could not be handled");
    if (!isPassing(error)) return redelivered ? { dead: "handler_failed" } : "requeue";
    await pause(REQUEUE_PAUSE_MS, AbortSignal.any([lost, signal]));
    return "requeue";
  }
}

const hashOf = ({ content }: ConsumeMessage) => createHash("sha256").update(content).digest("base64");

/** Not the message is at fault but the broker or the disk. */
function isPassing(error: unknown): boolean {
  return error instanceof PublishFailed || error instanceof StoreError;
}

/** Ids that answers can carry: bytes that are no UTF-8 grow when read, past what AMQP can write. */
function commandIdOf({ properties }: ConsumeMessage): string | undefined {
  const ids: (string | undefined)[] = [properties.messageId, properties.correlationId];
  return ids.find((id) => id !== undefined && id !== "" && Buffer.byteLength(id) <= LONGEST_ID_BYTES);
}
