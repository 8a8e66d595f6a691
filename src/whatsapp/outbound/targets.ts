import { isJidGroup, type proto } from "@whiskeysockets/baileys";
import type { MessageReference } from "../../contract/commands.ts";
import { type KnownMessage, knownMessage } from "../messages/known_messages.ts";
import { type ChatPeople, peopleOf } from "./chat_people.ts";
import type { ComposeContext } from "./composition.ts";
import { Unsendable } from "./failures.ts";

/** A message that is acted on: what it is called in its chat, and what it is if the worker knows. */
export interface Target {
  readonly key: proto.IMessageKey & { readonly fromMe: boolean };
  readonly known?: KnownMessage | undefined;
  readonly people: ChatPeople;
}

/**
 * The message of a chat that a reference means. For one that the worker does not know, what the reference says of it has
 * to do.
 *
 * @throws {Unsendable} `unknown_message` when it cannot be said whose it is
 */
export async function targetIn(
  chat: string,
  reference: MessageReference,
  context: ComposeContext,
): Promise<Target> {
  const { messageId } = reference;
  const owner = { numberId: context.numberId, identities: context.socket.identities };
  const known = await knownMessage(context.store, owner, messageId, { chat });
  const people = await peopleOf(chat, context);
  const writer = known === undefined ? reference.participant : known.author;
  const fromMe = known?.fromMe ?? reference.fromMe ??
    (writer === undefined ? undefined : people.isOwn(writer));
  const key = { remoteJid: chat, id: messageId };
  if (fromMe === undefined) throw unknownMessage(messageId, "fromMe");
  if (fromMe || !isJidGroup(chat)) return { key: { ...key, fromMe }, known, people };
  if (writer === undefined) throw unknownMessage(messageId, "participant");
  return { key: { ...key, fromMe, participant: await people.nameOf(writer) }, known, people };
}

/** What is to be done without the message itself needs `missing` to be told of it. */
export function unknownMessage(messageId: string, missing?: "fromMe" | "participant"): Unsendable {
  const remedy = missing === undefined
    ? "it has to be sent anew"
    : missing === "fromMe"
    ? "name it as an object with messageId and fromMe, in a group with the participant who wrote it"
    : "name it as an object with messageId and the participant who wrote it";
  return new Unsendable({
    code: "unknown_message",
    error: `The worker knows no message '${messageId}' of this chat, or not any more: ${remedy}`,
    retryable: false,
  });
}
