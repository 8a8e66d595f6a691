import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import { knownMessage } from "../../messages/known_messages.ts";
import { partOf } from "../../messages/message_parts.ts";
import type { ComposeContext } from "../composition.ts";
import { Unsendable } from "../failures.ts";
import { unknownMessage } from "../targets.ts";

/** What people hand on. A live location, a vote or an invitation is no one else's. */
const FORWARDABLE: ReadonlySet<string> = new Set([
  "extendedTextMessage",
  "imageMessage",
  "videoMessage",
  "ptvMessage",
  "audioMessage",
  "documentMessage",
  "stickerMessage",
  "locationMessage",
  "contactMessage",
  "contactsArrayMessage",
  "pollCreationMessage",
  "pollCreationMessageV2",
  "pollCreationMessageV3",
]);

/**
 * The content of a message of any chat of the number's, marked as handed on. A medium is where it was uploaded to: nobody
 * uploads it again.
 *
 * @throws {Unsendable} `unknown_message`, `view_once` or `not_forwardable`
 */
export async function forwardMessage(
  { target: { messageId } }: Message<"FORWARD">,
  { numberId, store, socket }: ComposeContext,
): Promise<proto.IMessage> {
  const known = await knownMessage(store, { numberId, identities: socket.identities }, messageId);
  if (known === undefined) throw unknownMessage(messageId);
  const content = partOf(known.message);
  if (content?.isViewOnce) {
    throw new Unsendable({
      code: "view_once",
      error: `Cannot forward message '${messageId}' as it may be seen only once`,
      retryable: false,
    });
  }
  const { kind, part } = typeof content?.part === "string"
    ? { kind: "extendedTextMessage", part: { text: content.part, contextInfo: null } }
    : { kind: content?.kind ?? "", part: content?.part };
  if (part === undefined || !FORWARDABLE.has(kind)) {
    throw new Unsendable({
      code: "not_forwardable",
      error: `Cannot forward message '${messageId}' as it is none that can be handed on`,
      retryable: false,
    });
  }
  // Neither whom it mentioned nor what it answered: that was said in its own chat.
  const contextInfo = { isForwarded: true, forwardingScore: (part.contextInfo?.forwardingScore ?? 0) + 1 };
  const forwarded = { [kind]: { ...part, contextInfo } };
  return proto.Message.fromObject(
    known.message.documentWithCaptionMessage
      ? { documentWithCaptionMessage: { message: forwarded } }
      : forwarded,
  );
}
