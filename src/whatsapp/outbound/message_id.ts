import { createHash } from "node:crypto";
import type { Message } from "../../contract/messages.ts";
import { idText } from "../../contract/ids.ts";
import { stringifyJson } from "../../contract/json.ts";

/** No URL of a web server is longer. */
const LONG_CHARACTERS = 64 * 1024;

/**
 * What makes two commands the same send: number, message id, recipient, type, content and media. A command without a
 * message id is known by its AMQP `message_id`, so that a redelivery is not a second message.
 */
export function fingerprint(command: Message, amqpMessageId: string): string {
  const { messageId, numberId, to, type, content, mediaUrl, ...more } = command;
  const { expiresAtMs: _expiresAtMs, priority: _priority, workerId: _workerId, ...specific } = more;
  const identity = messageId === undefined ? ["amqp", amqpMessageId] : ["backend", messageId];
  // What else makes up the content, where there is something: a plain text is known as it always was.
  const further = Object.keys(specific).length === 0 ? [] : [brief(specific)];
  return hashOf(
    stringifyJson([idText(numberId), ...identity, to, type, content, brief(mediaUrl), ...further]),
  );
}

/** A medium is known by its hash: written out once more, it would be in memory three times. */
function brief<T>(value: T): T | string {
  if (typeof value === "string") return value.length > LONG_CHARACTERS ? hashOf(value) : value;
  if (typeof value !== "object" || value === null || !("mediaBase64" in value)) return value;
  return { ...value, mediaBase64: brief(value.mediaBase64) };
}

function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The WhatsApp id of a send: the same for every repeat, so that the contact's phone shows it once. */
export function whatsappIdOf(fingerprint: string): string {
  return "3EB0" + fingerprint.slice(0, 36).toUpperCase();
}
