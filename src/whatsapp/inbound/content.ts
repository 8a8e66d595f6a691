import { getContentType, normalizeMessageContent, type proto } from "@whiskeysockets/baileys";

/** What a message says, for a backend. */
export interface Content {
  /** `TEXT`, `IMAGE`, …; `UNKNOWN` for what has no name here. */
  readonly type: string;
  /** The text or caption: the best that can be said in words. */
  readonly body: string;
  /** WhatsApp's own name of the kind, for `UNKNOWN`. */
  readonly protoName?: string;
  readonly contextInfo?: proto.IContextInfo | null | undefined;
}

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
  if (inner.imageMessage) return captioned("IMAGE", inner.imageMessage);
  if (inner.videoMessage) return captioned("VIDEO", inner.videoMessage);
  if (inner.audioMessage) return captioned("AUDIO", inner.audioMessage);
  if (inner.stickerMessage) return captioned("STICKER", inner.stickerMessage);
  if (inner.documentMessage) {
    const { caption, fileName, contextInfo } = inner.documentMessage;
    return { type: "DOCUMENT", body: caption || fileName || "", contextInfo };
  }
  // In communities a reaction is encrypted once more, so that its sign cannot be told.
  if (inner.encReactionMessage) return { type: "REACTION", body: "" };
  if (inner.reactionMessage) return { type: "REACTION", body: inner.reactionMessage.text ?? "" };
  return { type: "UNKNOWN", body: "", protoName: kind };
}

function captioned(
  type: string,
  { caption, contextInfo }: { caption?: string | null; contextInfo?: proto.IContextInfo | null },
): Content {
  return { type, body: caption ?? "", contextInfo };
}
