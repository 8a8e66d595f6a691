import { isJidGroup } from "@whiskeysockets/baileys";
import type { SendFailure } from "./failures.ts";

/** Nobody has this number on WhatsApp. */
export const NOT_ON_WHATSAPP: SendFailure = {
  code: "not_on_whatsapp",
  error: "The recipient is not on WhatsApp",
  retryable: false,
};

/** Only admins write to this group, and the number is none. */
export const GROUP_ADMINS_ONLY: SendFailure = {
  code: "group_admins_only",
  error: "Only admins may write to this group: make the number one, or let all members write",
  retryable: false,
};

const NOT_IN_GROUP: SendFailure = {
  code: "not_in_group",
  error: "The number is not a member of this group: add it first",
  retryable: false,
};

const RATE_LIMITED: SendFailure = {
  code: "rate_limited",
  error: "WhatsApp takes no more messages of this number for now: wait, and send slower",
  retryable: true,
};

const SERVER_ERROR: SendFailure = {
  code: "server_error",
  error: "WhatsApp's server had trouble of its own with the message",
  retryable: true,
};

/** What is refused whatever the recipient. */
const REFUSALS: Readonly<Record<string, SendFailure>> = {
  "405": {
    code: "recipient_refused",
    error: "WhatsApp does not let this number write to this recipient",
    retryable: false,
  },
  "413": { code: "media_too_large", error: "WhatsApp refused the message as too large", retryable: false },
  "429": RATE_LIMITED,
  "463": {
    code: "restricted_from_new_contacts",
    error: "WhatsApp has restricted this number from writing to new contacts",
    retryable: true,
  },
  "475": {
    code: "new_contacts_capped",
    error: "WhatsApp lets this number write to no more new contacts this month",
    retryable: true,
  },
  "479": {
    code: "malformed_stanza",
    error: "WhatsApp refused the message as malformed",
    retryable: false,
  },
  "500": SERVER_ERROR,
  "503": SERVER_ERROR,
};

const REFUSALS_OF_PEOPLE: Readonly<Record<string, SendFailure>> = {
  "404": NOT_ON_WHATSAPP,
  "420": RATE_LIMITED,
};

const REFUSALS_OF_GROUPS: Readonly<Record<string, SendFailure>> = {
  "401": NOT_IN_GROUP,
  "403": NOT_IN_GROUP,
  "404": { code: "group_not_found", error: "WhatsApp knows no group of this id", retryable: false },
  "420": NOT_IN_GROUP,
  "421": {
    code: "stale_group",
    error: "WhatsApp has changed how members of this group are addressed while the message was sent",
    retryable: true,
  },
};

/**
 * A refusal of WhatsApp's server in words. What there is no word for may be tried again when the server says that the
 * trouble is its own (5xx): what it has against a message or a number repetition makes worse.
 *
 * @param code of the ack, or of the answer to a question about the group
 * @param chat the JID it was sent to
 * @see WhatsApp Web's `NackReason` (421, 475), Baileys' `SERVER_ERROR_CODES` (463, 479), and
 * https://github.com/tulir/whatsmeow `ErrNotInGroup` (403), `ErrGroupNotFound` (404)
 */
export function refusalOf(code: string, chat: string): SendFailure {
  const special = isJidGroup(chat) ? REFUSALS_OF_GROUPS : REFUSALS_OF_PEOPLE;
  const known = Object.hasOwn(special, code) ? special[code] : undefined;
  const general = Object.hasOwn(REFUSALS, code) ? REFUSALS[code] : undefined;
  return known ?? general ?? {
    code: `refused_${code.replace(/[^A-Za-z0-9]/g, "_")}`,
    error: `WhatsApp refused the message with code '${code}'`,
    retryable: /^5\d\d$/.test(code),
  };
}
