/**
 * What can be sent from a number: every kind of message, and what is done in its chats. One schema a kind; `docs/messages.md`
 * is written from them.
 *
 * @module
 */

import * as z from "zod";
import * as head from "./fields.ts";
import type { FieldNames } from "./fields.ts";
import * as fields from "./message_fields.ts";

/** The names of fields in a body, the preferred one first; `location.latitude` stands in an object `location`. */
export const MESSAGE_FIELDS: FieldNames = {
  messageId: ["messageId"],
  numberId: ["whatsappNumberId", "numberId"],
  to: ["recipientNumber", "to"],
  type: ["type"],
  content: ["content"],
  mediaUrl: ["mediaUrl"],
  mediaBase64: ["mediaBase64"],
  mimeType: ["mimeType", "mimetype"],
  fileName: ["fileName", "filename"],
  thumbnail: ["thumbnail"],
  gif: ["gif"],
  ptt: ["ptt"],
  mentions: ["mentions"],
  quoted: ["quoted", "quotedMessageId", "replyTo"],
  linkPreview: ["linkPreview"],
  latitude: ["latitude", "location.latitude"],
  longitude: ["longitude", "location.longitude"],
  name: ["name", "location.name"],
  address: ["address", "location.address"],
  contacts: ["contacts", "contact"],
  options: ["options"],
  selectableCount: ["selectableCount"],
  target: ["target", "targetMessageId"],
  targets: ["targets", "targetMessageIds", "target", "targetMessageId"],
  phoneNumber: ["phoneNumber", "recipientNumber", "to"],
  expiresAtMs: ["expiresAt"],
  priority: ["priority"],
  workerId: ["workerId"],
};

/** Those of them that hold lists and objects. */
export const COMPOSITE_FIELDS: ReadonlySet<string> = new Set([
  "mentions",
  "quoted",
  "linkPreview",
  "contacts",
  "options",
  "target",
  "targets",
]);

const ofNumber = {
  data: head.noData,
  messageId: z.exactOptional(head.echoedId),
  numberId: head.numberId,
};
const ofQueue = {
  expiresAtMs: z.exactOptional(head.timeMs),
  priority: z.exactOptional(head.priority),
  workerId: z.exactOptional(head.workerId),
};

/** A kind of message: what it is for, and the fields that others do not have. */
function message<const T extends string, S extends z.ZodRawShape>(type: T, description: string, specific: S) {
  return z.object({
    ...ofNumber,
    to: head.recipient,
    type: z.literal(type),
    content: head.unused,
    mediaUrl: head.unused,
    ...ofQueue,
  }).extend(specific).describe(description);
}

const reply = { mentions: z.exactOptional(fields.mentions), quoted: z.exactOptional(fields.quoted) };
const medium = {
  mediaUrl: fields.mediaUrl,
  mediaBase64: z.exactOptional(fields.mediaBase64),
  mimeType: z.exactOptional(fields.mimeType),
  ...reply,
};
const thumbnail = { thumbnail: z.exactOptional(fields.thumbnail) };
const target = { target: fields.target };

/** A medium has one source. */
function withSource<S extends z.ZodType<{ mediaUrl: string | null; mediaBase64?: string }>>(schema: S): S {
  return schema.superRefine(({ mediaUrl, mediaBase64 }, context) => {
    if (mediaUrl === null && mediaBase64 === undefined) {
      context.addIssue({ code: "custom", path: ["mediaUrl"] });
    }
    if (mediaUrl !== null && mediaBase64 !== undefined) {
      const message = "must not stand beside mediaUrl, which has the medium too";
      context.addIssue({ code: "custom", path: ["mediaBase64"], message });
    }
  });
}

