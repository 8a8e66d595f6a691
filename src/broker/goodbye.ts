import { pause } from "../waiting.ts";

/** How long the broker may take to answer a goodbye: a hung one never does. */
const GOODBYE_MS = 2_000;

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
