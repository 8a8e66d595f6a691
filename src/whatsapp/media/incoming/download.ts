import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { DEFAULT_ORIGIN, type MediaType } from "@whiskeysockets/baileys";
import { decryptMedia, MediaDamaged, type MediaSeal } from "../cipher.ts";

/** What a media host says of what it does not have (any more): 403 when the path's own signature has expired. */
const GONE: ReadonlySet<number> = new Set([403, 404, 410]);
/** What encryption adds at most: padding and MAC. */
const SEAL_BYTES = 16 + 10;

/** The media host does not have it. */
export class MediaGone extends Error {
  override readonly name = "MediaGone";
}

/** It is larger than it may be. */
export class MediaTooLarge extends Error {
  override readonly name = "MediaTooLarge";
}

/** What is to be downloaded. */
export interface Download {
  /** On one of WhatsApp's media hosts. */
  readonly url: URL;
  readonly type: MediaType;
  /** Without a media key, as newsletters have it, it is not encrypted. */
  readonly seal: Partial<MediaSeal>;
  /** Of the plain medium. */
  readonly maxBytes: number;
  /** Called with how many bytes there will be, or may be, before the first comes. */
  readonly onSize: (bytes: number) => Promise<void>;
  /** Takes each piece of the plain medium, in order, before the next is fetched. */
  readonly write: (piece: Uint8Array) => Promise<void>;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Downloads and decrypts a medium piece by piece. Resolved: all that was written is what its message speaks of.
 *
 * @throws {MediaGone} when it is to be asked for again
 * @throws {MediaTooLarge} as soon as it is known
 * @throws {MediaDamaged} when it is something else, or not all there
 * @throws {Error} in one sentence, when the host cannot be reached or does not answer as it should
 */
export async function downloadMedia(
  { url, type, seal, maxBytes, onSize, write, signal }: Download,
): Promise<void> {
  // Who redirects elsewhere is not one of WhatsApp's media hosts.
  const response = await fetch(url, {
    headers: { origin: DEFAULT_ORIGIN, "accept-encoding": "identity" },
    redirect: "manual",
    signal,
  });
  const { status, body } = response;
  if (status !== 200 || body === null) {
    await body?.cancel();
    if (GONE.has(status)) throw new MediaGone(`The media host answers with HTTP ${status}`);
    throw new Error(`The media host answers with HTTP ${status}`);
  }
  const announced = Number(response.headers.get("content-length") ?? NaN);
  let left = maxBytes;
  const tooLarge = () => new MediaTooLarge(`The medium is larger than ${maxBytes} bytes`);
  if (announced > maxBytes + SEAL_BYTES) {
    await body.cancel();
    throw tooLarge();
  }
  try {
    await onSize(Number.isFinite(announced) ? announced : maxBytes);
    for await (const piece of open(body, type, seal)) {
      left -= piece.length;
      if (left < 0) throw tooLarge();
      await write(piece);
    }
  } finally {
    // Of a body that was read to its end, or failed, nothing is left to cancel.
    if (!body.locked) await body.cancel().catch(() => {});
  }
}

function open(
  body: AsyncIterable<Uint8Array>,
  type: MediaType,
  { mediaKey, ...seal }: Partial<MediaSeal>,
): AsyncIterable<Uint8Array> {
  return mediaKey === undefined ? verify(body, seal) : decryptMedia(body, type, { mediaKey, ...seal });
}

async function* verify(
  body: AsyncIterable<Uint8Array>,
  { fileSha256 }: Partial<MediaSeal>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash("sha256");
  for await (const piece of body) {
    hash.update(piece);
    yield piece;
  }
  if (fileSha256 !== undefined && !hash.digest().equals(Buffer.from(fileSha256))) {
    throw new MediaDamaged("The medium is not the one that was sent");
  }
}
