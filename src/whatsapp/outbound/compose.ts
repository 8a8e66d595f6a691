import { randomBytes } from "node:crypto";
import type { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../contract/messages.ts";
import type { ComposeContext, Composition } from "./composition.ts";
import { contactMessage } from "./contact.ts";
import { deleteMessage } from "./delete.ts";
import { editMessage } from "./edit.ts";
import { forwardMessage } from "./forward.ts";
import { locationMessage } from "./location.ts";
import { mediaMessage } from "./media.ts";
import { pollMessage } from "./poll.ts";
import { reactionMessage } from "./reaction.ts";
import { textMessage } from "./text.ts";

const SECRET_BYTES = 32;

/**
 * Makes the message that a command asks for.
 *
 * @throws {Unsendable} when it cannot be made
 */
export async function compose(command: Message, context: ComposeContext): Promise<Composition> {
  const { message, ...more } = await composed(command, context);
  return { message: withSecret(message), ...more };
}

async function composed(command: Message, context: ComposeContext): Promise<Composition> {
  switch (command.type) {
    case "TEXT":
      return await textMessage(command, context);
    case "LOCATION":
      return { message: await locationMessage(command, context) };
    case "CONTACT":
      return { message: await contactMessage(command, context) };
    case "REACTION":
      return { message: await reactionMessage(command, context) };
    case "POLL":
      return { message: await pollMessage(command, context) };
    case "EDIT":
      return { message: await editMessage(command, context) };
    case "DELETE":
      return { message: await deleteMessage(command, context) };
    case "FORWARD":
      return { message: await forwardMessage(command, context) };
    case "IMAGE":
    case "VIDEO":
    case "AUDIO":
    case "DOCUMENT":
    case "STICKER":
      return await mediaMessage(command, context);
  }
}

/**
 * With the secret that what others add to a message later is encrypted with (votes, comments), and by which WhatsApp knows
 * a message that is reported to it. It is the same on every attempt, as the message is.
 */
function withSecret(message: proto.IMessage): proto.IMessage {
  if (message.reactionMessage) return message;
  return { ...message, messageContextInfo: { messageSecret: randomBytes(SECRET_BYTES) } };
}
