/** What the settings say that cannot be meant, though the worker can run with it. */
import type { CrossFault } from "./cross_rules.ts";
import type { Key, Settings } from "./settings.ts";

const warn = (key: Key, code: string, message: string, remedy: string): CrossFault => ({
  key,
  code,
  message,
  remedy,
});

function paceWarnings(settings: Settings, isGiven: (key: Key) => boolean): CrossFault[] {
  const {
    PACE_PER_MINUTE: perMinute,
    PACE_PER_DAY: perDay,
    PACE_NEW_CONTACT_GAP: gapMs,
    PACE_WARM_UP_DAYS: warmUpDays,
    PACE_WARM_UP_START: warmUpStart,
    SEND_WAIT: sendWaitMs,
  } = settings;
  return [
    ...(warmUpDays === 0 && isGiven("PACE_WARM_UP_START")
      ? [warn(
        "PACE_WARM_UP_START",
        "no_effect",
        "PACE_WARM_UP_START has no effect: there is no warm-up without PACE_WARM_UP_DAYS",
        "Set PACE_WARM_UP_DAYS, or remove PACE_WARM_UP_START",
      )]
      : []),
    ...(warmUpDays > 0 && perDay > 0 && warmUpStart >= perDay
      ? [warn(
        "PACE_WARM_UP_DAYS",
        "no_effect",
        `PACE_WARM_UP_DAYS has no effect: from the first day on a number may send PACE_PER_DAY (${perDay}) messages`,
        `Set PACE_WARM_UP_START below ${perDay}, or remove PACE_WARM_UP_DAYS`,
      )]
      : []),
    ...(perDay > 0 && perMinute >= perDay
      ? [warn(
        "PACE_PER_MINUTE",
        "no_effect",
        `PACE_PER_MINUTE has no effect: no number sends more than PACE_PER_DAY (${perDay}) messages even in a day`,
        `Set PACE_PER_MINUTE below ${perDay}, or remove it`,
      )]
      : []),
    ...(gapMs >= sendWaitMs
      ? [warn(
        "PACE_NEW_CONTACT_GAP",
        "longer_than_wait",
        `PACE_NEW_CONTACT_GAP is no shorter than SEND_WAIT (${sendWaitMs} ms): what waits for the gap fails as expired`,
        "Set SEND_WAIT higher, or PACE_NEW_CONTACT_GAP lower",
      )]
      : []),
  ];
}

function mediaWarnings(settings: Settings, isGiven: (key: Key) => boolean): CrossFault[] {
  const {
    MEDIA_INLINE_LIMIT: inlineBytes,
    MEDIA_KEEP_SIZE: keepBytes,
    MEDIA_MAX_SIZE: maxBytes,
  } = settings;
  return [
    ...(inlineBytes > maxBytes
      ? [warn(
        "MEDIA_INLINE_LIMIT",
        "no_effect",
        `MEDIA_INLINE_LIMIT goes no further than MEDIA_MAX_SIZE (${maxBytes} bytes): no larger medium is fetched`,
        "Set MEDIA_MAX_SIZE higher, or MEDIA_INLINE_LIMIT lower",
      )]
      : []),
    ...(keepBytes === 0 && isGiven("MEDIA_KEEP")
      ? [warn(
        "MEDIA_KEEP",
        "no_effect",
        "MEDIA_KEEP has no effect: no medium is kept with MEDIA_KEEP_SIZE=0",
        "Set MEDIA_KEEP_SIZE, or remove MEDIA_KEEP",
      )]
      : []),
  ];
}

/**
 * Settings without the effect they promise.
 *
 * @param isGiven whether the file or the environment has the setting
 */
export function crossWarnings(settings: Settings, isGiven: (key: Key) => boolean): CrossFault[] {
  return [...paceWarnings(settings, isGiven), ...mediaWarnings(settings, isGiven)];
}
