import { setTimeout as delay } from "node:timers/promises";

/** How long the broker may take to answer a goodbye: a hung one never does. */
const GOODBYE_MS = 2_000;

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

/**
 * Waits for the answer to a goodbye (close, cancel): until it comes, what is left is `gone`, or patience ends. amqplib
 * never settles a close whose connection dies before the answer. How a goodbye fails matters to nobody.
 */
export async function goodbye(answer: Promise<unknown>, gone: AbortSignal): Promise<void> {
  const settled = new AbortController();
  const over = AbortSignal.any([gone, settled.signal]);
  try {
    await Promise.race([answer.catch(() => {}), pause(GOODBYE_MS, over)]);
  } finally {
    settled.abort();
  }
}
