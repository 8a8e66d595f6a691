import type { ConsumeMessage } from "amqplib";
import type { Logger } from "pino";
import type { DeadLetters } from "./dead_letter.ts";
import type { ConfirmedChannel } from "./publishing.ts";
import { isInUse } from "./reply_codes.ts";
import { pause } from "../waiting.ts";

/** How often a worker that is not the reader asks for the role. */
const ELECTION_PAUSE_MS = 300;

/** Options of {@link holdReaderLock}. */
export interface ReaderLockOptions {
  /** The queue whose exclusive consumer is the reader. */
  readonly queue: string;
  readonly deadLetters: DeadLetters;
  readonly log: Logger;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * Waits until nobody has the readers' lock, and takes it, for as long as the channel lives. The broker logs an error for
 * every claim it refuses: hence the look first.
 *
 * @returns aborts when the lock is lost; `undefined` when it is time to stop, or another worker was elected between the
 * look and the claim
 */
export async function holdReaderLock(
  open: ConfirmedChannel,
  { queue, deadLetters, log, signal }: ReaderLockOptions,
): Promise<AbortSignal | undefined> {
  const ended = AbortSignal.any([open.closed, signal]);
  while (!ended.aborted) {
    const { consumerCount } = await open.channel.checkQueue(queue);
    if (consumerCount === 0) {
      const deposed = new AbortController();
      const onMessage = (message: ConsumeMessage | null) => {
        // Whoever deletes the lock makes room for a second reader: the first one must go.
        if (message === null) deposed.abort();
        else void putAside(open, message, queue, deadLetters, log);
      };
      await open.channel.prefetch(1);
      try {
        await open.channel.consume(queue, onMessage, { exclusive: true });
        return deposed.signal;
      } catch (error) {
        if (isInUse(error)) return undefined;
        throw error;
      }
    }
    await pause(ELECTION_PAUSE_MS, ended);
  }
  return undefined;
}

/** The lock is there to be held: a message in it is a mistake of whoever published it. Never rejects. */
async function putAside(
  { channel, closed }: ConfirmedChannel,
  message: ConsumeMessage,
  queue: string,
  deadLetters: DeadLetters,
  log: Logger,
): Promise<void> {
  try {
    await deadLetters.add(queue, message, "not_for_a_lock");
    channel.ack(message);
    log.warn({ queue }, "a message in the readers' lock was put to the dead letters");
  } catch (err) {
    // Unacknowledged, it comes to the next reader.
    if (!closed.aborted) log.warn({ err }, "a message in the readers' lock could not be put aside");
  }
}
