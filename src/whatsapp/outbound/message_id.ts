import { createHash } from "node:crypto";
import type { SendCommand } from "../../contract/commands.ts";
import { idText } from "../../contract/ids.ts";
import { stringifyJson } from "../../contract/json.ts";

/**
 * What makes two commands the same send: number, message id, recipient, type, content and media. A command without a
 * message id is known by its AMQP `message_id`, so that a redelivery is not a second message.
 */
export function fingerprint(command: SendCommand, amqpMessageId: string): string {
  const { messageId, numberId, to, type, content, mediaUrl } = command;
  const identity = messageId === undefined ? ["amqp", amqpMessageId] : ["backend", messageId];
  return createHash("sha256")
    .update(stringifyJson([idText(numberId), ...identity, to, type, content, mediaUrl]))
    .digest("hex");
}

/** The WhatsApp id of a send: the same for every repeat, so that the contact's phone shows it once. */
export function whatsappIdOf(fingerprint: string): string {
  return "3EB0" + fingerprint.slice(0, 36).toUpperCase();
}
