import { fileTypeFromBuffer } from "file-type";
import mime from "mime";
import { MediaFailure } from "./failure.ts";

/** The kinds of message that carry a medium. */
export type MediaKind = "IMAGE" | "VIDEO" | "AUDIO" | "DOCUMENT" | "STICKER";

/** What a medium is. */
export interface MediaTyping {
  /** As it goes out: what its bytes are, as far as they tell. */
  readonly mimeType: string;
  /** What it was said to be, when that is something else. */
  readonly differsFrom?: string;
}

const UNKNOWN = "application/octet-stream";
/** What says nothing. */
const NOTHING: readonly string[] = [
  UNKNOWN,
  "binary/octet-stream",
  "application/x-binary",
  "application/binary",
];

/** Other names of what has one. */
const ALIASES: Readonly<Record<string, string>> = {
  "image/jpg": "image/jpeg",
  "image/pjpeg": "image/jpeg",
  "image/x-png": "image/png",
  "image/apng": "image/png",
  "audio/mp3": "audio/mpeg",
  "audio/x-mp3": "audio/mpeg",
  "audio/x-mpeg": "audio/mpeg",
  "audio/x-m4a": "audio/mp4",
  "audio/m4a": "audio/mp4",
  "audio/aacp": "audio/aac",
  "audio/x-aac": "audio/aac",
  "audio/opus": "audio/ogg",
  "application/ogg": "audio/ogg",
  "audio/x-wav": "audio/wav",
  "audio/wave": "audio/wav",
  "audio/vnd.wave": "audio/wav",
  "audio/x-flac": "audio/flac",
  "video/x-m4v": "video/mp4",
  "application/mp4": "video/mp4",
  "video/x-matroska": "video/matroska",
  "application/x-pdf": "application/pdf",
  "application/x-zip-compressed": "application/zip",
};

/** Containers in which sound alone is a sound. */
const SOUND_IN: Readonly<Record<string, string>> = {
  "video/mp4": "audio/mp4",
  "video/3gpp": "audio/3gpp",
  "video/webm": "audio/webm",
  "video/ogg": "audio/ogg",
  "video/matroska": "audio/matroska",
};

/** What can be shown as a kind, and what to do with what cannot. */
const SHOWN_AS: Readonly<Record<MediaKind, { fits: (mimeType: string) => boolean; remedy: string }>> = {
  IMAGE: {
    fits: (type) => ["image/jpeg", "image/png", "image/webp", "image/gif"].includes(type),
    remedy: "convert it to JPEG or PNG, or send it as DOCUMENT",
  },
  VIDEO: {
    fits: (type) => type.startsWith("video/"),
    remedy: "convert it to MP4, also when it is to play as a GIF, or send it as DOCUMENT",
  },
  AUDIO: {
    fits: (type) => type.startsWith("audio/"),
    remedy: "convert it to MP3, M4A or OGG with Opus, or send it as DOCUMENT",
  },
  STICKER: { fits: (type) => type === "image/webp", remedy: "convert it to WebP, or send it as IMAGE" },
  DOCUMENT: { fits: () => true, remedy: "" },
};

/** What every phone plays. */
const PLAYED: readonly string[] = [
  "video/mp4",
  "video/3gpp",
  "audio/mpeg",
  "audio/mp4",
  "audio/aac",
  "audio/amr",
  "audio/ogg",
];

/** Whether phones are known to play what is sent as a sound or video. */
export function isPlayed(mimeType: string): boolean {
  return PLAYED.includes(essenceOf(mimeType));
}

/** Whether it is what a voice note is recorded as. */
export function isOpus(mimeType: string): boolean {
  return /^audio\/ogg;\s*codecs="?opus/i.test(mimeType);
}

/**
 * What a medium is by its first bytes; where those do not tell, as with texts, what it is said to be, or what files with its
 * name are.
 *
 * @param head the first 4 KiB at least, or all of it
 * @throws {MediaFailure} when it cannot be shown as `kind`
 */
export async function typeOf(
  head: Uint8Array,
  kind: MediaKind,
  { declared, fileName }: { declared?: string | undefined; fileName?: string | undefined },
): Promise<MediaTyping> {
  const said = declared !== undefined && !NOTHING.includes(essenceOf(declared)) ? declared : undefined;
  const detected = (await fileTypeFromBuffer(head))?.mime;
  const { fits, remedy } = SHOWN_AS[kind];
  const mimeType = kind === "DOCUMENT" ? ofDocument(detected, said, fileName, head) : ofShown(kind, detected);
  if (!fits(essenceOf(mimeType))) {
    const what = mimeType === UNKNOWN ? "bytes of no such type" : mimeType;
    throw new MediaFailure("media_type_mismatch", `Cannot send ${what} as ${kind}: ${remedy}`);
  }
  const differs = said !== undefined && ofShown(kind, essenceOf(said)) !== essenceOf(mimeType);
  return { mimeType, ...(differs ? { differsFrom: said } : {}) };
}

function ofShown(kind: MediaKind, type: string = UNKNOWN): string {
  const essence = essenceOf(type);
  const sound = kind === "AUDIO" ? SOUND_IN[essence] : undefined;
  // With its parameters, by which a client knows what it plays.
  return sound ?? (type.startsWith(essence) ? type : essence);
}

function ofDocument(
  detected: string | undefined,
  said: string | undefined,
  fileName: string | undefined,
  head: Uint8Array,
): string {
  const byName = fileName === undefined ? undefined : mime.getType(fileName) ?? undefined;
  for (const candidate of [said, byName]) {
    if (candidate !== undefined && mayBe(essenceOf(candidate), detected)) return candidate;
  }
  return detected ?? (isText(head) ? "text/plain" : UNKNOWN);
}

/** Whether bytes that were found to be `detected` may be `type` more exactly. */
function mayBe(type: string, detected: string | undefined): boolean {
  switch (detected) {
    case undefined:
      // These are known by their first bytes.
      return !/^(?:image\/(?!svg)|audio\/|video\/|application\/(?:pdf|zip|gzip)$)/.test(type);
    case "application/zip":
    case "application/x-cfb":
      // Office documents, packages and books are archives.
      return type.startsWith("application/") && type !== "application/pdf";
    case "application/xml":
      return /^text\/|xml$/.test(type);
    default:
      return type === essenceOf(detected);
  }
}

/** Type and subtype, by the name that stands for all its names. */
function essenceOf(mimeType: string): string {
  const essence = mimeType.replace(/;.*$/s, "").trim().toLowerCase();
  return ALIASES[essence] ?? essence;
}

function isText(head: Uint8Array): boolean {
  if (head.includes(0)) return false;
  try {
    // What is cut off at the end may still come.
    new TextDecoder("utf-8", { fatal: true }).decode(head, { stream: true });
    return true;
  } catch {
    return false;
  }
}
