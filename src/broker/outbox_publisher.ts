import { Buffer } from "node:buffer";
import type { Logger } from "pino";
import type { Outbox, OutboxMessage, OutboxRow } from "../store/outbox.ts";
import type { Telemetry } from "../telemetry.ts";
import type { Link } from "./connection.ts";
import { APP_ID, ConfirmedChannel, PublishFailed, PublishRefused } from "./publishing.ts";
import { messageOf } from "./reply_codes.ts";
import { ensureBackendQueue } from "./topology.ts";
import { pause, unlessAborted } from "../waiting.ts";

/** Events published and not yet confirmed: what a crash may repeat, and what a hung broker may hold. */
const WINDOW = 50;
/** and how many bytes of them, though always one. */
const WINDOW_BYTES = 1024 * 1024;
/** The most a broker takes in one message, by default since RabbitMQ 4.0; it closes the channel over a larger one. */
const LARGEST_BODY_BYTES = 16 * 1024 * 1024;
/** How much of what AMQP cannot carry its dead letter says, in characters. */
const LONGEST_QUOTE = 1_000;
/** How long a queue that is gone, or full, is left alone. Its events wait; those of other queues do not. */
const UNROUTABLE_PAUSE_MS = 2_000;
/** How long the broker may confirm nothing before a worker that is to stop no longer waits for it. */
const STALLED_MS = 3_000;
/** How often a quiet outbox is looked at for queues that are held back. */
const IDLE_PAUSE_MS = 1_000;

/** Options of {@link OutboxPublisher}. */
export interface OutboxPublisherOptions {
  readonly outbox: Outbox;
  /** The queue that keeps what can never be published as it is. */
  readonly deadLetterQueue: string;
  readonly contentType: string;
  readonly workerId: string;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
  readonly log: Logger;
}

/** Publishes what waits in the outbox, in order. A row leaves the disk when the broker has confirmed it. */
export class OutboxPublisher {
  readonly #options: OutboxPublisherOptions;
  /** Queues that took nothing, and until when they are left alone, by a clock that nobody puts back. */
  readonly #heldBack = new Map<string, number>();
  /** Those of which the log has been told: once, until they take something again. */
  readonly #complainedOf = new Set<string>();
  #channel: ConfirmedChannel | undefined;
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
    for (let pass = 0; pass < 2 && this.#channel !== undefined; pass++) {
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
    this.#channel = channel;
    try {
      while (!channel.closed.aborted) {
        await unlessAborted(link.blocked() ?? Promise.resolve(), channel.closed);
        await this.#lookAgain(link);
        const rows = await this.#next();
        if (rows.length > 0) await this.#publish(channel, rows);
        else await this.#pause(channel.closed);
      }
    } finally {
      this.#channel = undefined;
      this.#becomeIdle();
      await channel.close();
    }
  };

  /**
   * Publishes an event that could not become durable first.
   *
   * @throws {PublishFailed} when it cannot leave now
   */
  readonly publishNow = async (message: OutboxMessage): Promise<void> => {
    const channel = this.#channel;
    if (channel === undefined) throw new PublishFailed("There is no connection to the broker");
    const outcome = await channel.publish(
      "",
      message.queue,
      Buffer.from(message.body),
      this.#properties(message),
    );
    if (outcome === "unroutable") throw new PublishFailed(`The queue '${message.queue}' is gone`);
  };

  async #next(): Promise<OutboxRow[]> {
    this.#news = Promise.withResolvers();
    return await this.#options.outbox.next(
      { rows: WINDOW, bytes: WINDOW_BYTES },
      [...this.#heldBack.keys()],
    );
  }

  async #publish(channel: ConfirmedChannel, rows: readonly OutboxRow[]): Promise<void> {
    const outcomes = await Promise.allSettled(rows.map((row) => this.#send(channel, row)));
    const { outbox, now, telemetry } = this.#options;
    const done: number[] = [];
    let failure: unknown;
    for (const [index, row] of rows.entries()) {
      const outcome = outcomes[index]!;
      if (outcome.status === "fulfilled" && outcome.value === "routed") {
        done.push(row.position);
        telemetry?.published(row.type, now() - row.addedAtMs);
        this.#complainedOf.delete(row.queue);
      } else if (outcome.status === "fulfilled") this.#holdBack(row.queue, "their queue does not exist");
      else if (outcome.reason instanceof PublishRefused) {
        this.#holdBack(row.queue, "the broker refuses them: is their queue full?");
      } else failure = outcome.reason;
    }
    await outbox.remove(done);
    this.#left += done.length;
    if (failure !== undefined && !channel.closed.aborted) throw failure;
  }

  async #send(channel: ConfirmedChannel, row: OutboxRow): Promise<"routed" | "unroutable"> {
    const body = Buffer.from(row.body);
    if (body.length > LARGEST_BODY_BYTES) {
      return await this.#keepAside(channel, row, `A body of ${body.length} bytes is too large`);
    }
    try {
      return await channel.publish("", row.queue, body, this.#properties(row));
    } catch (error) {
      if (error instanceof PublishFailed) throw error;
      return await this.#keepAside(channel, row, messageOf(error));
    }
  }

  /** To the dead letters, for a person to look at: it would come to the same each time it is tried. */
  async #keepAside(channel: ConfirmedChannel, row: OutboxRow, why: string): Promise<"routed"> {
    const { deadLetterQueue, workerId, now, telemetry, log } = this.#options;
    const quote = (text: string | undefined) => text?.slice(0, LONGEST_QUOTE);
    const event = {
      messageId: quote(row.messageId),
      type: quote(row.type),
      correlationId: quote(row.correlationId),
    };
    const headers = {
      "x-dead-reason": "not_publishable",
      "x-dead-error": quote(why),
      "x-dead-event": JSON.stringify(event),
      "x-dead-queue": quote(row.queue),
      "x-dead-exchange": "",
      "x-dead-routing-key": quote(row.queue),
      "x-dead-time": new Date(now()).toISOString(),
      "x-dead-count": 1,
      "x-dead-worker": workerId,
    };
    const body = Buffer.from(row.body).subarray(0, LARGEST_BODY_BYTES);
    if (await channel.publish("", deadLetterQueue, body, { headers }) === "unroutable") {
      // Somebody deleted it, and it is declared with the next connection at the latest: the event waits for that.
      throw new PublishFailed(`The queue '${deadLetterQueue}' is gone`);
    }
    telemetry?.deadLetter("not_publishable");
    log.error({ ...event, queue: quote(row.queue), why }, "an event that AMQP cannot carry is a dead letter");
    return "routed";
  }

  #holdBack(queue: string, why: string): void {
    if (!this.#complainedOf.has(queue)) {
      this.#options.log.error({ queue }, `events cannot be delivered because ${why}; they wait on disk`);
      this.#complainedOf.add(queue);
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
        this.#holdBack(queue, "their queue cannot be declared");
      }
    }
  }

  #properties(row: OutboxMessage) {
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
