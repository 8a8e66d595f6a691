/** The medium of a message that came in: what is told of it at once, and what it takes to fetch its content. */

import { Buffer } from "node:buffer";
import type { WAMessageKey } from "@whiskeysockets/baileys";
import type { MediaRecord } from "../../store/media.ts";
import { isThumbnail } from "../media/thumbnail.ts";
import type { MediaContent } from "./content.ts";

/** No file system takes a longer name, nor is any type longer; in characters. */
const LONGEST_NAME = 255;
/** In characters, of which paths have some 200. */
const LONGEST_PATH = 4096;
const UNKNOWN_TYPE = "application/octet-stream";

/** What is known of a medium beside what its message says. */
export interface MediumOptions {
  readonly id: string;
  readonly numberId: string;
  /** What its event says of the message, in JSON. */
  readonly about: string;
  /** Whether `/media` is served. */
  readonly isServed: boolean;
}

/** A medium, before its content is there. */
export interface Medium {
  /** In the contract's form: what the sender says of it. None of it is to be relied on. */
  readonly fields: Record<string, unknown>;
  readonly record: MediaRecord;
}

/** Reads what a message says of its medium. */
export function mediumOf(
  key: WAMessageKey,
  { type, message }: MediaContent,
  { id, numberId, about, isServed }: MediumOptions,
): Medium {
  // Each kind has its own of these fields.
  const said: Record<string, unknown> = { ...message };
  const mimeType = mimeTypeOf(said.mimetype);
  const fileName = nameOf(said.fileName);
  const fileSha256 = bytes(said.fileSha256, 32);
  return {
    fields: {
      id,
      mimeType,
      size: count(said.fileLength) ?? 0,
      ...(fileName === undefined ? {} : { fileName }),
      sha256: fileSha256 === undefined ? null : Buffer.from(fileSha256).toString("hex"),
      ...counts(said, ["width", "height", "seconds"]),
      ...(type === "audio" ? { ptt: said.ptt === true } : {}),
      thumbnail: thumbnailOf(said.jpegThumbnail),
      status: "PENDING",
      url: isServed ? mediaPath(id) : null,
    },
    record: {
      id,
      numberId,
      whatsappId: key.id!,
      chat: key.remoteJid!,
      fromMe: key.fromMe === true,
      participant: key.participant ?? undefined,
      about,
      type,
      mimeType,
      fileName,
      mediaKey: bytes(said.mediaKey, 32),
      directPath: pathOf(said.directPath),
      fileSha256,
      fileEncSha256: bytes(said.fileEncSha256, 32),
    },
  };
}

/** Where the worker's own server has a medium. */
export function mediaPath(id: string): string {
  return `/media/${id}`;
}

function mimeTypeOf(value: unknown): string {
  const isOne = typeof value === "string" && value.length <= LONGEST_NAME && /^[\x20-\x7e]+$/.test(value);
  return isOne ? value : UNKNOWN_TYPE;
}

/** Its end says what kind of file it is. */
function nameOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== ""
    ? value.slice(-LONGEST_NAME).toWellFormed().replace(/\p{Cc}/gu, "_")
    : undefined;
}

function bytes(value: unknown, length: number): Uint8Array | undefined {
  return value instanceof Uint8Array && value.length === length ? value : undefined;
}

/** Whatever else it is, it leads to no medium: `//host/` and `/\\host/` are other hosts. */
function pathOf(value: unknown): string | undefined {
  const isPath = typeof value === "string" && value.length <= LONGEST_PATH && /^\/(?![/\\])/.test(value);
  return isPath ? value : undefined;
}

/** A number of the protocol: its large ones are objects. */
function count(value: unknown): number | undefined {
  const number = Number(value ?? NaN);
  return Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

function counts(said: Record<string, unknown>, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(names.flatMap((name) => {
    const value = count(said[name]);
    return value === undefined || value === 0 ? [] : [[name, value]];
  }));
}

function thumbnailOf(value: unknown): string | null {
  return value instanceof Uint8Array && isThumbnail(value) ? Buffer.from(value).toString("base64") : null;
}
