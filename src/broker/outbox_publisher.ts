import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import type { Outbox, OutboxRow } from "../store/outbox.ts";
import type { Link } from "./connection.ts";
import { ConfirmedChannel, PublishFailed } from "./publishing.ts";
import { ensureBackendQueue } from "./topology.ts";

/** Events published and not yet confirmed: what a crash may repeat, and what a hung broker may hold. */
const WINDOW = 50;
/** How long a queue that nobody could route to is left alone. Its events wait; those of other queues do not. */
const UNROUTABLE_PAUSE_MS = 5_000;

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
  readonly #heldBackUntilMs = new Map<string, number>();
  #news = Promise.withResolvers<void>();
  #idle = Promise.withResolvers<void>();

  constructor(options: OutboxPublisherOptions) {
    this.#options = options;
  }

  /** Says that the outbox has something new. */
  wake(): void {
    this.#news.resolve();
  }

  /** Resolves when the outbox is empty, or with `signal`. */
  async drained(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.#options.outbox.depth()).depth > 0) {
      this.wake();
      await Promise.race([this.#idle.promise, delay(200, undefined, { signal }).catch(() => {})]);
    }
  }

  /** A role of the connection: publishes until the channel is gone. */
  readonly role = async (link: Link): Promise<void> => {
    const channel = await ConfirmedChannel.open(link);
    try {
      while (!channel.closed.aborted) {
        const rows = await this.#next();
        if (rows.length > 0) await this.#publish(link, channel, rows);
        else await this.#pause(channel.closed);
      }
    } finally {
      await channel.close();
    }
  };

  async #next(): Promise<OutboxRow[]> {
    const { outbox, now } = this.#options;
    this.#news = Promise.withResolvers();
    for (const [queue, untilMs] of this.#heldBackUntilMs) {
      if (untilMs <= now()) this.#heldBackUntilMs.delete(queue);
    }
    return await outbox.next(WINDOW, [...this.#heldBackUntilMs.keys()]);
  }

  async #publish(link: Link, channel: ConfirmedChannel, rows: readonly OutboxRow[]): Promise<void> {
    const outcomes = await Promise.allSettled(
      rows.map((row) => channel.publish("", row.queue, Buffer.from(row.body), this.#properties(row))),
    );
    const confirmed: number[] = [];
    const unroutable = new Set<string>();
    let failure: unknown;
    for (const [index, row] of rows.entries()) {
      const outcome = outcomes[index];
      if (outcome?.status === "rejected") failure = outcome.reason;
      else if (outcome?.value === "routed") confirmed.push(row.position);
      else unroutable.add(row.queue);
    }
    await this.#options.outbox.remove(confirmed);
    for (const queue of unroutable) await this.#holdBack(link, queue);
    if (failure instanceof PublishFailed && !channel.closed.aborted) throw failure;
  }

  /** A queue of the backend's that is gone is looked for again, and declared as plainly as at start. */
  async #holdBack(link: Link, queue: string): Promise<void> {
    const { log, now } = this.#options;
    log.error({ queue }, "events cannot be delivered because their queue does not exist; they wait on disk");
    this.#heldBackUntilMs.set(queue, now() + UNROUTABLE_PAUSE_MS);
    await ensureBackendQueue(link, queue);
  }

  #properties(row: OutboxRow) {
    const { contentType, workerId, now } = this.#options;
    return {
      contentType,
      messageId: row.messageId,
      timestamp: Math.floor(now() / 1000),
      type: row.type,
      appId: "whatsapp-worker",
      headers: { "x-worker-id": workerId },
      ...(row.correlationId === undefined ? {} : { correlationId: row.correlationId }),
      ...(row.expiresAtMs === undefined ? {} : { expiration: String(Math.max(1, row.expiresAtMs - now())) }),
    };
  }

  async #pause(closed: AbortSignal): Promise<void> {
    this.#idle.resolve();
    this.#idle = Promise.withResolvers();
    const woken = new AbortController();
    const signal = AbortSignal.any([closed, woken.signal]);
    await Promise.race([this.#news.promise, delay(1_000, undefined, { signal }).catch(() => {})]);
    woken.abort();
  }
}
