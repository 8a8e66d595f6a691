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

/** A kind of message, of which `specific` are the fields that others do not have. */
function kind<const T extends string, S extends z.ZodRawShape>(type: T, specific: S) {
  return z.object({
    ...ofNumber,
    to: head.recipient,
    type: z.literal(type),
    content: head.text,
    mediaUrl: head.text,
    ...ofQueue,
  }).extend(specific);
}

const content = { content: fields.filledText };
const reply = { mentions: z.exactOptional(fields.mentions), quoted: z.exactOptional(fields.reference) };
const medium = {
  mediaUrl: fields.mediaUrl,
  mediaBase64: z.exactOptional(fields.base64),
  mimeType: z.exactOptional(fields.mimeType),
  ...reply,
};
/** A medium has one source. */
function withSource<S extends z.ZodType<{ mediaUrl: string | null; mediaBase64?: string }>>(schema: S): S {
  return schema.superRefine(({ mediaUrl, mediaBase64 }, context) => {
    if ((mediaUrl === null) !== (mediaBase64 === undefined)) return;
    const message = "must not stand beside mediaUrl, which has the medium too";
    context.addIssue({
      code: "custom",
      ...(mediaUrl === null ? { path: ["mediaUrl"] } : { path: ["mediaBase64"], message }),
    });
  });
}

const thumbnail = { thumbnail: z.exactOptional(fields.base64) };
const target = { target: fields.reference };

/** Every kind of message that can be sent, by its type. */
export const MESSAGE_KINDS = {
  TEXT: kind("TEXT", { ...content, ...reply, linkPreview: z.exactOptional(fields.linkPreview) }),
  IMAGE: withSource(kind("IMAGE", { ...medium, ...thumbnail })),
  VIDEO: withSource(kind("VIDEO", { ...medium, ...thumbnail, gif: z.exactOptional(fields.flag) })),
  AUDIO: withSource(kind("AUDIO", { ...medium, ptt: z.exactOptional(fields.flag) })),
  DOCUMENT: withSource(
    kind("DOCUMENT", { ...medium, ...thumbnail, fileName: z.exactOptional(fields.fileName) }),
  ),
  STICKER: withSource(kind("STICKER", medium)),
  LOCATION: kind("LOCATION", {
    latitude: fields.latitude,
    longitude: fields.longitude,
    name: z.exactOptional(fields.label),
    address: z.exactOptional(fields.label),
    ...reply,
  }),
  CONTACT: kind("CONTACT", { contacts: fields.contactCards, ...reply }),
  REACTION: kind("REACTION", { content: fields.emoji, ...target }),
  POLL: kind("POLL", {
    ...content,
    options: fields.pollOptions,
    selectableCount: z.exactOptional(fields.selectableCount),
    ...reply,
  }).superRefine(({ options, selectableCount = 1 }, context) => {
    if (selectableCount <= options.length) return;
    const message = `must be at most the number of options, which is ${options.length}`;
    context.addIssue({ code: "custom", path: ["selectableCount"], message });
  }),
  EDIT: kind("EDIT", { ...content, ...target, mentions: z.exactOptional(fields.mentions) }),
  DELETE: kind("DELETE", target),
  FORWARD: kind("FORWARD", target),
};

/** Says what is wrong with a message whose type is none of these; nothing passes it. */
export const UNKNOWN_KIND: z.ZodType<never> = z.object({
  ...ofNumber,
  to: head.recipient,
  type: head.unknownType(Object.keys(MESSAGE_KINDS)),
  content: head.text,
  mediaUrl: head.text,
  ...ofQueue,
}).pipe(z.never());

const inChat = { ...ofNumber, to: head.recipient };

/** Everything that can be done in a number's chats without a message, by its type. */
export const CHAT_ACTION_KINDS = {
  READ: z.object({ ...inChat, type: z.literal("READ"), targets: fields.references, ...ofQueue }),
  TYPING: z.object({ ...inChat, type: z.literal("TYPING"), ...ofQueue }),
  RECORDING: z.object({ ...inChat, type: z.literal("RECORDING"), ...ofQueue }),
  PAUSED: z.object({ ...inChat, type: z.literal("PAUSED"), ...ofQueue }),
  CHECK_NUMBER: z.object({
    ...ofNumber,
    type: z.literal("CHECK_NUMBER"),
    phoneNumber: head.phoneNumber,
    ...ofQueue,
  }),
  GROUP_LIST: z.object({ ...ofNumber, type: z.literal("GROUP_LIST"), ...ofQueue }),
  GROUP_INFO: z.object({ ...ofNumber, to: head.group, type: z.literal("GROUP_INFO"), ...ofQueue }),
};

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
