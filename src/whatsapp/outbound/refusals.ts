import type { SendFailure } from "../receipts.ts";

const REFUSALS: Readonly<Record<string, SendFailure>> = {
  "463": {
    code: "restricted_from_new_contacts",
    error: "WhatsApp has restricted this number from writing to new contacts",
    retryable: true,
  },
  "479": {
    code: "malformed_stanza",
    error: "WhatsApp refused the message as malformed",
    retryable: false,
  },
};

/** A refusal of WhatsApp's server in words. */
export function refusalOf(code: string): SendFailure {
  return REFUSALS[code] ?? {
    code: `refused_${code.replace(/[^A-Za-z0-9]/g, "_")}`,
    error: `WhatsApp refused the message with code '${code}'`,
    retryable: false,
  };
}
