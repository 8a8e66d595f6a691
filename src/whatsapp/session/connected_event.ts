import type { EventFields } from "../../announcer.ts";
import { phoneOfJid } from "../../contract/addresses.ts";
import type { LinkedAccount } from "../socket/socket_events.ts";

/**
 * The fields of the event that says who is connected.
 *
 * @param askedFor the phone the session was opened for, E.164 digits; another one may have scanned
 */
export function connectedFields(account: LinkedAccount | undefined, askedFor: string): EventFields {
  const jid = account?.jid ?? "";
  const phoneNumber = phoneOfJid(jid);
  return {
    action: "connected",
    phoneNumber,
    ...(phoneNumber === `+${askedFor}` ? {} : { phoneMismatch: true }),
    jid,
    lid: account?.lid ?? null,
    pushName: account?.pushName ?? null,
  };
}
