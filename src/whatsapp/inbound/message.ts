import { isJidGroup, isJidNewsletter, isJidStatusBroadcast, type WAMessage } from "@whiskeysockets/baileys";
import { backendAddress } from "../../contract/addresses.ts";
import { person } from "../identities.ts";
import { type Content, contentOf } from "./content.ts";

/** What is published beside messages of others to the number. */
export type ReceiveInclude = ReadonlySet<
  "from_me" | "status" | "newsletter" | "reactions" | "edits" | "calls"
>;

/** A message in the contract's form, but for what names its session. */
export type InboundMessage = Record<string, unknown> & { readonly messageId: string; readonly type: string };

/** The number's own account. */
export interface OwnAccount {
  /** May carry the device. */
  readonly jid: string;
  readonly lid: string | null;
}

/**
 * Puts a message of WhatsApp into the contract's form.
 *
 * @returns `undefined` for what is not to be published: the protocol's own messages, those that cannot be decrypted
 * yet, and whatever `include` does not ask for
 */
export function inboundMessage(
  message: WAMessage,
  own: OwnAccount,
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
  const fromMe = key.fromMe === true;
  const me = person(own.jid, own.lid);
  const other = isGroup
    ? person(key.participant ?? chat, key.participantAlt)
    : person(chat, key.remoteJidAlt);
  const sender = fromMe ? me : other;
  return {
    messageId: key.id,
    from: isGroup ? backendAddress(chat) : sender.address,
    ...(isGroup ? { participant: sender.address } : {}),
    to: !fromMe ? me.address : isGroup ? backendAddress(chat) : other.address,
    body: content.body,
    timestamp: Number(message.messageTimestamp ?? Math.floor(nowMs / 1000)),
    type: content.type,
    ...(content.protoName === undefined ? {} : { protoName: content.protoName }),
    fromMe,
    pushName: message.pushName ?? null,
    phoneNumber: sender.phoneNumber,
    lid: sender.lid,
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
