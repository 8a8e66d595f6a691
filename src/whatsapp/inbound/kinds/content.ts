import type { MediaType, proto } from "@whiskeysockets/baileys";

/** What a message says, for a backend. */
export interface Content {
  /** `TEXT`, `IMAGE`, …; `UNKNOWN` for what has no name here. */
  readonly type: string;
  /** The text or caption: the best that can be said in words. */
  readonly body: string;
  /** WhatsApp's own name of the kind, for `UNKNOWN`. */
  readonly protoName?: string;
  readonly contextInfo?: proto.IContextInfo | null | undefined;
  /** The medium that can be downloaded for it. */
  readonly media?: MediaContent;
  /** What is told of it beside these, in the contract's form. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** The message that it is about. */
  readonly target?: Target;
  /** What of it only the secret of that message opens; until then the rest says what can be said without. */
  readonly sealed?: Sealed;
  /** What becomes of {@link target}: its new content, or `null` when it is taken back. */
  readonly replacement?: proto.IMessage | null;
}

/** A medium of a message that came in. */
export interface MediaContent {
  /** How it is encrypted: `image`, `video` (also for GIFs and video notes), `audio`, `document` or `sticker`. */
  readonly type: MediaType;
  /** What the message says of it: media key, path, length, hashes, MIME type, thumbnail, size. */
  readonly message: MediaMessage;
}

/** The part of a message that describes a medium. */
export type MediaMessage =
  | proto.Message.IImageMessage
  | proto.Message.IVideoMessage
  | proto.Message.IAudioMessage
  | proto.Message.IDocumentMessage
  | proto.Message.IStickerMessage;

/** A message that another is about. */
export interface Target {
  /** The field it is told in, beside what that holds already: `reaction`, `edit`, … */
  readonly field: string;
  readonly key: proto.IMessageKey;
  /** Whether Baileys has turned the key to this account's view; else it is that of who wrote the message. */
  readonly turned?: boolean;
}

/** What is encrypted once more, with a key derived from the secret in the message it is about. */
export interface Sealed {
  /** As WhatsApp names the use of the secret. */
  readonly use: SecretUse;
  readonly payload: Uint8Array;
  readonly iv: Uint8Array;
  /** What it says, once it is opened. @throws when the plaintext is none */
  open(plaintext: Uint8Array, about: proto.IMessage): Content;
}

/** What a message's secret is used for. */
export type SecretUse =
  | "Poll Vote"
  | "Enc Reaction"
  | "Enc Comment"
  | "Event Response"
  | "Event Edit"
  | "Message Edit";

/** Reads the content of a message within a message. */
export type ReadContent = (message: proto.IMessage | null | undefined) => Content | undefined;

/** Reads one kind of message; `undefined` when no person wrote it. */
export type ReadKind<T> = (message: T, read: ReadContent) => Content | undefined;

/** What a message is about, told in `field`; nothing when its key names no message. */
export function about(
  field: string,
  key: proto.IMessageKey | null | undefined,
  options: Pick<Target, "turned"> = {},
): Pick<Content, "target"> {
  return key?.id ? { target: { field, key, ...options } } : {};
}

/** What is sealed in a message; nothing when a part of it is missing. */
export function sealed(
  use: SecretUse,
  { encPayload, encIv }: { encPayload?: Uint8Array | null; encIv?: Uint8Array | null },
  open: Sealed["open"],
): Pick<Content, "sealed"> {
  return encPayload && encIv ? { sealed: { use, payload: encPayload, iv: encIv, open } } : {};
}

/** A number of the protocol, which may be a 64-bit one; `undefined` when it is absent or zero. */
export function numberOf(value: number | { toString(): string } | null | undefined): number | undefined {
  return Number(value ?? 0) || undefined;
}

/** The first moment that nobody takes for one in seconds, and the last one that computers have a date for. */
const MOMENTS_MS = { first: 1e11, last: 8.64e15 };

/** Seconds of the protocol as milliseconds since the epoch; `null` for what is no moment. */
export function momentOf(seconds: Parameters<typeof numberOf>[0]): number | null {
  const ms = (numberOf(seconds) ?? 0) * 1000;
  return ms >= MOMENTS_MS.first && ms <= MOMENTS_MS.last ? ms : null;
}

/** How many there are; 0 for what is no number of anything. */
export function countOf(value: Parameters<typeof numberOf>[0]): number {
  const count = Number(value ?? 0);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

/** The first text with something in it. */
export function firstText(...texts: (string | null | undefined)[]): string {
  return texts.find((text) => !!text) ?? "";
}
