import type { proto } from "@whiskeysockets/baileys";
import { contact, contacts } from "./kinds/cards.ts";
import * as changes from "./kinds/changes.ts";
import * as choices from "./kinds/choices.ts";
import { type Content, firstText, type ReadKind } from "./kinds/content.ts";
import * as media from "./kinds/media.ts";
import * as occasions from "./kinds/occasions.ts";
import { liveLocation, location } from "./kinds/places.ts";
import { poll, pollResult, pollVote } from "./kinds/polls.ts";

export type { Content, MediaContent, MediaMessage } from "./kinds/content.ts";

/** Of the protocol, and not of a person. */
const INTERNAL = "internal";
/** Another message is in it. */
const WRAPPER = "wrapper";
/** A person wrote it, and it has no name here. */
const UNKNOWN = "unknown";

type Kind<T> = ReadKind<T> | typeof INTERNAL | typeof WRAPPER | typeof UNKNOWN;

/** What every field of a message is. Of a field that Baileys adds the compiler says that it is missing here. */
export const KINDS: { readonly [K in keyof proto.IMessage]-?: Kind<NonNullable<proto.IMessage[K]>> } = {
  conversation: (body) => ({ type: "TEXT", body }),
  extendedTextMessage: ({ text, contextInfo }) => ({ type: "TEXT", body: text ?? "", contextInfo }),
  imageMessage: media.image,
  videoMessage: media.video,
  ptvMessage: media.videoNote,
  audioMessage: media.audio,
  documentMessage: media.document,
  stickerMessage: media.sticker,
  locationMessage: location,
  liveLocationMessage: liveLocation,
  contactMessage: contact,
  contactsArrayMessage: contacts,
  pollCreationMessage: poll,
  pollCreationMessageV2: poll,
  pollCreationMessageV3: poll,
  pollCreationMessageV5: poll,
  pollUpdateMessage: pollVote,
  pollResultSnapshotMessage: pollResult,
  pollResultSnapshotMessageV3: pollResult,
  reactionMessage: changes.reaction,
  encReactionMessage: changes.sealedReaction,
  protocolMessage: changes.protocol,
  secretEncryptedMessage: changes.sealedEdit,
  commentMessage: changes.comment,
  encCommentMessage: changes.sealedComment,
  pinInChatMessage: changes.pin,
  keepInChatMessage: changes.keep,
  buttonsResponseMessage: choices.buttonReply,
  templateButtonReplyMessage: choices.templateReply,
  listResponseMessage: choices.listReply,
  interactiveResponseMessage: choices.interactiveReply,
  buttonsMessage: choices.buttons,
  listMessage: choices.list,
  templateMessage: choices.template,
  highlyStructuredMessage: choices.structured,
  interactiveMessage: choices.interactive,
  groupInviteMessage: occasions.groupInvite,
  eventMessage: occasions.event,
  encEventResponseMessage: occasions.eventReply,
  productMessage: occasions.product,
  orderMessage: occasions.order,
  albumMessage: occasions.album,

  deviceSentMessage: WRAPPER,
  ephemeralMessage: WRAPPER,
  viewOnceMessage: WRAPPER,
  viewOnceMessageV2: WRAPPER,
  viewOnceMessageV2Extension: WRAPPER,
  documentWithCaptionMessage: WRAPPER,
  editedMessage: WRAPPER,
  associatedChildMessage: WRAPPER,
  groupMentionedMessage: WRAPPER,
  botInvokeMessage: WRAPPER,
  botTaskMessage: WRAPPER,
  botForwardedMessage: WRAPPER,
  lottieStickerMessage: WRAPPER,
  eventCoverImage: WRAPPER,
  statusMentionMessage: WRAPPER,
  groupStatusMentionMessage: WRAPPER,
  groupStatusMessage: WRAPPER,
  groupStatusMessageV2: WRAPPER,
  statusAddYours: WRAPPER,
  pollCreationOptionImageMessage: WRAPPER,
  pollCreationMessageV4: WRAPPER,
  limitSharingMessage: WRAPPER,
  questionMessage: WRAPPER,
  questionReplyMessage: WRAPPER,

  // Keys, for whoever writes into a group.
  senderKeyDistributionMessage: INTERNAL,
  fastRatchetKeySenderKeyDistributionMessage: INTERNAL,
  // What goes with every message.
  messageContextInfo: INTERNAL,
  // Calls are told by stanzas of their own; what stands in the chat repeats them, and Baileys makes some up.
  call: INTERNAL,
  callLogMesssage: INTERNAL,
  // What devices tell each other: stickers to be fetched again, and what a group has said to whoever joins it.
  stickerSyncRmrMessage: INTERNAL,
  messageHistoryBundle: INTERNAL,
  messageHistoryNotice: INTERNAL,

  chat: UNKNOWN,
  sendPaymentMessage: UNKNOWN,
  requestPaymentMessage: UNKNOWN,
  declinePaymentRequestMessage: UNKNOWN,
  cancelPaymentRequestMessage: UNKNOWN,
  paymentInviteMessage: UNKNOWN,
  invoiceMessage: UNKNOWN,
  requestPhoneNumberMessage: UNKNOWN,
  scheduledCallCreationMessage: UNKNOWN,
  scheduledCallEditMessage: UNKNOWN,
  bcallMessage: UNKNOWN,
  newsletterAdminInviteMessage: UNKNOWN,
  newsletterFollowerInviteMessageV2: UNKNOWN,
  placeholderMessage: UNKNOWN,
  stickerPackMessage: UNKNOWN,
  richResponseMessage: UNKNOWN,
  statusNotificationMessage: UNKNOWN,
  statusQuestionAnswerMessage: UNKNOWN,
  statusQuotedMessage: UNKNOWN,
  statusStickerInteractionMessage: UNKNOWN,
  questionResponseMessage: UNKNOWN,
};

