/** A phone that is asked for media its companions cannot get any more. */

import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import {
  aesDecryptGCM,
  aesEncryptGCM,
  type BinaryNode,
  getBinaryNodeChild,
  hkdf,
  proto,
} from "@whiskeysockets/baileys";
import type { MediaHost } from "./media_host.ts";
import { childBytes, element } from "./nodes.ts";

/** What the phone of a companion's owner has of a medium. */
export interface KeptMedium {
  readonly mediaKey: Uint8Array;
  /** As it was uploaded once; absent when the phone has deleted it. */
  readonly sealed?: Buffer;
}

/** Who answers, where to, and when. */
export interface Answering {
  readonly media: MediaHost;
  readonly from: string;
  /** In seconds. */
  readonly t: string;
}

/** The code for "not found" of a phone that knows no such message. */
const NOT_FOUND = "2";

/**
 * What a phone answers to a `server-error` receipt: it uploads the medium again and says where, encrypted with the medium's
 * own key.
 *
 * @param kept what it has of the medium; nothing when it knows no such message
 * @throws Error when the receipt is not what WhatsApp Web sends
 */
export function mediaRetry(
  receipt: BinaryNode,
  kept: KeptMedium | undefined,
  { media, from, t }: Answering,
): BinaryNode {
  const id = receipt.attrs.id ?? "";
  const message = getBinaryNodeChild(receipt, "rmr");
  if (!message?.attrs.jid || !message.attrs.from_me) {
    throw new Error(`Receipt ${id} does not say of which chat`);
  }
  const answer = (content: BinaryNode) =>
    element("notification", { id, from, type: "mediaretry", t }, [content, element("rmr", message.attrs)]);
  if (kept === undefined) return answer(element("error", { code: NOT_FOUND }));
  const key = hkdf(Buffer.from(kept.mediaKey), 32, { info: "WhatsApp Media Retry Notification" });
  const encrypted = getBinaryNodeChild(receipt, "encrypt");
  const request = proto.ServerErrorReceipt.decode(
    aesDecryptGCM(childBytes(encrypted, "enc_p"), key, childBytes(encrypted, "enc_iv", 12), Buffer.from(id)),
  );
  if (request.stanzaId !== id) throw new Error(`Receipt ${id} asks for ${request.stanzaId}`);
  const { ResultType } = proto.MediaRetryNotification;
  const result = kept.sealed === undefined
    ? { stanzaId: id, result: ResultType.NOT_FOUND }
    : { stanzaId: id, result: ResultType.SUCCESS, directPath: media.keep(kept.sealed) };
  const iv = randomBytes(12);
  const said = proto.MediaRetryNotification.encode(result as proto.MediaRetryNotification).finish();
  return answer(element("encrypt", {}, [
    element("enc_p", {}, aesEncryptGCM(said, key, iv, Buffer.from(id))),
    element("enc_iv", {}, iv),
  ]));
}
