import { pause } from "./waiting.ts";

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

interface Assignment {
  readonly untilMs: number;
  /** Settles when the latest command for the number that waits has been handed over, or not. */
  last: Promise<unknown>;
}

/**
 * Numbers that were given to the fleet a moment ago, and that no worker may have bound yet. The next commands for such a
 * number wait, one behind the other: they must neither overtake the first nor open the number elsewhere.
 */
export class Assignments {
  readonly #recent = new Map<string, Assignment>();

  /**
   * Whether a command could be handed to the worker that has the number, or was given it a moment ago. If not, it is to
   * be given to the fleet; one that opens the number begins an assignment with that.
   */
  async handOver(numberId: string, { opens, toHolder, closed }: HandOverOptions): Promise<boolean> {
    if (this.#find(numberId) === undefined && await toHolder()) return true;
    // The command before this one may have begun the assignment meanwhile.
    const assignment = this.#find(numberId);
    if (assignment !== undefined) {
      const handedOver = assignment.last.then(() => tryUntil(assignment.untilMs, toHolder, closed));
      assignment.last = handedOver.catch(() => {});
      if (await handedOver) return true;
    }
    // In the same turn as the look: the next command's look comes right after it.
    if (opens) this.#begin(numberId);
    return false;
  }

  #begin(numberId: string): void {
    const now = performance.now();
    for (const [known, { untilMs }] of this.#recent) if (untilMs < now) this.#recent.delete(known);
    this.#recent.set(numberId, { untilMs: now + PATIENCE_MS, last: Promise.resolve() });
  }

  #find(numberId: string): Assignment | undefined {
    const assignment = this.#recent.get(numberId);
    return assignment !== undefined && assignment.untilMs >= performance.now() ? assignment : undefined;
  }
}

async function tryUntil(
  untilMs: number,
  toHolder: () => Promise<boolean>,
  closed: AbortSignal,
): Promise<boolean> {
  while (!closed.aborted) {
    if (await toHolder()) return true;
    if (performance.now() >= untilMs) return false;
    await pause(TRY_PAUSE_MS, closed);
  }
  return false;
}
