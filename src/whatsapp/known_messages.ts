import { proto } from "@whiskeysockets/baileys";
import type { Store } from "../store/store.ts";
import type { Identities } from "./identities.ts";

/** A message of one of a number's chats, sent from here or received, with its content. */
export interface KnownMessage {
  readonly whatsappId: string;
  /** The chat's JID. */
  readonly chat: string;
  readonly fromMe: boolean;
  /** The JID that who wrote it had there, if it was not this number: the chat may be named by another one of theirs. */
  readonly author?: string | undefined;
  readonly message: proto.IMessage;
}

/** Whose messages they are, and who is who in them. */
export interface MessageOwner {
  readonly numberId: string;
  readonly identities: Pick<Identities, "isSame">;
}

/**
 * The message with this id, of the last days, as it reads now. One that was taken back is not known.
 *
 * @param options.chat the chat it has to be in; of another chat with that id where it is absent
 */
export async function knownMessage(
  { ledger, messages }: Pick<Store, "ledger" | "messages">,
  { numberId, identities }: MessageOwner,
  whatsappId: string,
  { chat }: { chat?: string } = {},
): Promise<KnownMessage | undefined> {
  const isThere = async (candidate: string) =>
    chat === undefined || candidate === chat || await identities.isSame(candidate, chat);
  const sent = await ledger.findByWhatsappId(numberId, whatsappId);
  const found = await messages.find(numberId, whatsappId);
  if (sent?.content !== undefined && await isThere(sent.chat)) {
    const now = found.find((message) => message.fromMe && message.chat === sent.chat)?.content ??
      sent.content;
    if (now.length === 0) return undefined;
    return { whatsappId, chat: sent.chat, fromMe: true, message: proto.Message.decode(now) };
  }
  for (const { content, ...more } of found) {
    if (await isThere(more.chat)) return { ...more, message: proto.Message.decode(content) };
  }
  return undefined;
}
