import { isJidGroup, proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import type { ComposeContext } from "../composition.ts";
import { Unsendable } from "../failures.ts";
import { targetIn } from "../targets.ts";

/**
 * Takes a message back, for everybody: one of the number's own, or in a group of which it is an admin anybody's.
 *
 * @throws {Unsendable} `unknown_message`, `not_own_message` or `not_admin`
 */
export async function deleteMessage(
  { to, target }: Message<"DELETE">,
  context: ComposeContext,
): Promise<proto.IMessage> {
  const { key, people } = await targetIn(to, target, context);
  if (!key.fromMe && !isJidGroup(to)) {
    throw new Unsendable({
      code: "not_own_message",
      error: `Cannot delete message '${target.messageId}' as somebody else wrote it`,
      retryable: false,
    });
  }
  if (!key.fromMe && people.ownIsAdmin === false) {
    throw new Unsendable({
      code: "not_admin",
      error:
        `Cannot delete message '${target.messageId}' as somebody else wrote it and the number is no admin ` +
        "of the group",
      retryable: false,
    });
  }
  return proto.Message.fromObject({
    protocolMessage: { key, type: proto.Message.ProtocolMessage.Type.REVOKE },
  });
}