type KindName = keyof typeof KINDS;

/** More wrappers than any message has. */
const DEEPEST = 8;

/** The content of a message; `undefined` when no person wrote it. */
export function contentOf(message: proto.IMessage | null | undefined): Content | undefined {
  return read(message, { viewOnce: false, ephemeral: false, depth: 0 });
}

/** What the wrappers around a message say of it. */
interface Wrapping {
  readonly viewOnce: boolean;
  readonly ephemeral: boolean;
  readonly depth: number;
}

function read(message: proto.IMessage | null | undefined, wrapping: Wrapping): Content | undefined {
  const name = message ? nameOf(message) : undefined;
  if (!message || name === undefined) return undefined;
  const kind = KINDS[name];
  if (kind === WRAPPER) return unwrapped(name, message, wrapping);
  const content = typeof kind === "function"
    ? (kind as ReadKind<unknown>)(message[name], contentOf)
    : { type: "UNKNOWN", body: wordsIn(message[name]), protoName: name };
  return content && marked(content, message, wrapping);
}

/** The first field that a person has to do with. */
function nameOf(message: proto.IMessage): KindName | undefined {
  return (Object.keys(message) as KindName[]).find((name) =>
    message[name] !== null && message[name] !== undefined && Object.hasOwn(KINDS, name) &&
    KINDS[name] !== INTERNAL
  );
}

function unwrapped(name: KindName, message: proto.IMessage, wrapping: Wrapping): Content | undefined {
  const { message: inner } = message[name] as proto.Message.IFutureProofMessage;
  // What Baileys does not know yet is lost when it is decoded.
  const isEmpty = !inner || Object.keys(inner).length === 0;
  if (isEmpty || wrapping.depth >= DEEPEST) return { type: "UNKNOWN", body: "", protoName: name };
  const { messageContextInfo } = message;
  return read(messageContextInfo ? { messageContextInfo, ...inner } : inner, {
    viewOnce: wrapping.viewOnce || name.startsWith("viewOnce"),
    ephemeral: wrapping.ephemeral || name === "ephemeralMessage",
    depth: wrapping.depth + 1,
  });
}

/** Adds what is said of a message whatever its kind. */
function marked(content: Content, { messageContextInfo }: proto.IMessage, wrapping: Wrapping): Content {
  const { contextInfo, fields } = content;
  const { expiration, isForwarded, forwardingScore } = contextInfo ?? {};
  const album = messageContextInfo?.messageAssociation?.parentMessageKey?.id;
  const marks = {
    ...(wrapping.viewOnce ? { viewOnce: true } : {}),
    ...(wrapping.ephemeral || expiration ? { ephemeral: { expiresIn: expiration || null } } : {}),
    ...(isForwarded ? { forwarded: true, forwardingScore: forwardingScore ?? 1 } : {}),
    ...(album && content.media ? { album: { messageId: album } } : {}),
  };
  return Object.keys(marks).length === 0 ? content : { ...content, fields: { ...fields, ...marks } };
}

/** What a message without a name here has to say, if it is anywhere in the fields that usually hold it. */
function wordsIn(message: unknown): string {
  const { text, caption, title, name, note, displayName, noteMessage } = message as Record<string, unknown>;
  const words = [text, caption, title, name, note, displayName].filter((value) => typeof value === "string");
  return firstText(...words, contentOf(noteMessage as proto.IMessage | undefined)?.body);
}
