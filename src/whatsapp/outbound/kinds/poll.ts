import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import type { ComposeContext } from "../composition.ts";
import { inContext } from "../context_info.ts";

/** A question with answers to choose from. The secret that its votes are encrypted with is that of the message. */
export async function pollMessage(
  command: Message<"POLL">,
  context: ComposeContext,
): Promise<proto.IMessage> {
  const { options, selectableCount = 1 } = command;
  const { text: name, contextInfo } = await inContext(command, command.content, context);
  // Phones know a poll of which one option may be chosen by a name of its own.
  const kind = selectableCount === 1 ? "pollCreationMessageV3" : "pollCreationMessage";
  return proto.Message.fromObject({
    [kind]: {
      name,
      options: options.map((optionName) => ({ optionName })),
      selectableOptionsCount: selectableCount,
      contextInfo,
    },
  });
}
