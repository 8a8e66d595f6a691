import { setTimeout as delay } from "node:timers/promises";

/** How many rows one transaction of a clean-up touches, and how long everything else has the database after it. */
export const BATCH_ROWS = 100;
const BREATH_MS = 5;

/** Calls `batch` until it has less than {@link BATCH_ROWS} to do or `signal` aborts; others get their turn in between. */
export async function inBatches(batch: () => Promise<number>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && await batch() >= BATCH_ROWS) await breathe(signal);
}

/** Leaves the database to others for a moment. */
export async function breathe(signal: AbortSignal): Promise<void> {
  await delay(BREATH_MS, undefined, { signal }).catch(() => {});
}
