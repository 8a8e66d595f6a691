/** Media that WhatsApp's hosts have no more: the number's phone is asked to upload them again. */

import {
  decryptMediaRetryData,
  encryptMediaRetryRequest,
  proto,
  type WAMessageKey,
} from "@whiskeysockets/baileys";
import type { MediaRecord } from "../../../store/media.ts";
import type { Socket } from "../../socket/socket.ts";
import type { MediaUpdate } from "../../socket/socket_events.ts";

const { SUCCESS, NOT_FOUND } = proto.MediaRetryNotification.ResultType;
/** What Baileys makes of the phone's "not found". */
const NOT_FOUND_STATUS = 404;

/** What that means: where the medium is now, or that there is none; `failed`: it may be asked again. */
export type PhoneAnswer =
  | { readonly outcome: "uploaded"; readonly directPath: string }
  | { readonly outcome: "not_found" | "failed" };

/**
 * Asks the phone for a medium. Resolves when the request is written; the answer comes when the phone is on. Baileys' own
 * `updateMediaMessage` waits for it without end, and forgets with its socket that it did.
 */
export async function askPhone({ baileys, account }: Socket, media: MediaRecord): Promise<void> {
  const key: WAMessageKey = {
    id: media.whatsappId,
    remoteJid: media.chat,
    fromMe: media.fromMe,
    ...(media.participant === undefined ? {} : { participant: media.participant }),
  };
  await baileys.sendNode(encryptMediaRetryRequest(key, media.mediaKey!, account.jid));
}

/**
 * Reads an answer.
 *
 * @throws {Error} when it says something that nobody can have written who has the media key
 */
export function phoneAnswer(
  { error, media }: MediaUpdate,
  { whatsappId, mediaKey }: MediaRecord,
): PhoneAnswer {
  if (error !== undefined) {
    return { outcome: error.output.statusCode === NOT_FOUND_STATUS ? "not_found" : "failed" };
  }
  if (media === undefined || mediaKey === undefined) return { outcome: "failed" };
  const { result, directPath } = decryptMediaRetryData(media, mediaKey, whatsappId);
  if (result === SUCCESS && directPath) return { outcome: "uploaded", directPath };
  return { outcome: result === NOT_FOUND ? "not_found" : "failed" };
}
