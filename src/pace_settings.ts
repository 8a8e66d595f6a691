import type { Settings } from "./config/load.ts";
import type { Pace } from "./whatsapp/pacing/rules.ts";

/** The settings of the pace. */
export const PACE_KEYS = [
  "PACE_PER_MINUTE",
  "PACE_PER_DAY",
  "PACE_NEW_CONTACT_GAP",
  "PACE_WARM_UP_DAYS",
  "PACE_WARM_UP_START",
  "PACE_TYPING",
  "NUMBER_CHECKS_PER_MINUTE",
] as const;

/** Their values. */
export type PaceSettings = Pick<Settings, typeof PACE_KEYS[number]>;

/** The pace that the settings ask for. */
export function paceOf(settings: PaceSettings): Pace {
  return {
    perMinute: settings.PACE_PER_MINUTE,
    perDay: settings.PACE_PER_DAY,
    newContactGapMs: settings.PACE_NEW_CONTACT_GAP,
    warmUpDays: settings.PACE_WARM_UP_DAYS,
    warmUpStart: settings.PACE_WARM_UP_START,
    typingMs: settings.PACE_TYPING,
  };
}
