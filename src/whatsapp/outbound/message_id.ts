import { createHash } from "node:crypto";
import type { Message } from "../../contract/messages.ts";
import { idText } from "../../contract/ids.ts";
import { stringifyJson } from "../../contract/json.ts";

/**
 * What makes two commands the same send: number, message id, recipient, type, content and media. A command without a
 * message id is known by its AMQP `message_id`, so that a redelivery is not a second message.
 */
export function fingerprint(command: Message, amqpMessageId: string): string {
  const { messageId, numberId, to, type, content, mediaUrl, ...more } = command;
  const { expiresAtMs: _expiresAtMs, priority: _priority, workerId: _workerId, ...specific } = more;
  const identity = messageId === undefined ? ["amqp", amqpMessageId] : ["backend", messageId];
  // What else makes up the content, where there is something: a plain text is known as it always was.
  const further = Object.keys(specific).length === 0 ? [] : [specific];
  return createHash("sha256")
    .update(stringifyJson([idText(numberId), ...identity, to, type, content, mediaUrl, ...further]))
    .digest("hex");
}

/** The WhatsApp id of a send: the same for every repeat, so that the contact's phone shows it once. */
export function whatsappIdOf(fingerprint: string): string {
  return "3EB0" + fingerprint.slice(0, 36).toUpperCase();
}
