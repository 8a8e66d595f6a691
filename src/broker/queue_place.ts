import { pause } from "../waiting.ts";

/** How often is looked whether something has come to the queue, */
const LOOK_MS = 1_000;
/** and how long at most a message is kept from its queue: one may have come as another one expired. */
const KEEP_MS = 15_000;

/**
 * The place of whatever is taken from a queue one message at a time. The broker hands out the most urgent message there is;
 * one that is held keeps those from it that come later. So whoever holds one that has to wait looks at how many there are
 * behind it, and puts it back when that number has changed since the broker chose: then it chooses again. With the same
 * number as before it would choose the same message.
 */
export class QueuePlace {
  readonly #count: () => Promise<number>;
  readonly #lookMs: number;
  /** As it was at the last look; `undefined` when the broker has not chosen again since. */
  #behind: number | undefined;
  #putBack = false;
  #keptSince = performance.now();

  /** @param count how many messages are in the queue, without the one in hand; rejects when the channel is gone */
  constructor(count: () => Promise<number>, lookMs: number = LOOK_MS) {
    this.#count = count;
    this.#lookMs = lookMs;
  }

  get behind(): number | undefined {
    return this.#behind;
  }

  /** The broker has chosen a message. */
  taken(): void {
    this.#keptSince = performance.now();
    if (!this.#putBack) this.#behind = undefined;
    this.#putBack = false;
  }

  /**
   * Keeps the message in hand for `ms` or a second, whichever is less. `false`: it has to be put back, so that the broker
   * chooses again; also when `signal` has aborted or the channel is gone.
   */
  async keep(ms: number, signal: AbortSignal): Promise<boolean> {
    await pause(Math.max(0, Math.min(ms, this.#lookMs)), signal);
    if (signal.aborted) return false;
    let behind: number;
    try {
      behind = await this.#count();
    } catch {
      // With its channel the message goes back by itself.
      return false;
    }
    const isFirst = behind === this.#behind && performance.now() - this.#keptSince < KEEP_MS;
    this.#behind = behind;
    this.#putBack = !isFirst;
    return isFirst;
  }
}
