import type { Store } from "./store.ts";

/** How long a send or a received message is remembered, so that its repeat has no second effect. */
const MEMORY_MS = 7 * 24 * 60 * 60_000;
/**
 * How much the texts of all sends may take. They are kept as long as their sends, for contacts that could not decrypt
 * them; beyond this the oldest go first. Their sends stay known.
 */
const CONTENT_BYTES = 256 * 1024 * 1024;
/** How long is counted what a number has sent: more than the longest budget. */
const PACE_MS = 2 * 24 * 60 * 60_000;
/** How much all messages received may take. */
const RECEIVED_BYTES = 256 * 1024 * 1024;

/** How long and how much of what the settings decide on is kept. */
export interface RetentionLimits {
  /** How long media received are kept. */
  readonly mediaKeepMs: number;
  /** How much all of them may take. */
  readonly mediaKeepBytes: number;
}

/** Forgets what is of no use any more, a little at a time. Ends early with `signal`. */
export async function prune(
  store: Store,
  { mediaKeepMs, mediaKeepBytes }: RetentionLimits,
  nowMs: number,
  signal: AbortSignal,
): Promise<void> {
  await store.outbox.dropExpired();
  await store.ledger.prune(nowMs - MEMORY_MS, signal);
  await store.received.prune(nowMs - MEMORY_MS, signal);
  await store.handovers.prune(nowMs - PACE_MS, signal);
  await store.parked.prune(nowMs - PACE_MS);
  await store.retryCounts.prune(nowMs - MEMORY_MS, signal);
  await store.messages.prune(nowMs - MEMORY_MS, signal);
  await store.messages.bound(RECEIVED_BYTES, signal);
  await store.ledger.boundContent(CONTENT_BYTES, signal);
  await store.media.prune(nowMs - mediaKeepMs, signal);
  await store.media.bound(mediaKeepBytes, signal);
}
