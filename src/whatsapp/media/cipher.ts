/**
 * How WhatsApp encrypts media: AES-256-CBC, with the first 10 bytes of an HMAC-SHA256 over IV and ciphertext behind it, under
 * keys derived from one media key. Hashes of both forms travel in the message (WhatsApp's white paper, "Transmitting media").
 *
 * @module
 */

import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  randomBytes,
  timingSafeEqual,
} from "node:crypto";
import { Buffer } from "node:buffer";
import { getMediaKeys, type MediaType } from "@whiskeysockets/baileys";

const MAC_BYTES = 10;

/** What a message says of its medium, so that its receivers can find it and read it. */
export interface MediaSeal {
  /** 32 bytes. */
  readonly mediaKey: Uint8Array;
  /** Of the plain bytes. */
  readonly fileSha256: Uint8Array;
  /** Of what is uploaded. */
  readonly fileEncSha256: Uint8Array;
  /** Of the plain bytes. */
  readonly fileLength: number;
}

/** What was downloaded is not what the message speaks of, or was cut off. */
export class MediaDamaged extends Error {
  override readonly name = "MediaDamaged";
}

/**
 * Encrypts a medium piece by piece.
 *
 * @param write takes each piece of what is to be uploaded, in order, before the next is made
 * @param mediaKey 32 bytes. @default random ones
 */
export async function encryptMedia(
  plain: AsyncIterable<Uint8Array>,
  type: MediaType,
  write: (piece: Uint8Array) => Promise<void>,
  mediaKey: Uint8Array = randomBytes(32),
): Promise<MediaSeal> {
  const { iv, cipherKey, macKey } = await keysOf(mediaKey, type);
  const cipher = createCipheriv("aes-256-cbc", cipherKey, iv);
  const mac = createHmac("sha256", macKey).update(iv);
  const plainHash = createHash("sha256");
  const sealedHash = createHash("sha256");
  let fileLength = 0;
  const put = async (piece: Uint8Array) => {
    if (piece.length === 0) return;
    sealedHash.update(piece);
    await write(piece);
  };
  const seal = async (piece: Uint8Array) => {
    mac.update(piece);
    await put(piece);
  };
  try {
    for await (const piece of plain) {
      fileLength += piece.length;
      plainHash.update(piece);
      await seal(cipher.update(piece));
    }
    await seal(cipher.final());
    await put(mac.digest().subarray(0, MAC_BYTES));
  } finally {
    release(cipher);
  }
  return { mediaKey, fileSha256: plainHash.digest(), fileEncSha256: sealedHash.digest(), fileLength };
}

/**
 * Decrypts a medium piece by piece. Its last piece comes when all of it has proved to be what the message speaks of; until
 * then nothing of it may be trusted.
 *
 * @param seal hashes that the message does not have are not compared
 * @throws {MediaDamaged} when it is not, or not all there
 */
export async function* decryptMedia(
  sealed: AsyncIterable<Uint8Array>,
  type: MediaType,
  { mediaKey, fileSha256, fileEncSha256 }: Pick<MediaSeal, "mediaKey"> & Partial<MediaSeal>,
): AsyncGenerator<Uint8Array> {
  const { iv, cipherKey, macKey } = await keysOf(mediaKey, type);
  const decipher = createDecipheriv("aes-256-cbc", cipherKey, iv);
  const mac = createHmac("sha256", macKey).update(iv);
  const plainHash = createHash("sha256");
  const sealedHash = createHash("sha256");
  let tail: Uint8Array = new Uint8Array();
  const open = (piece: Uint8Array) => {
    plainHash.update(piece);
    return piece;
  };
  try {
    for await (const piece of sealed) {
      sealedHash.update(piece);
      const known = tail.length === 0 ? piece : Buffer.concat([tail, piece]);
      const end = Math.max(0, known.length - MAC_BYTES);
      tail = known.subarray(end);
      const ciphertext = known.subarray(0, end);
      mac.update(ciphertext);
      const plain = open(decipher.update(ciphertext));
      if (plain.length > 0) yield plain;
    }
    if (!isSame(mac.digest().subarray(0, MAC_BYTES), tail)) {
      throw new MediaDamaged("The medium's MAC is not right");
    }
    if (fileEncSha256 && !isSame(sealedHash.digest(), fileEncSha256)) {
      throw new MediaDamaged("The encrypted medium is not the one that was sent");
    }
    let last: Uint8Array;
    try {
      last = open(decipher.final());
    } catch (cause) {
      throw new MediaDamaged("The medium cannot be decrypted", { cause });
    }
    if (fileSha256 && !isSame(plainHash.digest(), fileSha256)) {
      throw new MediaDamaged("The medium is not the one that was sent");
    }
    if (last.length > 0) yield last;
  } finally {
    release(decipher);
  }
}

/** Deno frees a cipher when it is finished, whatever comes of that; one that was finished already refuses. */
function release(cipher: { final(): Uint8Array }): void {
  try {
    cipher.final();
  } catch {
    // Nothing of it is wanted any more.
  }
}

async function keysOf(mediaKey: Uint8Array, type: MediaType) {
  const { iv, cipherKey, macKey } = await getMediaKeys(mediaKey, type);
  return { iv, cipherKey, macKey: macKey! };
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
