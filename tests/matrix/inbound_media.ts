/** Media of messages that come in: how phones write them, and what a backend has to get of them. */

import { strict as assert } from "node:assert";
import { createHash, randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import type { MediaType, proto } from "@whiskeysockets/baileys";
import type { Received } from "../backend/backend.ts";
import { event, LINE, type Line } from "../sessions/steps.ts";
import type { Stack } from "../stack.ts";
import type { MediaContent } from "../stand_in/media_host.ts";
import type { StandIn } from "../stand_in/stand_in.ts";

/** The start of a JPEG. */
export const THUMBNAIL: Uint8Array = Buffer.from("ffd8ffe000104a46494600010100000100010000", "hex");

/** A kind of medium, as phones write it. */
export interface MediaKind {
  readonly name: string;
  readonly type: MediaType;
  /** `type` of the event. */
  readonly told: string;
  readonly mimeType: string;
  /** What its first bytes say, where they do. */
  readonly detected?: string;
  /** The first bytes, in hexadecimal digits. */
  readonly head?: string;
  /** The message around the medium. */
  readonly write: (medium: MediaContent) => proto.IMessage;
  /** What is told of it beside what every medium has. */
  readonly media: Readonly<Record<string, unknown>>;
  /** What is told of its message. */
  readonly message: Readonly<Record<string, unknown>>;
}

const size = { width: 640, height: 480 };
const jpegThumbnail = THUMBNAIL;
const thumbnail = Buffer.from(THUMBNAIL).toString("base64");
const image = { mimetype: "image/jpeg", ...size, jpegThumbnail };
const film = { mimetype: "video/mp4", ...size, seconds: 7, jpegThumbnail };
const ofFilm = { ...size, seconds: 7, thumbnail };
const file = { mimetype: "application/pdf", fileName: "Facture n° 7.pdf" };

/** Every kind. */
export const KINDS: readonly MediaKind[] = [
  {
    name: "a picture",
    type: "image",
    told: "IMAGE",
    mimeType: "image/jpeg",
    detected: "image/webp",
    head: "524946460010000057454250",
    write: (medium) => ({ imageMessage: { ...medium, ...image, caption: "Voilà" } }),
    media: { ...size, thumbnail },
    message: { body: "Voilà" },
  },
  {
    name: "a picture to be seen once",
    type: "image",
    told: "IMAGE",
    mimeType: "image/jpeg",
    write: (medium) => ({ viewOnceMessageV2: { message: { imageMessage: { ...medium, ...image } } } }),
    media: { ...size, thumbnail },
    message: { body: "", viewOnce: true },
  },
  {
    name: "a film",
    type: "video",
    told: "VIDEO",
    mimeType: "video/mp4",
    write: (medium) => ({ videoMessage: { ...medium, ...film, caption: "Regarde" } }),
    media: ofFilm,
    message: { body: "Regarde" },
  },
  {
    name: "a GIF",
    type: "video",
    told: "VIDEO",
    mimeType: "video/mp4",
    write: (medium) => ({ videoMessage: { ...medium, ...film, gifPlayback: true } }),
    media: ofFilm,
    message: { gif: true },
  },
  {
    name: "a video note",
    type: "video",
    told: "VIDEO",
    mimeType: "video/mp4",
    write: (medium) => ({ ptvMessage: { ...medium, ...film } }),
    media: ofFilm,
    message: { ptv: true },
  },
  {
    name: "sound",
    type: "audio",
    told: "AUDIO",
    mimeType: "audio/mpeg",
    write: (medium) => ({ audioMessage: { ...medium, mimetype: "audio/mpeg", seconds: 3 } }),
    media: { seconds: 3, ptt: false, thumbnail: null },
    message: { body: "" },
  },
  {
    name: "a voice note",
    type: "audio",
    told: "AUDIO",
    mimeType: "audio/ogg; codecs=opus",
    write: (medium) => ({
      audioMessage: { ...medium, mimetype: "audio/ogg; codecs=opus", seconds: 3, ptt: true },
    }),
    media: { seconds: 3, ptt: true, thumbnail: null },
    message: { ptt: true },
  },
  {
    name: "a document",
    type: "document",
    told: "DOCUMENT",
    mimeType: "application/pdf",
    detected: "application/pdf",
    head: "255044462d312e340a",
    write: (medium) => ({ documentMessage: { ...medium, ...file } }),
    media: { fileName: file.fileName, thumbnail: null },
    message: { body: file.fileName },
  },
  {
    name: "a document with a caption",
    type: "document",
    told: "DOCUMENT",
    mimeType: "application/pdf",
    write: (medium) => ({
      documentWithCaptionMessage: {
        message: { documentMessage: { ...medium, ...file, caption: "À payer", jpegThumbnail } },
      },
    }),
    media: { fileName: file.fileName, thumbnail },
    message: { body: "À payer" },
  },
  {
    name: "a sticker",
    type: "sticker",
    told: "STICKER",
    mimeType: "image/webp",
    write: (medium) => ({ stickerMessage: { ...medium, mimetype: "image/webp", width: 512, height: 512 } }),
    media: { width: 512, height: 512, thumbnail: null },
    message: { body: "" },
  },
];

/** Somebody's medium, on the media host, and the message that speaks of it. */
export interface PostedMedium {
  readonly plain: Buffer;
  readonly content: MediaContent;
  readonly message: proto.IMessage;
}

/** Has somebody's phone upload so many bytes of a kind. */
export async function post(standIn: StandIn, kind: MediaKind, bytes: number): Promise<PostedMedium> {
  const plain = Buffer.concat([Buffer.from(kind.head ?? "00", "hex"), randomBytes(bytes)]).subarray(0, bytes);
  const content = await standIn.media.put(plain, kind.type);
  return { plain, content, message: kind.write(content) };
}

/** The event that has the content of a message's medium. */
export async function contentOf(stack: Stack, messageId: unknown, line: Line = LINE): Promise<Received> {
  return await event(stack, line, "message_media", { messageId });
}

/** A medium as an event tells of it. */
export function mediaIn({ body }: Received): Record<string, unknown> {
  return body.media as Record<string, unknown>;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Compares what was told of a message's medium at once with what it is. */
export function assertTold(told: Received, kind: MediaKind, { plain }: PostedMedium): void {
  const { id, url, ...media } = mediaIn(told);
  assert.equal(told.body.type, kind.told, kind.name);
  for (const [name, value] of Object.entries(kind.message)) assert.equal(told.body[name], value, kind.name);
  assert.match(String(id), /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(url, `/media/${id}`);
  assert.deepEqual(
    media,
    { mimeType: kind.mimeType, size: plain.length, sha256: sha256(plain), status: "PENDING", ...kind.media },
    kind.name,
  );
}
