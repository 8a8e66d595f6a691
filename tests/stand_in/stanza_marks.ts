/** What a message's stanza says of it in the clear, and what it has to say: servers and phones go by it. */
import { getBinaryNodeChild, normalizeMessageContent, proto } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";

/** What is done to another message (`1` edited, `7` taken back, `8` taken back by an admin), and what a poll's is. */
export interface StanzaMarks {
  edit: string | undefined;
  polltype: string | undefined;
}

/** What a client's stanza says. */
export function marksOf(node: BinaryNode): StanzaMarks {
  return { edit: node.attrs.edit, polltype: getBinaryNodeChild(node, "meta")?.attrs.polltype };
}

/** What is wrong with a stanza's marks, for what turned out to be in it; undefined when nothing is. */
export function wrongMarks({ edit, polltype }: StanzaMarks, message: proto.IMessage): string | undefined {
  const content = normalizeMessageContent(message) ?? {};
  const { MESSAGE_EDIT, REVOKE } = proto.Message.ProtocolMessage.Type;
  const { protocolMessage, reactionMessage, pollUpdateMessage } = content;
  const needed: StanzaMarks = { edit: undefined, polltype: undefined };
  if (protocolMessage?.type === MESSAGE_EDIT) needed.edit = "1";
  if (protocolMessage?.type === REVOKE) needed.edit = protocolMessage.key?.fromMe ? "7" : "8";
  if (reactionMessage && !reactionMessage.text) needed.edit = "7";
  if (content.pollCreationMessage ?? content.pollCreationMessageV2 ?? content.pollCreationMessageV3) {
    needed.polltype = "creation";
  }
  if (pollUpdateMessage) needed.polltype = "vote";
  if (edit === needed.edit && polltype === needed.polltype) return undefined;
  return `says ${JSON.stringify({ edit, polltype })} and has to say ${JSON.stringify(needed)}`;
}
