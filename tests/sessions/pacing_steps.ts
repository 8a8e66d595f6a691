/** What tests of the pace look at. */

import type { Stack } from "../stack.ts";

/** A number whose sends wait, as `worker_status` has it. */
export interface Waiting {
  readonly numberId: number;
  readonly reason: string;
  readonly until: number | null;
  readonly waiting: number;
}

/** What a worker tells of the sends that wait. */
export interface PacingData {
  readonly waiting: number;
  readonly byReason: Readonly<Record<string, number>>;
  readonly numbers: readonly Waiting[];
}

/** What the worker tells of the sends that wait at this moment. */
export async function pacingOf({ backend }: Stack): Promise<PacingData> {
  const correlationId = await backend.command({ action: "status" });
  const { body } = await backend.next(
    ({ body, properties }) => body.action === "worker_status" && properties.correlationId === correlationId,
    { describe: "worker_status" },
  );
  return (body.data as { pacing: PacingData }).pacing;
}

/** Asks until a number's sends wait like this. */
export async function waitingSends(
  stack: Stack,
  predicate: (waiting: Waiting) => boolean,
  timeoutMs = 15_000,
): Promise<Waiting> {
  const deadlineMs = Date.now() + timeoutMs;
  for (;;) {
    const pacing = await pacingOf(stack);
    const found = pacing.numbers.find(predicate);
    if (found !== undefined) return found;
    if (Date.now() > deadlineMs) throw new Error(`Nothing waits like that: ${JSON.stringify(pacing)}`);
  }
}
