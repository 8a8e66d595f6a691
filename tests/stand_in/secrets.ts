/** What phones encrypt once more, with the secret of the message it is about: votes, reactions in communities, edits. */
import { Buffer } from "node:buffer";
import { createCipheriv, createHash, createHmac, randomBytes } from "node:crypto";
import { proto } from "@whiskeysockets/baileys";

/** The message that something is about. */
export interface About {
  id: string;
  /** The JID of who wrote it, in the form that the phone knows them by. */
  author: string;
  /** 32 bytes: `messageContextInfo.messageSecret`. */
  secret: Uint8Array;
}

/** What is sealed. */
export interface Seal {
  encPayload: Uint8Array;
  encIv: Uint8Array;
}

/**
 * Seals `plaintext` as `maker`, whose JID is in the form that the phone uses for itself.
 *
 * @param use `Poll Vote`, `Enc Reaction`, `Message Edit`, …
 */
export function seal(use: string, plaintext: Uint8Array, { id, author, secret }: About, maker: string): Seal {
  const master = createHmac("sha256", new Uint8Array(32)).update(secret).digest();
  const key = createHmac("sha256", master).update(`${id}${author}${maker}${use}`).update(Uint8Array.of(1))
    .digest();
  const encIv = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key, encIv);
  if (use === "Poll Vote" || use === "Event Response") cipher.setAAD(Buffer.from(`${id}\0${maker}`));
  const encPayload = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return { encPayload, encIv };
}

/** A vote for some of a poll's options. @param key of the poll, in the voter's view */
export function vote(
  key: proto.IMessageKey,
  options: readonly string[],
  poll: About,
  voter: string,
): proto.IMessage {
  const selectedOptions = options.map((option) => createHash("sha256").update(option).digest());
  const plaintext = proto.Message.PollVoteMessage.encode(
    proto.Message.PollVoteMessage.create({ selectedOptions }),
  )
    .finish();
  return {
    pollUpdateMessage: {
      pollCreationMessageKey: key,
      vote: seal("Poll Vote", plaintext, poll, voter),
      senderTimestampMs: 1_733_396_400_000,
    },
  };
}
