import { setTimeout as delay } from "node:timers/promises";
import { StoreError } from "./store_error.ts";

/** How long a disk that took nothing is left alone before it is tried again. */
const RETRY_PAUSE_MS = 1_000;

/** Who is told how the store fares. */
export interface StoreWatch {
  /** Nothing can be written any more: the disk is full, read-only or failing. Followed by `recovered` alone. */
  readonly failing?: (error: StoreError) => void;
  /** All that waited is written. */
  readonly recovered?: (failedForMs: number) => void;
  /** The database turned out to be damaged: from now on everything is refused. Called once. */
  readonly damaged?: (error: StoreError) => void;
}

interface Waiting {
  /** Does the work again. @returns false when the disk is still at fault */
  readonly again: () => boolean;
  readonly giveUp: (reason: StoreError | undefined) => void;
}

/**
 * The one place that knows whether the disk takes what is written. What it does not take waits here, and everything
 * written later waits behind it: once there is room all of it becomes durable, in its order.
 */
export class Room {
  readonly #probe: () => void;
  #watch: StoreWatch = {};
  readonly #waiting: Waiting[] = [];
  readonly #ended = new AbortController();
  #failing:
    | { error: StoreError; readonly sinceMs: number; readonly over: PromiseWithResolvers<void> }
    | undefined;

  /** @param probe writes something that changes nothing; throws what {@link run}'s work throws */
  constructor(probe: () => void) {
    this.#probe = probe;
  }

  /** Tells `watch` from now on, in place of any before it. */
  watch(watch: StoreWatch): void {
    this.#watch = watch;
  }

  /** For how long nothing could be written, in ms; `undefined` while all is well. */
  get failingForMs(): number | undefined {
    return this.#failing && performance.now() - this.#failing.sinceMs;
  }

  /**
   * Does `work`, at once when it can be done, and again until the disk takes it.
   *
   * @param options.inOrder behind what waits already. @default true
   * @param options.patient @default true
   * @throws {StoreError} when the disk is at fault and `work` is not to wait, or waiting has ended
   */
  async run<T>(
    work: () => T,
    { inOrder = true, patient = true }: { inOrder?: boolean; patient?: boolean } = {},
  ): Promise<T> {
    let failing = this.#failing;
    if (failing === undefined || !inOrder || this.#ended.signal.aborted) {
      try {
        return work();
      } catch (error) {
        if (!isPassing(error) || this.#ended.signal.aborted) throw error;
        failing = this.#fail(error);
      }
    }
    if (!patient) throw failing.error;
    return await this.#queue(work);
  }

  /** Resolves with true once everything can be written, with false when `signal` aborts first. */
  async writable(signal: AbortSignal): Promise<boolean> {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const settled = new AbortController();
    signal.addEventListener("abort", () => resolve(), { once: true, signal: settled.signal });
    while (this.#failing !== undefined && !signal.aborted) {
      await Promise.race([this.#failing.over.promise, aborted]);
    }
    settled.abort();
    return !signal.aborted;
  }

  /** From now on nothing waits: what does is refused, as is whatever the disk does not take at once. */
  end(): void {
    this.#end(this.#failing?.error);
  }

  /** As {@link end}, for good and with news: the database is damaged. */
  condemn(damage: StoreError): void {
    this.#end(damage);
    this.#watch.damaged?.(damage);
  }

  #end(reason: StoreError | undefined): void {
    this.#ended.abort();
    for (const { giveUp } of this.#waiting.splice(0)) giveUp(reason);
    this.#failing?.over.resolve();
    this.#failing = undefined;
  }

  #queue<T>(work: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const again = () => {
      try {
        resolve(work());
      } catch (error) {
        if (isPassing(error)) return false;
        reject(error);
      }
      return true;
    };
    this.#waiting.push({ again, giveUp: reject });
    return promise;
  }

  #fail(error: StoreError) {
    if (this.#failing !== undefined) return this.#failing;
    const failing = this.#failing = {
      error,
      sinceMs: performance.now(),
      over: Promise.withResolvers<void>(),
    };
    this.#watch.failing?.(error);
    this.#keepTrying();
    return failing;
  }

  async #keepTrying(): Promise<void> {
    const { signal } = this.#ended;
    do await delay(RETRY_PAUSE_MS, undefined, { signal }).catch(() => {}); while (
      !signal.aborted && !this.#catchUp()
    );
    const failing = this.#failing;
    if (failing === undefined) return;
    this.#failing = undefined;
    failing.over.resolve();
    this.#watch.recovered?.(performance.now() - failing.sinceMs);
  }

  /** @returns whether all that waited is done */
  #catchUp(): boolean {
    try {
      this.#probe();
    } catch {
      // Whatever it says: what waits finds out by itself, or has found out already.
      return false;
    }
    while (this.#waiting[0]?.again()) this.#waiting.shift();
    return this.#waiting.length === 0;
  }
}

/** The disk may take it later. */
function isPassing(error: unknown): error is StoreError {
  return error instanceof StoreError && error.code === "state_unusable";
}
