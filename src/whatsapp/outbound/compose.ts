import { randomBytes } from "node:crypto";
import type { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../contract/messages.ts";
import { StoreError } from "../../store/store_error.ts";

import type { ComposeContext, Composition } from "./composition.ts";
import { type SendFailure, Unsendable } from "./failures.ts";
import { contactMessage } from "./kinds/contact.ts";
import { deleteMessage } from "./kinds/delete.ts";
import { editMessage } from "./kinds/edit.ts";
import { forwardMessage } from "./kinds/forward.ts";
import { locationMessage } from "./kinds/location.ts";
import { mediaMessage } from "./kinds/media.ts";
import { pollMessage } from "./kinds/poll.ts";
import { reactionMessage } from "./kinds/reaction.ts";
import { textMessage } from "./kinds/text.ts";

const SECRET_BYTES = 32;

/**
 * Makes the message that a command asks for.
 *
 * @throws {Unsendable} when it cannot be made
 * @throws {StoreError} when the disk fails; what the signal was aborted with
 */
export async function compose(command: Message, context: ComposeContext): Promise<Composition> {
  try {
    const { message, ...more } = await composed(command, context);
    return { message: withSecret(message), ...more };
  } catch (error) {
    if (error instanceof Unsendable || error instanceof StoreError || context.signal.aborted) throw error;
    context.log.error({ err: error, type: command.type }, "a message could not be made");
    throw new Unsendable(NOT_MADE);
  }
}

/** The backend is told, too: it would wait for an answer that never comes. */
const NOT_MADE: SendFailure = {
  code: "not_sent",
  error: "Cannot send the message as it could not be made: the worker's log says why",
  retryable: true,
};

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
