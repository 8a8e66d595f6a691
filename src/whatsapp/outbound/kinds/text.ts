import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import type { ComposeContext, Composition } from "../composition.ts";
import { inContext } from "../context_info.ts";
import { previewFields, previewOf, wantsPreview } from "../link_preview.ts";

/** A text as WhatsApp's own clients send it. One whose preview cannot be had goes out without it. */
export async function textMessage(command: Message<"TEXT">, context: ComposeContext): Promise<Composition> {
  const said = await inContext(command, command.content, context);
  const preview = wantsPreview(command) ? await previewOf(command, context) : undefined;
  const message = proto.Message.fromObject({
    extendedTextMessage: { ...said, ...(preview && previewFields(preview)) },
  });
  const isMissing = wantsPreview(command) && preview === undefined;
  return { message, ...(isMissing ? { remarks: { warnings: ["link_preview_unavailable"] } } : {}) };
}
