import { setTimeout as delay } from "node:timers/promises";

/** Where in its number's queue a send stands: the first, as far as is known. */
export interface Place {
  /** How many wait behind it; `undefined` until somebody has looked. */
  readonly behind: number | undefined;
  /**
   * Keeps the place for so long. `false`: something else may be the first by now, or `signal` has aborted: the send has to
   * go back to its queue, which hands out the most urgent one first.
   */
  keep(ms: number, signal: AbortSignal): Promise<boolean>;
}

/** The place of a send that nothing can pass. */
export const ALONE: Place = {
  behind: undefined,
  keep: async (ms, signal) => {
    await delay(ms, undefined, { signal }).catch(() => {});
    return !signal.aborted;
  },
};
