import { setTimeout as delay } from "node:timers/promises";

/** Calls `report` every `intervalMs` until `signal` aborts; one that takes longer is not overtaken by the next. */
export async function every(
  intervalMs: number,
  report: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await delay(intervalMs, undefined, { signal }).catch(() => {});
    if (!signal.aborted) await report();
  }
}
