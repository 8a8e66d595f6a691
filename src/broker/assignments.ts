import { pause } from "./waiting.ts";

/** How long the worker that has just been given a number may take to bind it, and how often that is tried. */
const PATIENCE_MS = 5_000;
const TRY_PAUSE_MS = 50;

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

  /** A command that makes some worker take the number was given to the fleet. */
  begin(numberId: string): void {
    const now = performance.now();
    for (const [known, { untilMs }] of this.#recent) if (untilMs < now) this.#recent.delete(known);
    this.#recent.set(numberId, { untilMs: now + PATIENCE_MS, last: Promise.resolve() });
  }

  /** Whether `toHolder` could hand a command to the worker that has the number, or was given it a moment ago. */
  async handOver(numberId: string, toHolder: () => Promise<boolean>, closed: AbortSignal): Promise<boolean> {
    if (this.#find(numberId) === undefined && await toHolder()) return true;
    // The command before this one may have begun the assignment meanwhile.
    const assignment = this.#find(numberId);
    if (assignment === undefined) return false;
    const handedOver = assignment.last.then(() => tryUntil(assignment.untilMs, toHolder, closed));
    assignment.last = handedOver.catch(() => {});
    return await handedOver;
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
