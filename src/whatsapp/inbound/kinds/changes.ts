/**
 * What is done to messages that are there already.
 *
 * @module
 */

import { proto } from "@whiskeysockets/baileys";
import { about, type Content, type ReadContent, sealed, type SecretUse } from "./content.ts";

const { ProtocolMessage, SecretEncryptedMessage } = proto.Message;

/** A sign put to a message; without one it is taken back. */
export function reaction({ key, text }: proto.Message.IReactionMessage): Content {
  return {
    type: "REACTION",
    body: text ?? "",
    fields: { reaction: { emoji: text || null } },
    ...about("reaction", key, { turned: true }),
  };
}

/** A sign that is encrypted with the secret of its message, as in communities. */
export function sealedReaction(message: proto.Message.IEncReactionMessage): Content {
  const target = about("reaction", message.targetMessageKey);
  return {
    type: "REACTION",
    body: "",
    fields: { reaction: { emoji: null, encrypted: true } },
    ...target,
    ...sealed("Enc Reaction", message, (plaintext) => ({
      ...reaction({ ...proto.Message.ReactionMessage.decode(plaintext), key: null }),
      ...target,
    })),
  };
}

/** What the protocol tells devices; of it a person takes messages back, and edits them. */
export function protocol(message: proto.Message.IProtocolMessage, read: ReadContent): Content | undefined {
  const { type, key, editedMessage } = message;
  // Zero, and therefore what is absent.
  if ((type ?? 0) === ProtocolMessage.Type.REVOKE && key?.id) {
    const target = { field: "deleted", key };
    return { type: "DELETE", body: "", fields: { deleted: {} }, target, replacement: null };
  }
  if (type === ProtocolMessage.Type.MESSAGE_EDIT && key?.id) return edit(key, editedMessage, read);
  return undefined;
}

function edit(
  key: proto.IMessageKey,
  edited: proto.IMessage | null | undefined,
  read: ReadContent,
): Content {
  const { body = "", contextInfo, type } = read(edited) ?? {};
  return {
    type: "EDIT",
    body,
    contextInfo,
    fields: { edit: { type: type ?? null } },
    target: { field: "edit", key },
    ...(edited ? { replacement: edited } : {}),
  };
}

/** An edit that is encrypted with the secret of its message. */
export function sealedEdit(message: proto.Message.ISecretEncryptedMessage, read: ReadContent): Content {
  const { targetMessageKey: key, secretEncType } = message;
  const use: SecretUse | undefined = secretEncType === SecretEncryptedMessage.SecretEncType.MESSAGE_EDIT
    ? "Message Edit"
    : secretEncType === SecretEncryptedMessage.SecretEncType.EVENT_EDIT
    ? "Event Edit"
    : undefined;
  if (use === undefined || !key?.id) {
    return { type: "UNKNOWN", body: "", protoName: "secretEncryptedMessage" };
  }
  return {
    type: "EDIT",
    body: "",
    fields: { edit: { type: null, encrypted: true } },
    target: { field: "edit", key },
    ...sealed(use, message, (plaintext) => edit(key, editedIn(use, plaintext), read)),
  };
}

/** The new content: of a message in the change that would else be open, of an event by itself. */
function editedIn(use: SecretUse, plaintext: Uint8Array): proto.IMessage {
  const message = proto.Message.decode(plaintext);
  if (use === "Event Edit" && !message.eventMessage) {
    return { eventMessage: proto.Message.EventMessage.decode(plaintext) };
  }
  const change = message.protocolMessage ?? message.editedMessage?.message?.protocolMessage;
  return change?.editedMessage ?? message;
}

/** What somebody says to a message, in a community's announcements. */
export function comment(
  { message, targetMessageKey: key }: proto.Message.ICommentMessage,
  read: ReadContent,
): Content {
  return {
    ...(read(message) ?? { type: "UNKNOWN", body: "", protoName: "commentMessage" }),
    ...about("comment", key),
  };
}

/** The same, encrypted with the secret of that message. */
export function sealedComment(message: proto.Message.IEncCommentMessage, read: ReadContent): Content {
  const { targetMessageKey: key } = message;
  return {
    type: "UNKNOWN",
    body: "",
    protoName: "encCommentMessage",
    ...about("comment", key),
    ...sealed(
      "Enc Comment",
      message,
      (plaintext) =>
        comment({ message: proto.Message.decode(plaintext), targetMessageKey: key ?? null }, read),
    ),
  };
}

/** A message that is fastened on top of its chat, or loosened. */
export function pin({ key, type }: proto.Message.IPinInChatMessage): Content {
  const pinned = type === proto.Message.PinInChatMessage.Type.PIN_FOR_ALL;
  return {
    type: "PIN",
    body: "",
    fields: { pin: { pinned } },
    ...about("pin", key),
  };
}

/** A message that stays although its chat forgets, or is to go after all. */
export function keep({ key, keepType }: proto.Message.IKeepInChatMessage): Content {
  const kept = keepType === proto.KeepType.KEEP_FOR_ALL;
  return {
    type: "KEEP",
    body: "",
    fields: { keep: { kept } },
    ...about("keep", key),
  };
}
