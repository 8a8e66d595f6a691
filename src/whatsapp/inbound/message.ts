import {
  isJidGroup,
  isJidNewsletter,
  isJidStatusBroadcast,
  isLidUser,
  jidNormalizedUser,
  type WAMessage,
} from "@whiskeysockets/baileys";
import { backendAddress, phoneOfJid } from "../../contract/addresses.ts";
import { type Content, contentOf } from "./content.ts";

/** What is published beside messages of others to the number. */
export type ReceiveInclude = ReadonlySet<
  "from_me" | "status" | "newsletter" | "reactions" | "edits" | "calls"
>;

/** A message in the contract's form, but for what names its session. */
export type InboundMessage = Record<string, unknown> & { readonly messageId: string };

/**
 * Puts a message of WhatsApp into the contract's form.
 *
 * @param ownJid the number's own JID
 * @returns `undefined` for what is not to be published: the protocol's own messages, those that cannot be decrypted
 * yet, and whatever `include` does not ask for
 */
export function inboundMessage(
  message: WAMessage,
  ownJid: string,
  include: ReceiveInclude,
  nowMs: number,
): InboundMessage | undefined {
  const { key } = message;
  const chat = key.remoteJid;
  const content = contentOf(message.message);
  if (!chat || !key.id || content === undefined || !isIncluded(message, chat, content, include)) {
    return undefined;
  }

  const isGroup = isJidGroup(chat) === true;
  const sender = isGroup ? key.participant ?? chat : chat;
  const senderAlt = isGroup ? key.participantAlt : key.remoteJidAlt;
  const phoneJid = [sender, senderAlt].find((jid) =>
    jid !== undefined && jid !== null && phoneOfJid(jid) !== null
  );
  const lid = [sender, senderAlt].find((jid) => isLidUser(jid ?? undefined));
  return {
    messageId: key.id,
    from: backendAddress(isGroup ? chat : phoneJid ?? sender),
    ...(isGroup ? { participant: backendAddress(phoneJid ?? sender) } : {}),
    to: backendAddress(jidNormalizedUser(ownJid)),
    body: content.body,
    timestamp: Number(message.messageTimestamp ?? Math.floor(nowMs / 1000)),
    type: content.type,
    ...(content.protoName === undefined ? {} : { protoName: content.protoName }),
    fromMe: key.fromMe === true,
    pushName: message.pushName ?? null,
    phoneNumber: phoneJid ? phoneOfJid(phoneJid) : null,
    lid: lid ? jidNormalizedUser(lid) : null,
    isGroup,
    quoted: quotedOf(content),
    media: null,
    receivedAt: nowMs,
  };
}

function isIncluded({ key }: WAMessage, chat: string, content: Content, include: ReceiveInclude): boolean {
  if (key.fromMe && !include.has("from_me")) return false;
  if (isJidStatusBroadcast(chat)) return include.has("status");
  if (isJidNewsletter(chat)) return include.has("newsletter");
  return content.type !== "REACTION" || include.has("reactions");
}

function quotedOf({ contextInfo }: Content): Record<string, unknown> | null {
  if (!contextInfo?.stanzaId) return null;
  return {
    messageId: contextInfo.stanzaId,
    participant: contextInfo.participant ? backendAddress(contextInfo.participant) : null,
    body: contentOf(contextInfo.quotedMessage)?.body ?? "",
  };
}
