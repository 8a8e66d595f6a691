import type { Logger } from "pino";
import type { Link } from "./connection.ts";
import { consume, type Handler } from "./consumer.ts";
import type { DeadLetters } from "./dead_letter.ts";
import type { BrokerNames } from "./names.ts";

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

  /** A role of the connection: consumes, anew whenever the number of sessions has changed. */
  readonly role = async (link: Link): Promise<void> => {
    const { names, handler, deadLetters, log, signal } = this.#options;
    while (!link.signal.aborted && !signal.aborted) {
      this.#priority = this.#currentPriority;
      this.#outdated = new AbortController();
      await consume(link, {
        queue: names.unassigned,
        priority: this.#priority,
        handler,
        deadLetters,
        log,
        signal: AbortSignal.any([signal, this.#outdated.signal]),
      });
      // Its queue was deleted: it has to be declared again.
      if (!this.#outdated.signal.aborted) return;
    }
  };

  get #currentPriority(): number {
    return -this.#options.load();
  }
}
