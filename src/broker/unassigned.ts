import type { Logger } from "pino";
import type { Link } from "./connection.ts";
import { consume, type Handler } from "./consumer.ts";
import type { DeadLetters } from "./dead_letter.ts";
import type { BrokerNames } from "./names.ts";
import { unlessAborted, whenAborted } from "../waiting.ts";

/** Options of {@link Unassigned}. */
export interface UnassignedOptions {
  readonly names: BrokerNames;
  readonly handler: Handler;
  readonly deadLetters: DeadLetters;
  /** How many sessions this worker has. */
  readonly load: () => number;
  readonly log: Logger;
  /** Ends the role. */
  readonly signal: AbortSignal;
}

/**
 * Commands for a number that no worker has. All workers of the fleet consume them, each with the priority of how few
 * sessions it has, so that the broker itself hands each command to the least busy worker that lives.
 */
export class Unassigned {
  readonly #options: UnassignedOptions;
  /** Aborted when the consumer's priority is no longer right. */
  #outdated = new AbortController();
  #priority = 0;

  constructor(options: UnassignedOptions) {
    this.#options = options;
  }

  /** Says that this worker may have more or fewer sessions now. */
  reweigh(): void {
    if (this.#currentPriority !== this.#priority) this.#outdated.abort();
  }

  /**
   * A role of the connection: consumes, anew whenever the number of sessions has changed. The next consumer is there
   * before the one before it goes: a worker that is away for a moment would be passed over.
   */
  readonly role = async (link: Link): Promise<void> => {
    const ended = new AbortController();
    const over = AbortSignal.any([link.signal, this.#options.signal, ended.signal]);
    const consumers = new Set<Promise<void>>();
    let replaced = new AbortController();
    while (!over.aborted) {
      this.#priority = this.#currentPriority;
      this.#outdated = new AbortController();
      const consuming = Promise.withResolvers<undefined>();
      const replacedBy = new AbortController();
      // One that ends by itself (its queue was deleted) ends the role: what is missing is declared again.
      const consumer = this.#consume(link, consuming.resolve, AbortSignal.any([over, replacedBy.signal]))
        .finally(() => replacedBy.signal.aborted ? consumers.delete(consumer) : ended.abort());
      consumers.add(consumer);
      await unlessAborted(consuming.promise, over);
      replaced.abort();
      replaced = replacedBy;
      await whenAborted(AbortSignal.any([over, this.#outdated.signal]));
    }
    await Promise.all(consumers);
  };

  async #consume(link: Link, onConsuming: (nothing: undefined) => void, signal: AbortSignal): Promise<void> {
    const { names, handler, deadLetters, log } = this.#options;
    await consume(link, {
      queue: names.unassigned,
      priority: this.#priority,
      handler,
      deadLetters,
      log,
      signal,
      onConsuming: () => onConsuming(undefined),
    });
  }

  get #currentPriority(): number {
    return -this.#options.load();
  }
}
