import { proto } from "@whiskeysockets/baileys";
import type { StoredMessage } from "../../store/messages.ts";
import type { Store } from "../../store/store.ts";
import type { Identities } from "../identities.ts";

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
  const candidates = [
    // What has become of a message that was sent, before what was sent. Others may have taken the id of either.
    ...found.filter(({ fromMe }) => fromMe),
    ...(sent?.content === undefined ? [] : [{ ...sent, content: sent.content, fromMe: true }]),
    ...found.filter(({ fromMe }) => !fromMe),
  ];
  for (const { chat: itsChat, fromMe, author, content } of candidates as StoredMessage[]) {
    if (!await isThere(itsChat)) continue;
    // It was taken back.
    if (fromMe && content.length === 0) return undefined;
    return { whatsappId, chat: itsChat, fromMe, author, message: proto.Message.decode(content) };
  }
  return undefined;
}
