import { setTimeout as delay } from "node:timers/promises";

/** Resolves (to nothing) when `signal` aborts. `unless` ends the wait and leaves no listener behind. */
export function whenAborted(signal: AbortSignal, unless?: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const options = unless === undefined ? { once: true } : { once: true, signal: unless };
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener("abort", () => resolve(undefined), options);
  return promise;
}

/** What `work` resolves to, or nothing when `signal` aborts first. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  const settled = new AbortController();
  try {
    return await Promise.race([work, whenAborted(signal, settled.signal)]);
  } finally {
    settled.abort();
  }
}

/** Waits `ms`, or until `signal` aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Calls `work` every `intervalMs` until `signal` aborts; a call that takes longer is not overtaken by the next. */
export async function every(
  intervalMs: number,
  work: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await pause(intervalMs, signal);
    if (!signal.aborted) await work();
  }
}

/** What timers can wait for: one that is set for longer ends at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The end of a wait. Disposed of before, it leaves no timer behind. */
export interface Deadline extends Disposable {
  /** Aborts when the time is up. */
  readonly signal: AbortSignal;
}

/** A deadline in `ms` from now. */
export function deadlineIn(ms: number): Deadline {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), Math.min(Math.max(0, ms), LONGEST_TIMER_MS));
  return { signal: over.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
