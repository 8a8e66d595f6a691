import { Buffer } from "node:buffer";
import type { Logger } from "pino";
import type { Outbox, OutboxRow } from "../store/outbox.ts";
import type { Link } from "./connection.ts";
import { APP_ID, ConfirmedChannel, PublishFailed } from "./publishing.ts";
import { ensureBackendQueue } from "./topology.ts";
import { pause, unlessAborted } from "./waiting.ts";

/** Events published and not yet confirmed: what a crash may repeat, and what a hung broker may hold. */
const WINDOW = 50;
/** How long a queue that nobody could route to is left alone. Its events wait; those of other queues do not. */
const UNROUTABLE_PAUSE_MS = 2_000;
/** How long the broker may confirm nothing before a worker that is to stop no longer waits for it. */
const STALLED_MS = 3_000;
/** How often a quiet outbox is looked at for queues that are held back. */
const IDLE_PAUSE_MS = 1_000;

/** Options of {@link OutboxPublisher}. */
export interface OutboxPublisherOptions {
  readonly outbox: Outbox;
  readonly contentType: string;
  readonly workerId: string;
  readonly now: () => number;
  readonly log: Logger;
}

/** Publishes what waits in the outbox, in order. A row leaves the disk when the broker has confirmed it. */
export class OutboxPublisher {
  readonly #options: OutboxPublisherOptions;
  /** Queues nobody could route to, and until when they are left alone, by a clock that nobody puts back. */
  readonly #heldBack = new Map<string, number>();
  #publishing = false;
  /** How many events have left since the start. */
  #left = 0;
  #news = Promise.withResolvers<void>();
  #idle = Promise.withResolvers<void>();

  constructor(options: OutboxPublisherOptions) {
    this.#options = options;
  }

  /** Says that the outbox has something new. */
  wake(): void {
    this.#news.resolve();
  }

  /**
   * Resolves when all that can leave has left, or with `signal`. What nobody takes now (no broker, a hung one, no queue)
   * stays on disk and is not waited for.
   */
  async drained(signal: AbortSignal): Promise<void> {
    // Twice: the publisher may be about to say it is idle while something new comes.
    for (let pass = 0; pass < 2 && this.#publishing; pass++) {
      const idle = this.#idle.promise.then(() => true);
      this.wake();
      while (true) {
        const left = this.#left;
        const patience = AbortSignal.any([signal, AbortSignal.timeout(STALLED_MS)]);
        if (await unlessAborted(idle, patience)) break;
        if (signal.aborted || left === this.#left) return;
      }
    }
  }

  /** A role of the connection: publishes until the channel is gone. */
  readonly role = async (link: Link): Promise<void> => {
    const channel = await ConfirmedChannel.open(link);
    this.#publishing = true;
    try {
      while (!channel.closed.aborted) {
        await this.#lookAgain(link);
        const rows = await this.#next();
        if (rows.length > 0) await this.#publish(channel, rows);
        else await this.#pause(channel.closed);
      }
    } finally {
      this.#publishing = false;
      this.#becomeIdle();
      await channel.close();
    }
  };

  async #next(): Promise<OutboxRow[]> {
    this.#news = Promise.withResolvers();
    return await this.#options.outbox.next(WINDOW, [...this.#heldBack.keys()]);
  }

  async #publish(channel: ConfirmedChannel, rows: readonly OutboxRow[]): Promise<void> {
    const outcomes = await Promise.allSettled(
      rows.map((row) => channel.publish("", row.queue, Buffer.from(row.body), this.#properties(row))),
    );
    const done: number[] = [];
    let failure: PublishFailed | undefined;
    for (const [index, row] of rows.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === "fulfilled") {
        if (outcome.value === "routed") done.push(row.position);
        else this.#holdBack(row.queue);
      } else if (outcome?.reason instanceof PublishFailed) failure = outcome.reason;
      else {
        const { messageId, type } = row;
        this.#options.log.error(
          { messageId, type, err: outcome?.reason },
          "an event that AMQP cannot carry was dropped",
        );
        done.push(row.position);
      }
    }
    await this.#options.outbox.remove(done);
    this.#left += done.length;
    if (failure !== undefined && !channel.closed.aborted) throw failure;
  }

  #holdBack(queue: string): void {
    const { log } = this.#options;
    if (!this.#heldBack.has(queue)) {
      log.error(
        { queue },
        "events cannot be delivered because their queue does not exist; they wait on disk",
      );
    }
    this.#heldBack.set(queue, performance.now() + UNROUTABLE_PAUSE_MS);
  }

  /**
   * A queue of the backend's that was gone may be back by now, with arguments of its backend's own; if nobody made it
   * anew, it is declared as plainly as at start. One that cannot be declared stops nobody else's events.
   */
  async #lookAgain(link: Link): Promise<void> {
    const { log } = this.#options;
    for (const [queue, untilMs] of this.#heldBack) {
      if (untilMs > performance.now()) continue;
      try {
        await ensureBackendQueue(link, queue);
        this.#heldBack.delete(queue);
      } catch (err) {
        if (link.signal.aborted) throw err;
        log.warn({ queue, err }, "a queue that is gone could not be declared");
        this.#holdBack(queue);
      }
    }
  }

  #properties(row: OutboxRow) {
    const { contentType, workerId, now } = this.#options;
    return {
      contentType,
      messageId: row.messageId,
      timestamp: Math.floor(now() / 1000),
      type: row.type,
      appId: APP_ID,
      headers: { "x-worker-id": workerId },
      ...(row.correlationId === undefined ? {} : { correlationId: row.correlationId }),
      ...(row.expiresAtMs === undefined ? {} : { expiration: String(Math.max(1, row.expiresAtMs - now())) }),
    };
  }

  async #pause(closed: AbortSignal): Promise<void> {
    this.#becomeIdle();
    const over = new AbortController();
    await Promise.race([this.#news.promise, pause(IDLE_PAUSE_MS, AbortSignal.any([closed, over.signal]))]);
    over.abort();
  }

  #becomeIdle(): void {
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
  }
}
