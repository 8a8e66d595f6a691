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
  viewOnce: z.exactOptional(flag).describe("Of IMAGE, VIDEO and AUDIO: they are to be seen once"),
  gif: z.exactOptional(flag).describe("Of VIDEO: played over and over, without sound"),
  ptv: z.exactOptional(flag).describe("Of VIDEO: recorded as a round note"),
  ptt: z.exactOptional(flag).describe("Of AUDIO: a voice note"),
  animated: z.exactOptional(flag).describe("Of STICKER: it moves"),
  location: z.exactOptional(place).describe("Of LOCATION and LIVE_LOCATION, and of an EVENT with a place"),
  contacts: z.exactOptional(z.array(z.looseObject({ name: text, phoneNumbers: z.array(text), vcard: text })))
    .describe("Of CONTACT. `phoneNumbers` are E.164 with + where the card says so"),
  reaction: z.exactOptional(z.looseObject({
    emoji: text.nullable(),
    encrypted: z.exactOptional(flag),
    target,
  })).describe("Of REACTION: `null` takes it back, or is `encrypted` with something that is not known"),
  poll: z.exactOptional(z.looseObject({ question: text, options: z.array(text), selectableCount: count }))
    .describe("Of POLL. `selectableCount` 0: as many as there are"),
  pollVote: z.exactOptional(z.looseObject({ options: z.array(text).nullable(), target })).describe(
    "Of POLL_VOTE: all that is chosen now; empty when the vote is taken back, `null` when the poll is not known",
  ),
  pollResult: z.exactOptional(z.looseObject({
    question: text,
    votes: z.array(z.looseObject({ option: text, count })),
  })).describe("Of POLL_RESULT"),
  edit: z.exactOptional(z.looseObject({
    type: text.nullable(),
    encrypted: z.exactOptional(flag),
    target,
  })).describe(
    "Of EDIT: what the message was and is; `null` when that is `encrypted` with something that is not known",
  ),
  deleted: z.exactOptional(z.looseObject({ target })).describe("Of DELETE"),
  comment: z.exactOptional(z.looseObject({ target })).describe(
    "Of a comment in a community, which has the type of its content",
  ),
  pin: z.exactOptional(z.looseObject({ pinned: z.boolean(), target })).describe("Of PIN"),
  keep: z.exactOptional(z.looseObject({ kept: z.boolean(), target })).describe(
    "Of KEEP: whether it stays although the chat forgets",
  ),
  reply: z.exactOptional(z.looseObject({
    id: text,
    text,
    parameters: z.exactOptional(z.record(z.string(), z.unknown())),
  })).describe("Of BUTTON_REPLY and LIST_REPLY. `parameters` are those of a native flow"),
  choices: z.exactOptional(z.array(choice)).describe("Of BUTTONS, LIST, TEMPLATE and INTERACTIVE"),
  invite: z.exactOptional(
    z.looseObject({ group: text.nullable(), name: text, code: text, expiresAt: moment }),
  ).describe("Of GROUP_INVITE"),
  event: z.exactOptional(z.looseObject({
    name: text,
    description: text.nullable(),
    place: text.nullable(),
    joinLink: text.nullable(),
    startsAt: moment,
    endsAt: moment,
    canceled: z.boolean(),
  })).describe("Of EVENT"),
  eventReply: z.exactOptional(z.looseObject({
    answer: z.enum(["UNKNOWN", "GOING", "NOT_GOING", "MAYBE"]).nullable(),
    guests: count,
    target,
  })).describe("Of EVENT_REPLY: `null` when the event is not known"),
  product: z.exactOptional(z.looseObject({
    id: text.nullable(),
    title: text,
    description: text.nullable(),
    ...price,
    retailerId: text.nullable(),
    url: text.nullable(),
    seller: text.nullable(),
  })).describe("Of PRODUCT"),
  order: z.exactOptional(z.looseObject({ id: text, title: text, itemCount: count, ...price })).describe(
    "Of ORDER",
  ),
  album: z.exactOptional(z.union([
    z.looseObject({ images: count, videos: count }),
    z.looseObject({ messageId: text }),
  ])).describe("Of ALBUM: what is to come; of a medium of one: `messageId` of the ALBUM"),
  call: z.exactOptional(z.looseObject({
    id: text,
    status: z.enum(["offered", "accepted", "rejected", "missed", "ended"]),
    video: z.boolean().nullable(),
    group: z.boolean().nullable(),
    groupId: z.exactOptional(text),
  })).describe("Of CALL"),
  undecryptable: z.exactOptional(z.looseObject({
    reason: z.enum(["cannot_decrypt", "no_content", "view_once"]),
  })).describe("Of UNDECRYPTABLE: why there is nothing to be read"),
  ephemeral: z.exactOptional(z.looseObject({ expiresIn: count.nullable() })).describe(
    "In a chat whose messages disappear, after so many seconds",
  ),
  forwarded: z.exactOptional(flag).describe("It was written elsewhere first"),
  forwardingScore: z.exactOptional(count).describe("How often it was passed on"),
  truncated: z.exactOptional(flag).describe(
    "It holds more than any app of WhatsApp's writes, and the rest was left out",
  ),
  mentions: z.exactOptional(z.array(z.string())).describe(
    "Who is meant, each of whom `body` names as @ with the digits of the address",
  ),
};
