import { pause } from "../waiting.ts";

/** How long the worker that has just been given a number may take to bind it, and how often that is tried. */
const PATIENCE_MS = 5_000;
const TRY_PAUSE_MS = 50;

/** Options of {@link Assignments.handOver}. */
export interface HandOverOptions {
  /** Whether the command makes a worker take the number. */
  readonly opens: boolean;
  /** Tries to hand it to the worker that has the number. */
  readonly toHolder: () => Promise<boolean>;
  readonly closed: AbortSignal;
}

/**
 * Hands commands to the workers that have their numbers, those for one number one behind the other. A number that was
 * given to the fleet a moment ago may not be bound by its worker yet: the next commands for it wait for that, as they
 * must neither overtake the first nor open the number elsewhere.
 */
export class Assignments {
  /** Numbers that were given to the fleet, and until when their worker has to bind them. */
  readonly #recent = new Map<string, number>();
  /** Settles when the latest command for a number has been handed over, or not. */
  readonly #last = new Map<string, Promise<unknown>>();

  /**
   * Whether a command could be handed to the worker that has the number, or was given it a moment ago. If not, it is to
   * be given to the fleet; one that opens the number begins an assignment with that.
   */
  async handOver(numberId: string, options: HandOverOptions): Promise<boolean> {
    const before = this.#last.get(numberId) ?? Promise.resolve();
    const handedOver = before.then(() => this.#tryHolder(numberId, options));
    const settled = handedOver.catch(() => {});
    this.#last.set(numberId, settled);
    try {
      return await handedOver;
    } finally {
      if (this.#last.get(numberId) === settled) this.#last.delete(numberId);
    }
  }

  async #tryHolder(numberId: string, { opens, toHolder, closed }: HandOverOptions): Promise<boolean> {
    const untilMs = this.#recent.get(numberId) ?? 0;
    do {
      if (await toHolder()) return true;
      if (performance.now() >= untilMs) break;
      await pause(TRY_PAUSE_MS, closed);
    } while (!closed.aborted);
    if (opens) this.#begin(numberId);
    return false;
  }

  #begin(numberId: string): void {
    const now = performance.now();
    for (const [known, untilMs] of this.#recent) if (untilMs < now) this.#recent.delete(known);
    this.#recent.set(numberId, now + PATIENCE_MS);
  }
}
