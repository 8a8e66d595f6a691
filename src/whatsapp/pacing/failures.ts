import type { SendFailure } from "../outbound/failures.ts";
import type { PaceReason } from "./rules.ts";

const CAUSES: Readonly<Record<PaceReason, string>> = {
  per_minute: "its number sends no more in a minute (PACE_PER_MINUTE)",
  per_day: "its number sends no more in 24 hours (PACE_PER_DAY)",
  warm_up: "its number is newly linked and sends no more a day (PACE_WARM_UP_DAYS)",
  new_contact_gap: "its number waits between messages to new contacts (PACE_NEW_CONTACT_GAP)",
  typing: "its number was still typing (PACE_TYPING)",
  restricted: "WhatsApp has restricted its number from writing to new contacts",
};

/** A send whose time was up while its number kept to its pace. */
export function expiredOfPace(reason: PaceReason): SendFailure {
  return {
    code: "expired",
    error: `The message was not sent in time because ${CAUSES[reason]}: it or those before it had to wait`,
    retryable: true,
  };
}

/** A send to somebody new whose number may not write to those for longer than the send may wait. */
export function restrictedTooLong(untilMs: number | undefined): SendFailure {
  const retryAt = untilMs === undefined || untilMs === 0 || untilMs === Infinity ? {} : { retryAt: untilMs };
  return {
    code: "restricted_from_new_contacts",
    error:
      "WhatsApp has restricted this number from writing to new contacts, for longer than the message could wait: " +
      "it was not handed over",
    retryable: true,
    ...retryAt,
  };
}
