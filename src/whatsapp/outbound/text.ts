import { proto } from "@whiskeysockets/baileys";

/** A text as WhatsApp's own clients send it, without a link preview. */
export function textMessage(text: string): proto.IMessage {
  return proto.Message.fromObject({ extendedTextMessage: { text } });
}
