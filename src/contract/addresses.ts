/**
 * Phone numbers, WhatsApp addresses (JIDs), session names and worker ids, as text to text.
 *
 * A JID is `user[:device]@server`: people are `221771234567@s.whatsapp.net` (backends know them as `…@c.us`) or an
 * anonymous `123456789012345@lid`, groups are `…@g.us`.
 *
 * @module
 */

import { type Id, idText } from "./ids.ts";

// Ordinary, no-break and narrow no-break space: the last two are how French software groups digits.
const SPACES = /[ \u00a0\u202f]/g;
const PHONE_USER = /^[1-9]\d{6,14}$/;
const LID_USER = /^\d{1,20}$/;
const GROUP_USER = /^\d{5,20}(?:-\d{5,20})?$/;

/**
 * Reads a phone number in international form, with or without `+`, with spaces anywhere.
 *
 * @returns its 7 to 15 E.164 digits without `+`, or undefined for anything else
 */
export function parsePhoneNumber(text: string): string | undefined {
  const digits = text.replace(SPACES, "").replace(/^\+/, "");
  return PHONE_USER.test(digits) ? digits : undefined;
}

/**
 * The session id of a number: `session_6_+221771234567`.
 *
 * @param phoneNumber E.164 digits, with or without `+`
 */
export function sessionName(numberId: Id, phoneNumber: string): string {
  return `session_${idText(numberId)}_+${phoneNumber.replace(/^\+/, "")}`;
}

/**
 * Reads whom to send to: a phone number, or a `…@s.whatsapp.net`, `@c.us`, `@lid` or `@g.us` address, with spaces
 * anywhere. A device part is dropped (messages go to people), `@c.us` becomes `@s.whatsapp.net`.
 *
 * @returns the JID to send to, or undefined for anything else
 */
export function recipientJid(text: string): string | undefined {
  const [user = "", server, ...rest] = text.replace(SPACES, "").split("@");
  if (rest.length > 0) return undefined;
  const person = user.replace(/:\d{1,5}$/, "");
  switch (server?.toLowerCase()) {
    case undefined:
      return phoneJid(user);
    case "s.whatsapp.net":
    case "c.us":
      return phoneJid(person);
    case "lid":
      return LID_USER.test(person) ? `${person}@lid` : undefined;
    case "g.us":
      return GROUP_USER.test(user) ? `${user}@g.us` : undefined;
    default:
      return undefined;
  }
}

function phoneJid(text: string): string | undefined {
  const digits = parsePhoneNumber(text);
  return digits === undefined ? undefined : `${digits}@s.whatsapp.net`;
}

/** The form of a JID that backends parse: `…@s.whatsapp.net` → `…@c.us`, without device; groups and LIDs are kept. */
export function backendAddress(jid: string): string {
  return jid.replace(/:\d+@/, "@").replace(/@s\.whatsapp\.net$/, "@c.us");
}

/** The phone number in a JID, E.164 with `+`; null if there is none. Never from a LID, whose digits look like one. */
export function phoneOfJid(jid: string): string | null {
  const [, user = ""] = /^(\d+)(?::\d+)?@(?:s\.whatsapp\.net|c\.us)$/.exec(jid) ?? [];
  return PHONE_USER.test(user) ? `+${user}` : null;
}

/** Hides the middle of every phone number in a text (also in a JID or session id): `+221*******67`. */
export function maskPhone(text: string): string {
  return text.replace(/\d(?:[ \u00a0\u202f]?\d){6,}/g, (number) => {
    const digits = number.replace(SPACES, "");
    return `${digits.slice(0, 3)}${"*".repeat(digits.length - 5)}${digits.slice(-2)}`;
  });
}

/**
 * Whether a message's `workerId` means the worker called `own`: the same text, or `<n>` where `own` is `worker-<n>`
 * (backends send `"1"` or `1` to `worker-1`).
 */
export function workerIdMatches(workerId: string, own: string): boolean {
  return workerId === own || (/^\d+$/.test(workerId) && own === `worker-${workerId}`);
}
