import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../../contract/messages.ts";
import { partOf } from "../../messages/message_parts.ts";
import type { ComposeContext } from "../composition.ts";
import { Unsendable } from "../failures.ts";
import { inContext } from "../context_info.ts";
import { targetIn } from "../targets.ts";

/** What has a caption. */
const CAPTIONED: ReadonlySet<string> = new Set(["imageMessage", "videoMessage", "documentMessage"]);
const TEXTS: ReadonlySet<string> = new Set(["conversation", "extendedTextMessage"]);

/**
 * Another text, or caption, for a message of the number's own, which stays the answer that it was. One that the worker does
 * not know is taken for a text.
 *
 * @throws {Unsendable} `unknown_message`, `not_own_message` or `not_editable`
 */
export async function editMessage(
  command: Message<"EDIT">,
  context: ComposeContext,
): Promise<proto.IMessage> {
  const { to, target } = command;
  const { key, known } = await targetIn(to, target, context);
  if (!key.fromMe) {
    throw new Unsendable({
      code: "not_own_message",
      error: `Cannot edit message '${target.messageId}' as somebody else wrote it`,
      retryable: false,
    });
  }
  const { text, contextInfo } = await inContext(command, command.content, context);
  return proto.Message.fromObject({
    protocolMessage: {
      key,
      type: proto.Message.ProtocolMessage.Type.MESSAGE_EDIT,
      editedMessage: edited(target.messageId, known?.message, text, contextInfo),
      timestampMs: context.now(),
    },
  });
}

function edited(
  messageId: string,
  original: proto.IMessage | undefined,
  text: string,
  contextInfo: proto.IContextInfo | null,
): proto.IMessage {
  const content = partOf(original);
  if (content === undefined) return { extendedTextMessage: { text, contextInfo } };
  const { kind, part } = content;
  const answer = typeof part === "string" ? null : part.contextInfo;
  const context = answer ? { ...answer, mentionedJid: [], ...contextInfo } : contextInfo;
  if (TEXTS.has(kind)) return { extendedTextMessage: { text, contextInfo: context } };
  if (!CAPTIONED.has(kind) || typeof part === "string") {
    throw new Unsendable({
      code: "not_editable",
      error:
        `Cannot edit message '${messageId}': only texts and the captions of pictures, videos and documents ` +
        "can be edited, by the id they were sent with",
      retryable: false,
    });
  }
  return { [kind]: { ...part, caption: text, contextInfo: context } };
}
