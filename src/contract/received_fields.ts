/**
 * What an event of a message tells beside its body: fields that some types have. Fields stand in the order in which they
 * are written.
 *
 * @module
 */

import * as z from "zod";

/** The types of messages that came in. */
export const RECEIVED_TYPES = [
  "TEXT",
  "IMAGE",
  "VIDEO",
  "AUDIO",
  "STICKER",
  "DOCUMENT",
  "LOCATION",
  "LIVE_LOCATION",
  "CONTACT",
  "POLL",
  "POLL_VOTE",
  "POLL_RESULT",
  "REACTION",
  "EDIT",
  "DELETE",
  "PIN",
  "KEEP",
  "BUTTON_REPLY",
  "LIST_REPLY",
  "BUTTONS",
  "LIST",
  "TEMPLATE",
  "INTERACTIVE",
  "GROUP_INVITE",
  "EVENT",
  "EVENT_REPLY",
  "PRODUCT",
  "ORDER",
  "ALBUM",
  "CALL",
  "UNDECRYPTABLE",
  "UNKNOWN",
] as const;

const text = z.string();
const flag = z.literal(true);
const count = z.int().min(0);
const moment = z.int().min(1e11, "must be milliseconds since the epoch").nullable();
const person = z.string().regex(/^\d+@(?:c\.us|lid)$/, "must be somebody's address in the backend's form");

/** A message that another is about: as `target` of a command takes it. `participant` wrote it, in a group. */
export const messageTarget = z.looseObject({
  messageId: text,
  fromMe: z.boolean(),
  participant: z.exactOptional(person),
});

const target = z.exactOptional(messageTarget);

/** A place: degrees, metres and metres a second; `live` while its sender shares where they are. */
export const place = z.looseObject({
  latitude: z.number(),
  longitude: z.number(),
  name: text.nullable(),
  address: text.nullable(),
  url: text.nullable(),
  accuracyMeters: z.number().nullable(),
  speedMetersPerSecond: z.number().nullable(),
  headingDegrees: z.number().nullable(),
  live: z.boolean(),
});

const price = { price: z.number().nullable(), currency: text.nullable() };
const choice = z.looseObject({ id: text, text });

/** The fields of some types of messages that came in; each is absent where it does not apply. */
export const receivedFields = {
  /** Of IMAGE, VIDEO and AUDIO: they are to be seen once. */
  viewOnce: z.exactOptional(flag),
  /** Of VIDEO: played over and over, without sound. */
  gif: z.exactOptional(flag),
  /** Of VIDEO: recorded as a round note. */
  ptv: z.exactOptional(flag),
  /** Of AUDIO: a voice note. */
  ptt: z.exactOptional(flag),
  /** Of STICKER: it moves. */
  animated: z.exactOptional(flag),
  /** Of LOCATION and LIVE_LOCATION, and of an EVENT with a place. */
  location: z.exactOptional(place),
  /** Of CONTACT. `phoneNumbers` are E.164 with + where the card says so. */
  contacts: z.exactOptional(z.array(z.looseObject({ name: text, phoneNumbers: z.array(text), vcard: text }))),
  /** Of REACTION: `null` takes it back, or is `encrypted` with something that is not known. */
  reaction: z.exactOptional(z.looseObject({
    emoji: text.nullable(),
    encrypted: z.exactOptional(flag),
    target,
  })),
  /** Of POLL. `selectableCount` 0: as many as there are. */
  poll: z.exactOptional(z.looseObject({ question: text, options: z.array(text), selectableCount: count })),
  /** Of POLL_VOTE: all that is chosen now; empty when the vote is taken back, `null` when the poll is not known. */
  pollVote: z.exactOptional(z.looseObject({ options: z.array(text).nullable(), target })),
  /** Of POLL_RESULT. */
  pollResult: z.exactOptional(z.looseObject({
    question: text,
    votes: z.array(z.looseObject({ option: text, count })),
  })),
  /** Of EDIT: what the message was and is; `null` when that is `encrypted` with something that is not known. */
  edit: z.exactOptional(z.looseObject({
    type: text.nullable(),
    encrypted: z.exactOptional(flag),
    target,
  })),
  /** Of DELETE. */
  deleted: z.exactOptional(z.looseObject({ target })),
  /** Of a comment in a community, which has the type of its content. */
  comment: z.exactOptional(z.looseObject({ target })),
  /** Of PIN. */
  pin: z.exactOptional(z.looseObject({ pinned: z.boolean(), target })),
  /** Of KEEP: whether it stays although the chat forgets. */
  keep: z.exactOptional(z.looseObject({ kept: z.boolean(), target })),
  /** Of BUTTON_REPLY and LIST_REPLY. `parameters` are those of a native flow. */
  reply: z.exactOptional(z.looseObject({
    id: text,
    text,
    parameters: z.exactOptional(z.record(z.string(), z.unknown())),
  })),
  /** Of BUTTONS, LIST, TEMPLATE and INTERACTIVE. */
  choices: z.exactOptional(z.array(choice)),
  /** Of GROUP_INVITE. */
  invite: z.exactOptional(
    z.looseObject({ group: text.nullable(), name: text, code: text, expiresAt: moment }),
  ),
  /** Of EVENT. */
  event: z.exactOptional(z.looseObject({
    name: text,
    description: text.nullable(),
    place: text.nullable(),
    joinLink: text.nullable(),
    startsAt: moment,
    endsAt: moment,
    canceled: z.boolean(),
  })),
  /** Of EVENT_REPLY: `null` when the event is not known. */
  eventReply: z.exactOptional(z.looseObject({
    answer: z.enum(["UNKNOWN", "GOING", "NOT_GOING", "MAYBE"]).nullable(),
    guests: count,
    target,
  })),
  /** Of PRODUCT. */
  product: z.exactOptional(z.looseObject({
    id: text.nullable(),
    title: text,
    description: text.nullable(),
    ...price,
    retailerId: text.nullable(),
    url: text.nullable(),
    seller: text.nullable(),
  })),
  /** Of ORDER. */
  order: z.exactOptional(z.looseObject({ id: text, title: text, itemCount: count, ...price })),
  /** Of ALBUM: what is to come; of a medium of one: `messageId` of the ALBUM. */
  album: z.exactOptional(z.union([
    z.looseObject({ images: count, videos: count }),
    z.looseObject({ messageId: text }),
  ])),
  /** Of CALL. */
  call: z.exactOptional(z.looseObject({
    id: text,
    status: z.enum(["offered", "accepted", "rejected", "missed", "ended"]),
    video: z.boolean().nullable(),
    group: z.boolean().nullable(),
    groupId: z.exactOptional(text),
  })),
  /** Of UNDECRYPTABLE: why there is nothing to be read. */
  undecryptable: z.exactOptional(z.looseObject({
    reason: z.enum(["cannot_decrypt", "no_content", "view_once"]),
  })),
  /** In a chat whose messages disappear, after so many seconds. */
  ephemeral: z.exactOptional(z.looseObject({ expiresIn: count.nullable() })),
  /** It was written elsewhere first; the score is how often it was passed on. */
  forwarded: z.exactOptional(flag),
  forwardingScore: z.exactOptional(count),
  /** It holds more than any app of WhatsApp's writes, and the rest was left out. */
  truncated: z.exactOptional(flag),
  /** Who is meant, each of whom `body` names as @ with the digits of the address. */
  mentions: z.exactOptional(z.array(z.string())),
};
