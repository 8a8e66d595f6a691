import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import type { ComposeContext } from "../composition.ts";
import { targetIn } from "../targets.ts";

/** An emoji on a message, in place of any that the number put there before; without one, that one is taken back. */
export async function reactionMessage(
  { to, target, content }: Message<"REACTION">,
  context: ComposeContext,
): Promise<proto.IMessage> {
  const { key } = await targetIn(to, target, context);
  return proto.Message.fromObject({
    reactionMessage: { key, text: content ?? "", senderTimestampMs: context.now() },
  });
}
