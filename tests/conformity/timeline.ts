/** The parts of a play, one after the other, and what happened in each. */

import type { Received } from "../backend/backend.ts";
import type { Span, Step } from "./observations.ts";

/** What {@link Timeline} watches. */
export interface TimelineOptions {
  /** Grows as events come. */
  readonly events: readonly Received[];
  /** Logins at WhatsApp so far. */
  readonly logins: () => number;
  /** Ends the part that is being played; no other is begun. */
  readonly signal: AbortSignal;
  /** Told the name of each part as it begins. */
  readonly tell: (line: string) => void;
}

/** Plays parts and notes what came in each, and which could not be played to their end. */
export class Timeline {
  readonly spans = new Map<Step, Span>();
  readonly logins = new Map<Step, number>();
  readonly troubles: string[] = [];
  readonly #options: TimelineOptions;

  constructor(options: TimelineOptions) {
    this.#options = options;
  }

  /** Plays one part; its failure is noted, not thrown. @returns whether it was played to its end */
  async play(step: Step, work: () => Promise<void>): Promise<boolean> {
    const { events, logins, signal, tell } = this.#options;
    if (signal.aborted) return false;
    tell(step);
    const from = events.length;
    const loginsBefore = logins();
    const { promise: interrupted, reject } = Promise.withResolvers<never>();
    const interrupt = () => reject(signal.reason);
    signal.addEventListener("abort", interrupt, { once: true });
    const working = work();
    // Its failure is the race's, or comes too late to matter.
    working.catch(() => {});
    try {
      await Promise.race([working, interrupted]);
      this.spans.set(step, { from, to: events.length });
      this.logins.set(step, logins() - loginsBefore);
      return true;
    } catch (error) {
      this.troubles.push(`The play failed at '${step}': ${error instanceof Error ? error.message : error}`);
      return false;
    } finally {
      signal.removeEventListener("abort", interrupt);
    }
  }
}
