/**
 * When the next message of a number may go out. Pure: what was handed over before is looked up by whoever asks.
 *
 * @module
 */

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** Nobody is kept waiting for longer by a long text. */
const LONGEST_TYPING_MS = 15_000;
/** How long a send is parked at a time; longer when there are many, by so much for each. */
const PARK_MS = 30_000;
const PARK_EACH_MS = 10;
const LONGEST_PARK_MS = 5 * 60_000;

/** Sends of this priority wait for nothing that the pace asks for, and count in it like any other. */
export const URGENT_PRIORITY = 2;

/** What keeps a number's pace, as the settings `PACE_…` have it: 0 is no limit. */
export interface Pace {
  readonly perMinute: number;
  readonly perDay: number;
  /** Between two messages to people the number does not know. */
  readonly newContactGapMs: number;
  readonly warmUpDays: number;
  /** Messages on the first day of the warm-up. */
  readonly warmUpStart: number;
  /** For each character of a text. */
  readonly typingMs: number;
}

/** Why a send waits although its number is connected. */
export type PaceReason = "per_minute" | "per_day" | "warm_up" | "new_contact_gap" | "typing" | "restricted";

/** What a send waits for, and until when as far as is known now, in ms since the epoch. */
export interface Wait {
  readonly reason: PaceReason;
  readonly untilMs: number;
}

/** At most so many messages in any window of that length. */
export interface Budget {
  readonly reason: PaceReason;
  readonly most: number;
  readonly windowMs: number;
  /** When a larger one takes its place, in ms since the epoch. */
  readonly holdsUntilMs: number;
}

/** The budgets of a number whose device has been linked since `linkedAtMs`, as they are now. */
export function budgetsAt(pace: Pace, linkedAtMs: number, nowMs: number): Budget[] {
  const { perMinute, perDay, warmUpDays, warmUpStart } = pace;
  // A clock that was put back does not make a device older.
  const day = Math.max(0, Math.floor((nowMs - linkedAtMs) / DAY_MS));
  const warmUp = warmUpStart * 2 ** day;
  return [
    ...(perMinute > 0 ? [budget("per_minute", perMinute, MINUTE_MS)] : []),
    ...(perDay > 0 ? [budget("per_day", perDay, DAY_MS)] : []),
    ...(day < warmUpDays && (perDay === 0 || warmUp < perDay)
      ? [budget("warm_up", warmUp, DAY_MS, linkedAtMs + (day + 1) * DAY_MS)]
      : []),
  ];
}

function budget(reason: PaceReason, most: number, windowMs: number, holdsUntilMs = Infinity): Budget {
  return { reason, most, windowMs, holdsUntilMs };
}

/**
 * What a budget makes the next message wait for.
 *
 * @param spentAtMs when the message was handed over with which the budget was used up, counted back from the latest:
 * the `most`-th latest of those in the window; `undefined` where there were not so many
 */
export function waitFor(
  { reason, windowMs, holdsUntilMs }: Budget,
  spentAtMs: number | undefined,
  nowMs: number,
): Wait | undefined {
  if (spentAtMs === undefined) return undefined;
  const untilMs = Math.min(spentAtMs + windowMs, holdsUntilMs);
  return untilMs > nowMs ? { reason, untilMs } : undefined;
}

/** The gap after the latest message to somebody new, as a budget of one. */
export function gapOf({ newContactGapMs }: Pace): Budget | undefined {
  return newContactGapMs > 0 ? budget("new_contact_gap", 1, newContactGapMs) : undefined;
}

/** How long a text takes to be typed. */
export function typingMs(pace: Pace, text: string): number {
  return Math.min(LONGEST_TYPING_MS, pace.typingMs * [...text].length);
}

/** The one of several waits that ends last. */
export function longest(waits: readonly (Wait | undefined)[]): Wait | undefined {
  return waits.reduce(
    (last, wait) => last === undefined || (wait !== undefined && wait.untilMs > last.untilMs) ? wait : last,
    undefined,
  );
}

/**
 * How long a send is parked at a time.
 *
 * @param parked how many of all numbers are: they all come back to one worker, which is to have time for the others
 */
export function parkPauseMs(parked: number, leastMs: number = PARK_MS): number {
  return Math.min(LONGEST_PARK_MS, Math.max(leastMs, parked * PARK_EACH_MS));
}
