/**
 * The fields of what is sent from a number: what each may hold.
 *
 * @module
 */

import * as z from "zod";
import { recipientJid } from "./addresses.ts";
import { phoneNumber, readBy, textOf, wholeNumberUpTo } from "./fields.ts";
import { isRecord } from "./json.ts";

/** One instead of a list of one. */
const asList = (value: unknown) => Array.isArray(value) || value === undefined ? value : [value];

/** Text with something in it. */
export const filledText = z.string("must be text").regex(/\S/, "must not be blank");

/** Where a medium is; null when it is given otherwise. */
export const mediaUrl = z.string("must be text").regex(
  /^\s*(?:https?:\/\/|data:|(?![a-z][a-z0-9+.-]*:|\/\/)\S)/i,
  "must be an http or https URL, a data: URL, or a path relative to BACKEND_API_URL",
).nullable().default(null).describe(
  "An http or https URL, a data: URL, or a path relative to BACKEND_API_URL, which is asked with BACKEND_API_KEY",
);

/** Bytes in base64, with the alphabet of URLs or the plain one. */
export const base64 = z.string("must be base64 text").regex(
  /^(?=[\s\S])[A-Za-z0-9+/_\s-]*={0,2}\s*$/,
  "must be base64",
).describe("Bytes in base64");

/** A MIME type, with parameters or without. */
export const mimeType = z.string("must be text").regex(
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[^"\\\r\n]*"))*$/,
  "must be a MIME type such as image/png",
).describe("What the medium is said to be; its own bytes are believed more");

/** The name of a file, without a path. */
export const fileName = z.string("must be text").regex(
  /^(?!\.{1,2}$)[^/\\\p{C}\p{Zl}\p{Zp}]{1,255}$/u,
  "must be a file's name, without a path, of at most 255 characters",
).describe("The name the recipient sees; without it content is the name");

/** True or false, also as text. */
export const flag = readBy(
  (value) =>
    typeof value === "boolean"
      ? value
      : ({ true: true, false: false } as Record<string, boolean>)[String(value)],
  "must be true or false",
  { type: ["boolean", "string"] },
);

/** A person, to the JID. */
const person = readBy(
  (value) => {
    const jid = recipientJid(textOf(value) ?? "");
    return jid?.endsWith("@g.us") ? undefined : jid;
  },
  "must be a phone number in international form or a ...@s.whatsapp.net, @c.us or @lid address",
  { type: ["string", "integer"] },
);

/** People that are mentioned; the text names each as @ and the digits of the address. */
export const mentions = z.array(person, "must be a list").max(1024, "must have at most 1024 people").describe(
  "People to be told that they are meant; content names each of them as @ with the digits of the address",
);

const whatsappId = z.string("must be the id of a message").regex(
  /^[\w.:=-]{1,128}$/,
  "must be WhatsApp's id of a message",
);

/** A message by WhatsApp's id, or with what the worker would else have to know of it. */
export const reference = z.preprocess(
  (value) => typeof value === "string" ? { messageId: value } : value,
  z.object({
    messageId: whatsappId,
    fromMe: z.exactOptional(flag),
    participant: z.exactOptional(person),
    body: z.exactOptional(z.string("must be text")),
  }, "must be WhatsApp's id of a message, or an object with it in messageId"),
).describe(
  "A message: its WhatsApp id (messageId of what came in, whatsappMessageId of what was sent). For one that the worker " +
    "does not know, an object with messageId, fromMe, in a group the participant who wrote it, and body, its text",
);

/** A message that is meant by another. */
export type MessageReference = z.output<typeof reference>;

/** One message or several. */
export const references = z.preprocess(
  asList,
  z.array(reference).min(1, "must name a message").max(1000, "must name at most 1000 messages"),
).describe("Messages, one or a list, each as in target");

/** Degrees, as a number or its text. */
const degrees = (limit: number, what: string) =>
  readBy(
    (value) => {
      const number = typeof value === "string" && /^[+-]?\d{1,3}(?:\.\d{1,20})?$/.test(value)
        ? Number(value)
        : value;
      return typeof number === "number" && Math.abs(number) <= limit ? number : undefined;
    },
    `must be degrees from -${limit} to ${limit}`,
    { type: ["number", "string"], description: what },
  );

/** Degrees north. */
export const latitude = degrees(90, "Degrees north");
/** Degrees east. */
export const longitude = degrees(180, "Degrees east");

/** A short text. */
export const label = z.string("must be text").max(1000, "must have at most 1000 characters");

const oneLine = (most: number) =>
  z.string("must be text").regex(
    new RegExp(`^(?=.*\\S)[^\\p{Cc}\\p{Zl}\\p{Zp}]{1,${most}}$`, "u"),
    `must be a line of at most ${most} characters`,
  );

const contactCard = z.object({
  name: oneLine(200),
  phoneNumbers: z.array(phoneNumber, "must be a list").min(1, "must have a number").max(20),
  organization: z.exactOptional(oneLine(200)),
  email: z.exactOptional(oneLine(200)),
}, "must be an object with name and phoneNumber");

/** Somebody's card. */
export type ContactCard = z.output<typeof contactCard>;

/** A card as a backend writes it: `phoneNumber` for one number. */
const writtenCard = z.preprocess((value) => {
  if (!isRecord(value)) return value;
  const { phoneNumber, ...card } = value;
  return phoneNumber === undefined || "phoneNumbers" in card
    ? card
    : { ...card, phoneNumbers: [phoneNumber] };
}, contactCard);

/** One card or several. */
export const contactCards = z.preprocess(
  asList,
  z.array(writtenCard).min(1, "must name somebody").max(50, "must name at most 50 people"),
).describe("Cards, one or a list: name, phoneNumber or phoneNumbers, organization, email");

const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** One emoji; null takes the reaction back. */
export const emoji = z.string("must be text").refine(
  (text) =>
    [...segmenter.segment(text)].length === 1 &&
    /[\p{Emoji_Presentation}\p{Extended_Pictographic}\p{Regional_Indicator}\u20e3]/u.test(text),
  "must be one emoji, or empty to take the reaction back",
).nullable().default(null).describe("One emoji; empty or absent takes the reaction back");

/** What can be chosen in a poll. */
export const pollOptions = z.array(oneLine(100), "must be a list").min(2, "must have at least 2 options")
  .max(12, "must have at most 12 options")
  .refine((options) => new Set(options).size === options.length, "must not have an option twice")
  .describe("2 to 12 different options");

/** How many options may be chosen. */
export const selectableCount = readBy(wholeNumberUpTo(12), "must be a whole number from 0 to 12", {
  type: ["integer", "string"],
  description: "How many options may be chosen, 1 unless given; 0 for as many as there are",
});

/** Whether a text shows what its link leads to, or what it is to show. */
export const linkPreview = z.union([
  flag,
  z.object({
    title: oneLine(300),
    description: z.exactOptional(label),
    url: z.exactOptional(z.url({ protocol: /^https?$/, error: "must be an http or https URL" })),
  }),
], "must be true, false, or an object with a title").describe(
  "true: the page of the first link in content is asked for its title; or title, description and url to be shown",
);
