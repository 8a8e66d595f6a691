import { isJidGroup, jidNormalizedUser, type proto } from "@whiskeysockets/baileys";
import type { Target } from "./kinds/content.ts";

/** A message that another is about, in this account's view. */
export interface TargetMessage {
  readonly messageId: string;
  readonly fromMe: boolean;
  /** The JID of who wrote it, if it was not this account and is known. */
  readonly participant?: string | undefined;
}

/**
 * Turns the key of a message to this account's view: who writes one names their own messages as theirs.
 *
 * @param by the key of the message that is about it
 * @param own the account's JIDs, without device
 */
export function targetOf(
  { key, turned }: Target,
  by: proto.IMessageKey,
  own: readonly string[],
): TargetMessage {
  const messageId = key.id ?? "";
  const chat = by.remoteJid ?? "";
  const inGroup = isJidGroup(chat) === true;
  const isTurned = turned || by.fromMe;
  const named = key.participant || undefined;
  const isOwn = named !== undefined && own.includes(jidNormalizedUser(named));
  const fromMe = isTurned ? key.fromMe === true : inGroup ? !key.fromMe && isOwn : !key.fromMe;
  if (fromMe) return { messageId, fromMe };
  // Without a name it is the author's own.
  const participant = !inGroup ? chat : named ?? by.participant ?? undefined;
  return { messageId, fromMe, participant };
}
