import {
  type BinaryNode,
  type MessageRelayOptions,
  normalizeMessageContent,
  proto,
} from "@whiskeysockets/baileys";

const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type;

/** What the `edit` attribute of a stanza says is done to another message, as WhatsApp's own clients write it. */
const EDIT = { message: "1", ownRevoked: "7", revokedByAdmin: "8" };

/**
 * What has to be on the stanza of a message beside what is encrypted in it, for servers and phones to treat it as what it
 * is: Baileys' `sendMessage()` puts it there, its `relayMessage()` only when it is told to.
 */
export function stanzaMarks(
  message: proto.IMessage,
): Pick<MessageRelayOptions, "additionalAttributes" | "additionalNodes"> {
  const content = normalizeMessageContent(message) ?? {};
  const edit = editOf(content);
  if (edit !== undefined) return { additionalAttributes: { edit } };
  if (content.pollCreationMessage ?? content.pollCreationMessageV2 ?? content.pollCreationMessageV3) {
    const meta: BinaryNode = { tag: "meta", attrs: { polltype: "creation" } };
    return { additionalNodes: [meta] };
  }
  return {};
}

function editOf({ protocolMessage, reactionMessage }: proto.IMessage): string | undefined {
  if (protocolMessage?.type === MESSAGE_EDIT) return EDIT.message;
  if (protocolMessage?.type === REVOKE) {
    return protocolMessage.key?.fromMe ? EDIT.ownRevoked : EDIT.revokedByAdmin;
  }
  return reactionMessage && !reactionMessage.text ? EDIT.ownRevoked : undefined;
}
