/** A message as people see it: what is in it, and what a stanza has to say about it. */
import { normalizeMessageContent, type proto } from "@whiskeysockets/baileys";

/** A message somebody received and decrypted. */
export interface ContactMessage {
  id: string;
  /** The sender's number JID, without device. */
  from: string;
  /** The text of a text message, else null. */
  text: string | null;
  message: proto.IMessage;
  /** When it was decrypted first, milliseconds since the epoch. */
  atMs: number;
  /** How often the same id came again after that. */
  repeats: number;
}

/** What happened to a message this person sent. */
export interface Receipt {
  id: string;
  type: "delivered" | "read" | "played";
  atMs: number;
}

/** What somebody was seen to do in a chat. */
export interface ChatState {
  /** The JID of who does it, without device. */
  from: string;
  /** The group, or the person who sees it. */
  chat: string;
  state: "composing" | "recording" | "paused";
  /** How many messages clients had sent before it. */
  messagesBefore: number;
}

/** The `type` attribute of a message's stanza. */
export function stanzaType(message: proto.IMessage): string {
  const content = normalizeMessageContent(message);
  if (content?.reactionMessage) return "reaction";
  if (content?.pollCreationMessage || content?.pollUpdateMessage) return "poll";
  const picture = content?.imageMessage ?? content?.videoMessage ?? content?.stickerMessage;
  return picture ?? content?.audioMessage ?? content?.documentMessage ? "media" : "text";
}

/** The text of a text message, null of any other. */
export function textIn(message: proto.IMessage): string | null {
  const content = normalizeMessageContent(message);
  return content?.conversation || content?.extendedTextMessage?.text || null;
}
