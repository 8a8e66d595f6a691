import { getContentType, normalizeMessageContent, type proto } from "@whiskeysockets/baileys";

/** The kind of a message, by its name in the protocol, and what it holds. */
export interface MessagePart {
  readonly kind: keyof proto.IMessage;
  /** Text, for `conversation` alone. */
  readonly part: string | (Record<string, unknown> & { contextInfo?: proto.IContextInfo | null });
  /** It is to be seen once and not to be kept. */
  readonly isViewOnce: boolean;
}

/** What is in a message under all its wrappings; none of a message without content. */
export function partOf(message: proto.IMessage | null | undefined): MessagePart | undefined {
  const content = normalizeMessageContent(message);
  const kind = getContentType(content);
  const part = kind && content?.[kind] as MessagePart["part"] | null | undefined;
  if (!kind || part === null || part === undefined) return undefined;
  const isViewOnce = isWrappedOnce(message) || typeof part === "object" && part["viewOnce"] === true;
  return { kind, part, isViewOnce };
}

function isWrappedOnce(message: proto.IMessage | null | undefined): boolean {
  if (!message) return false;
  const { viewOnceMessage, viewOnceMessageV2, viewOnceMessageV2Extension, ephemeralMessage } = message;
  return !!(viewOnceMessage ?? viewOnceMessageV2 ?? viewOnceMessageV2Extension) ||
    isWrappedOnce(ephemeralMessage?.message);
}
