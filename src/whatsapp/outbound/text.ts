import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../contract/messages.ts";
import type { ComposeContext } from "./composition.ts";
import { inContext } from "./context_info.ts";
import { givenPreview, previewFields } from "./link_preview.ts";

/** A text as WhatsApp's own clients send it. */
export async function textMessage(
  command: Message<"TEXT">,
  context: ComposeContext,
): Promise<proto.IMessage> {
  const said = await inContext(command, command.content, context);
  const preview = givenPreview(command);
  return proto.Message.fromObject({
    extendedTextMessage: { ...said, ...(preview && previewFields(preview)) },
  });
}
