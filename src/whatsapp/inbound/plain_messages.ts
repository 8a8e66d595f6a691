import {
  type BinaryNode,
  decodeMessageNode,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  isJidNewsletter,
  proto,
  type WAMessage,
} from "@whiskeysockets/baileys";

/**
 * The messages a stanza carries in the clear, as Baileys builds them: those of newsletters, in a `<message>` of their own
 * or in a `<notification>`. They never pass the Signal repository, and Baileys acknowledges them before it tells of them.
 */
export function plainMessages(stanza: BinaryNode): WAMessage[] {
  const { from = "" } = stanza.attrs;
  if (!isJidNewsletter(from)) return [];
  if (stanza.tag === "message") {
    const message = plaintextOf(stanza);
    return message === undefined ? [] : [{ ...decodeMessageNode(stanza, "", "").fullMessage, message }];
  }
  return getBinaryNodeChildren(stanza, "message").flatMap((child) => {
    const message = plaintextOf(child);
    const id = child.attrs.message_id ?? child.attrs.server_id;
    if (message === undefined || id === undefined) return [];
    return [{
      key: { remoteJid: from, id, fromMe: false },
      message,
      messageTimestamp: Number(child.attrs.t),
    }];
  });
}

/** What cannot be read is left to Baileys, which says so. */
function plaintextOf(node: BinaryNode): proto.IMessage | undefined {
  const bytes = getBinaryNodeChild(node, "plaintext")?.content;
  if (!(bytes instanceof Uint8Array)) return undefined;
  try {
    return proto.Message.decode(bytes);
  } catch {
    return undefined;
  }
}