/** Every kind of message that can be sent, by its type. */
export const MESSAGE_KINDS = {
  TEXT: message("TEXT", "A text", {
    content: fields.messageText,
    ...reply,
    linkPreview: z.exactOptional(fields.linkPreview),
  }),
  IMAGE: withSource(message("IMAGE", "A picture", { content: fields.caption, ...medium, ...thumbnail })),
  VIDEO: withSource(message("VIDEO", "A video, or a GIF", {
    content: fields.caption,
    ...medium,
    ...thumbnail,
    gif: z.exactOptional(fields.gif),
  })),
  AUDIO: withSource(message("AUDIO", "A piece of audio, or a voice note", {
    ...medium,
    ptt: z.exactOptional(fields.ptt),
  })),
  DOCUMENT: withSource(message("DOCUMENT", "A file of any kind", {
    content: fields.documentText,
    ...medium,
    ...thumbnail,
    fileName: z.exactOptional(fields.fileName),
  })),
  STICKER: withSource(message("STICKER", "A sticker", medium)),
  LOCATION: message("LOCATION", "A place", {
    latitude: fields.latitude,
    longitude: fields.longitude,
    name: z.exactOptional(fields.placeName),
    address: z.exactOptional(fields.placeAddress),
    ...reply,
  }),
  CONTACT: message("CONTACT", "One or several contacts", { contacts: fields.contactCards, ...reply }),
  REACTION: message("REACTION", "An emoji at a message", { content: fields.emoji, ...target }),
  POLL: message("POLL", "A question with answers to choose from", {
    content: fields.question,
    options: fields.pollOptions,
    selectableCount: z.exactOptional(fields.selectableCount),
    ...reply,
  }).superRefine(({ options, selectableCount = 1 }, context) => {
    if (selectableCount <= options.length) return;
    const message = `must be at most the number of options, which is ${options.length}`;
    context.addIssue({ code: "custom", path: ["selectableCount"], message });
  }),
  EDIT: message("EDIT", "Another text for a message that the number has sent", {
    content: fields.newText,
    ...target,
    mentions: z.exactOptional(fields.mentions),
  }),
  DELETE: message(
    "DELETE",
    "Takes a message back, for everyone: one that the number has sent, or as an admin of a group anybody's",
    target,
  ),
  FORWARD: message("FORWARD", "A message that the worker knows, to somebody else", target),
};

/** What is done in a chat: what that is, and its fields. */
function chatAction<const T extends string, S extends z.ZodRawShape>(
  type: T,
  description: string,
  specific: S,
) {
  return z.object({ ...ofNumber, type: z.literal(type), ...specific, ...ofQueue }).describe(description);
}

const inChat = { to: head.recipient };

/** Everything that can be done in a number's chats without a message, by its type. */
export const CHAT_ACTION_KINDS = {
  READ: chatAction("READ", "Marks messages that came in as read", { ...inChat, targets: fields.targets }),
  TYPING: chatAction("TYPING", "Shows that somebody is typing", inChat),
  RECORDING: chatAction("RECORDING", "Shows that somebody is recording a voice note", inChat),
  PAUSED: chatAction("PAUSED", "Shows that nobody types or records any more", inChat),
  CHECK_NUMBER: chatAction("CHECK_NUMBER", "Asks whether a phone number is on WhatsApp", {
    phoneNumber: head.phoneNumber,
  }),
  GROUP_LIST: chatAction("GROUP_LIST", "Asks which groups the number is in", {}),
  GROUP_INFO: chatAction("GROUP_INFO", "Asks about one group and who is in it", { to: head.group }),
};

/** Says what is wrong with something whose type is none of these; nothing passes it. */
export const UNKNOWN_KIND: z.ZodType<never> = z.object({
  ...ofNumber,
  to: head.recipient,
  type: head.unknownType(Object.keys({ ...MESSAGE_KINDS, ...CHAT_ACTION_KINDS })),
  ...ofQueue,
}).pipe(z.never());

/** The type of a message. */
export type MessageType = keyof typeof MESSAGE_KINDS;
/** The type of what is done in a chat. */
export type ChatActionType = keyof typeof CHAT_ACTION_KINDS;

/** The types of all messages. */
export const MESSAGE_TYPES = Object.keys(MESSAGE_KINDS) as MessageType[];
/** The types of all that is done in chats. */
export const CHAT_ACTION_TYPES = Object.keys(CHAT_ACTION_KINDS) as ChatActionType[];

/** A message of one type, or of any, read. */
export type Message<T extends MessageType = MessageType> = {
  [K in T]: z.output<(typeof MESSAGE_KINDS)[K]>;
}[T];
/** What is to be done in a chat, of one type or of any, read. */
export type ChatAction<T extends ChatActionType = ChatActionType> = {
  [K in T]: z.output<(typeof CHAT_ACTION_KINDS)[K]>;
}[T];
