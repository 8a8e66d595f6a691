import type { ConsumeMessage } from "amqplib";
import type { Link } from "./connection.ts";
import { ConfirmedChannel, PublishFailed } from "./publishing.ts";
import { amqpCode, isInUse, NOT_FOUND } from "./reply_codes.ts";
import { pause } from "../waiting.ts";

/** The highest prefetch AMQP can say; beyond it, none is said. */
const HIGHEST_PREFETCH = 65_535;
/** How often it is asked whether messages that were counted have left by another way. */
const LOOK_PAUSE_MS = 1_000;

/** Options of {@link sift}. */
export interface SiftOptions {
  readonly queue: string;
  /**
   * Called with every message, oldest first. A message leaves the queue when the answer is `"take"`; publish what is to
   * be kept of it on `channel` before. A throw ends the sifting; the messages not taken by then are all kept.
   */
  readonly visit: (message: ConsumeMessage, channel: ConfirmedChannel) => Verdict | Promise<Verdict>;
  /** Done once the queue is this process's alone, before the first visit; a throw ends the sifting. */
  readonly onClaimed?: (channel: ConfirmedChannel) => Promise<void>;
  /** Called after every visit. */
  readonly onProgress?: (seen: number, total: number) => void;
}

/** What becomes of a message that was looked at. */
export type Verdict = "take" | "leave";

/** How a sifting ended. */
export type Sifted =
  /** Every message that was there at its start was looked at. */
  | { readonly outcome: "sifted"; readonly total: number }
  /** There is no such queue. */
  | { readonly outcome: "missing" }
  /** Somebody else consumes it. */
  | { readonly outcome: "in_use" };

/**
 * Looks through the messages of a queue and takes some out; the others stay, in their order. While it lasts the queue
 * is consumed exclusively, so that two never sift at once, and nothing is acknowledged that was not taken: when the
 * channel closes, or this process dies, the broker puts the rest back where it was, marked as redelivered.
 *
 * Messages that arrive meanwhile are not looked at. Bodies are not kept: memory does not grow with the queue.
 *
 * @throws {PublishFailed} when the connection is lost
 * @throws whatever `visit` or `onClaimed` throws
 */
export async function sift(link: Link, options: SiftOptions): Promise<Sifted> {
  const open = await ConfirmedChannel.open(link);
  try {
    const { messageCount, consumerCount } = await open.channel.checkQueue(options.queue);
    // Whoever consumes it has messages in hand that the count leaves out.
    if (consumerCount > 0) return { outcome: "in_use" };
    await open.channel.prefetch(messageCount > HIGHEST_PREFETCH ? 0 : Math.max(1, messageCount));
    await visitAll(open, messageCount, options);
    return { outcome: "sifted", total: messageCount };
  } catch (error) {
    if (amqpCode(error) === NOT_FOUND) return { outcome: "missing" };
    if (isInUse(error)) return { outcome: "in_use" };
    throw error;
  } finally {
    await open.close();
  }
}

async function visitAll(open: ConfirmedChannel, total: number, options: SiftOptions): Promise<void> {
  const { queue, visit, onClaimed, onProgress } = options;
  const claimed = Promise.withResolvers<void>();
  const inHand = new Set<Promise<void>>();
  const ended = new AbortController();
  const failures: unknown[] = [];
  const count = { arrived: 0, seen: 0 };

  const settle = async (message: ConsumeMessage) => {
    await claimed.promise;
    if (failures.length > 0) return;
    const verdict = await visit(message, open);
    if (verdict === "take" && !open.closed.aborted) open.channel.ack(message);
    onProgress?.(++count.seen, total);
  };
  await open.channel.consume(queue, (message) => {
    // Its queue was deleted: nothing more comes.
    if (message === null) return ended.abort();
    // What was taken makes room for later messages, which were not counted.
    if (count.arrived === total) return;
    count.arrived++;
    const settled = settle(message).catch((error) => {
      failures.push(error);
      ended.abort();
    }).finally(() => inHand.delete(settled));
    inHand.add(settled);
    if (count.arrived === total) ended.abort();
  }, { exclusive: true });
  await onClaimed?.(open);
  claimed.resolve();

  await arrival(open, queue, count, total, AbortSignal.any([ended.signal, open.closed]));
  await Promise.all(inHand);
  if (failures.length > 0) throw failures[0];
  if (open.closed.aborted) {
    throw new PublishFailed("The connection to the broker is gone", { cause: open.closed.reason });
  }
}

/** Waits until all have arrived that were counted, or no more are there: some may have left by another way. */
async function arrival(
  { channel }: ConfirmedChannel,
  queue: string,
  count: { readonly arrived: number },
  total: number,
  ended: AbortSignal,
): Promise<void> {
  let arrivedWhenEmpty: number | undefined;
  while (count.arrived < total && !ended.aborted) {
    // Answers come behind deliveries on the one connection: nothing between two of them is the end of it.
    if (arrivedWhenEmpty === count.arrived) return;
    await pause(LOOK_PAUSE_MS, ended);
    if (ended.aborted) return;
    const { messageCount } = await channel.checkQueue(queue);
    arrivedWhenEmpty = messageCount === 0 ? count.arrived : undefined;
  }
}
