import { MEDIA_FAILURE_CODES } from "../media/outgoing/failure.ts";

/** What a `FAILED` carries as its code, beside `refused_<code>` for a refusal of WhatsApp's that there is no word for. */
export const FAILURE_CODES = [
  "no_session",
  "banned",
  "expired",
  "unconfirmed",
  "not_sent",
  "not_on_whatsapp",
  "recipient_refused",
  "group_not_found",
  "not_in_group",
  "group_admins_only",
  "stale_group",
  "restricted_from_new_contacts",
  "new_contacts_capped",
  "rate_limited",
  "malformed_stanza",
  "server_error",
  "unknown_message",
  "not_own_message",
  "not_admin",
  "not_editable",
  "not_forwardable",
  "view_once",
  ...MEDIA_FAILURE_CODES,
] as const;

/** One of {@link FAILURE_CODES}, or `refused_` and WhatsApp's own code. */
export type FailureCode = typeof FAILURE_CODES[number] | `refused_${string}`;
