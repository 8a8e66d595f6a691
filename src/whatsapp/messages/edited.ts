import type { proto } from "@whiskeysockets/baileys";

/** A message with its new content. An edit of a caption may say nothing of the medium, which stays. */
export function edited(message: proto.IMessage, replacement: proto.IMessage): proto.IMessage {
  const inner = innermost(message);
  for (const [name, value] of Object.entries(replacement) as [keyof proto.IMessage, unknown][]) {
    const before: unknown = inner[name];
    if (name === "messageContextInfo" || value === null || value === undefined) continue;
    const isRefined = typeof value === "object" && typeof before === "object" && before !== null;
    if (name === "conversation" || name === "extendedTextMessage") {
      delete inner.conversation;
      if (name === "conversation" && inner.extendedTextMessage) {
        inner.extendedTextMessage = { ...inner.extendedTextMessage, text: String(value) };
        continue;
      }
    }
    Object.assign(inner, { [name]: isRefined ? { ...before, ...value } : value });
  }
  return message;
}

/** The content within the wrappers that can be edited in. */
function innermost(message: proto.IMessage): proto.IMessage {
  const inner = (message.ephemeralMessage ?? message.documentWithCaptionMessage)?.message;
  return inner ? innermost(inner) : message;
}
