import { getContentType, type MediaType, normalizeMessageContent, type proto } from "@whiskeysockets/baileys";

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

/** Messages of the protocol, not of people; and calls, which Baileys makes look like messages. */
const INTERNAL = new Set([
  "protocolMessage",
  "senderKeyDistributionMessage",
  "messageContextInfo",
  "call",
  "callLogMesssage",
]);

/** The content of a message; `undefined` when no person wrote it. */
export function contentOf(message: proto.IMessage | null | undefined): Content | undefined {
  const inner = normalizeMessageContent(message);
  const kind = getContentType(inner);
  if (inner === undefined || kind === undefined || INTERNAL.has(kind)) return undefined;
  if (inner.conversation) return { type: "TEXT", body: inner.conversation };
  if (inner.extendedTextMessage) {
    const { text, contextInfo } = inner.extendedTextMessage;
    return { type: "TEXT", body: text ?? "", contextInfo };
  }
  if (inner.imageMessage) return captioned("IMAGE", "image", inner.imageMessage);
  if (inner.videoMessage) return captioned("VIDEO", "video", inner.videoMessage);
  if (inner.audioMessage) return captioned("AUDIO", "audio", inner.audioMessage);
  if (inner.stickerMessage) return captioned("STICKER", "sticker", inner.stickerMessage);
  if (inner.documentMessage) {
    const { caption, fileName, contextInfo } = inner.documentMessage;
    const media = { type: "document", message: inner.documentMessage } as const;
    return { type: "DOCUMENT", body: caption || fileName || "", contextInfo, media };
  }
  // In communities a reaction is encrypted once more, so that its sign cannot be told.
  if (inner.encReactionMessage) return { type: "REACTION", body: "" };
  if (inner.reactionMessage) return { type: "REACTION", body: inner.reactionMessage.text ?? "" };
  return { type: "UNKNOWN", body: "", protoName: kind };
}

function captioned(
  type: string,
  mediaType: MediaType,
  message: MediaMessage & { caption?: string | null; contextInfo?: proto.IContextInfo | null },
): Content {
  const { caption, contextInfo } = message;
  return { type, body: caption ?? "", contextInfo, media: { type: mediaType, message } };
}
