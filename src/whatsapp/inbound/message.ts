import {
  isJidGroup,
  isJidNewsletter,
  isJidStatusBroadcast,
  jidNormalizedUser,
  type proto,
  type WAMessage,
  type WAMessageKey,
} from "@whiskeysockets/baileys";
import { backendAddress } from "../../contract/addresses.ts";
import { type Identities, type OwnAccount, person } from "../identities.ts";
import { type Content, contentOf } from "./content.ts";
import { targetOf } from "./targets.ts";

/** What is published beside messages of others to the number. */
export type ReceiveInclude = ReadonlySet<
  "from_me" | "status" | "newsletter" | "reactions" | "edits" | "calls"
>;

/** A message in the contract's form, but for what names its session. */
export type InboundMessage = Record<string, unknown> & { readonly messageId: string; readonly type: string };

/** Whose messages they are, and who is who in them. */
export interface Reader {
  readonly own: OwnAccount;
  readonly identities: Pick<Identities, "addressesOf">;
}

/** What is published only when it is asked for, beside what is so for its chat and its author. */
const ON_DEMAND: Readonly<Record<string, "reactions" | "edits" | "calls">> = {
  REACTION: "reactions",
  EDIT: "edits",
  DELETE: "edits",
  PIN: "edits",
  KEEP: "edits",
  CALL: "calls",
};

/** Somebody, in the backend's form. */
const PERSON = /^\d+@(?:c\.us|lid)$/;

/** Whether the backend wants to know of a message. */
export function isIncluded(
  { remoteJid, fromMe }: WAMessageKey,
  { type }: Pick<Content, "type">,
  include: ReceiveInclude,
): boolean {
  const chat = remoteJid ?? "";
  if (fromMe && !include.has("from_me")) return false;
  if (isJidStatusBroadcast(chat) && !include.has("status")) return false;
  if (isJidNewsletter(chat) && !include.has("newsletter")) return false;
  const word = ON_DEMAND[type];
  return word === undefined || include.has(word);
}

/** Puts a message of WhatsApp and what it says into the contract's form. */
export async function inboundMessage(
  { key, messageTimestamp, pushName }: Pick<WAMessage, "key" | "messageTimestamp" | "pushName">,
  content: Content,
  { own, identities }: Reader,
  nowMs: number,
): Promise<InboundMessage> {
  const chat = key.remoteJid ?? "";
  const isGroup = isJidGroup(chat) === true;
  const isOfMany = isGroup || isJidStatusBroadcast(chat) === true;
  const fromMe = key.fromMe === true;
  const me = person(own.jid, own.lid);
  const other = isOfMany
    ? person(key.participant ?? chat, key.participantAlt)
    : person(chat, key.remoteJidAlt);
  const sender = fromMe ? me : other;
  const { body, ...mentions } = await mentionsOf(content, identities);
  return {
    messageId: key.id ?? "",
    from: isOfMany ? backendAddress(chat) : sender.address,
    ...(isOfMany ? { participant: sender.address } : {}),
    to: !fromMe ? me.address : isOfMany ? backendAddress(chat) : other.address,
    body,
    timestamp: Number(messageTimestamp ?? Math.floor(nowMs / 1000)),
    type: content.type,
    ...(content.protoName === undefined ? {} : { protoName: content.protoName }),
    fromMe,
    pushName: pushName ?? null,
    phoneNumber: sender.phoneNumber,
    lid: sender.lid,
    isGroup,
    quoted: await quotedOf(content, me.names, identities),
    media: null,
    receivedAt: nowMs,
    ...content.fields,
    ...mentions,
    ...await targetField(content, key, me, identities),
  };
}

async function quotedOf(
  { contextInfo }: Content,
  own: readonly string[],
  identities: Reader["identities"],
): Promise<Record<string, unknown> | null> {
  if (!contextInfo?.stanzaId) return null;
  const { stanzaId, participant, quotedMessage } = contextInfo;
  const content = contentOf(quotedMessage);
  const address = participant ? await addressOf(participant, identities) : null;
  return {
    messageId: stanzaId,
    participant: address,
    body: content?.body ?? "",
    type: content?.type ?? null,
    fromMe: address !== null && own.some((jid) => backendAddress(jid) === address),
  };
}

/** Somebody's address; `null` for what is none: whoever writes a message names others as they like. */
async function addressOf(jid: string, identities: Reader["identities"]): Promise<string | null> {
  const [address = ""] = await identities.addressesOf([jid]);
  return PERSON.test(address) ? address : null;
}

/** Who is mentioned, and the text, which names them by the digits of the same addresses. */
async function mentionsOf(
  { body, contextInfo }: Content,
  identities: Reader["identities"],
): Promise<{ body: string; mentions?: string[] }> {
  const mentioned = (contextInfo?.mentionedJid ?? []).filter((jid) => jidNormalizedUser(jid) !== "");
  if (mentioned.length === 0) return { body };
  const mentions = await identities.addressesOf(mentioned);
  const named = new Map(mentioned.map((jid, index) => [userOf(jid), userOf(mentions[index]!)]));
  return { body: body.replace(/(?<=@)\d+/g, (digits) => named.get(digits) ?? digits), mentions };
}

function userOf(address: string): string {
  return address.split(/[:@]/)[0]!;
}

/** The field that tells what a message is about, with that in it. */
async function targetField(
  { target, fields }: Content,
  key: proto.IMessageKey,
  me: { readonly address: string; readonly names: readonly string[] },
  identities: Reader["identities"],
): Promise<Record<string, unknown>> {
  if (target === undefined) return {};
  const { messageId, fromMe, participant } = targetOf(target, key, me.names);
  const address = fromMe ? me.address : participant ? await addressOf(participant, identities) : null;
  const told = {
    messageId,
    fromMe,
    ...(isJidGroup(key.remoteJid ?? "") && address ? { participant: address } : {}),
  };
  return {
    [target.field]: { ...(fields?.[target.field] as Record<string, unknown> | undefined), target: told },
  };
}
