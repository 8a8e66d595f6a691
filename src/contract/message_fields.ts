/**
 * The fields of what is sent from a number: what each may hold.
 *
 * @module
 */

import * as z from "zod";
import { person, phoneNumber, readBy, textOf, wholeNumberUpTo } from "./fields.ts";

/** The most characters of a text: WhatsApp's own limit. */
const LONGEST_TEXT = 65_536;

const trimmed = (longest: number) =>
  z.string("must be text").trim().max(longest, {
    error: `must have at most ${longest} characters`,
    abort: true,
  });

/** One line, without control characters. */
const line = (longest: number) =>
  z.string("must be text").trim().regex(
    new RegExp(`^[^\\p{Cc}\\p{Zl}\\p{Zp}]{1,${longest}}$`, "u"),
    `must be a line of at most ${longest} characters`,
  );

/** A list, to which one by itself is the same as a list of it. */
function listOf<T extends z.ZodType>(
  item: T,
  { least = 0, most, what }: { least?: number; most: number; what: string },
) {
  const many = z.array(item, `must be ${what}, or a list`)
    .min(least, `must have at least ${least}`)
    .max(most, `must have at most ${most}`);
  const one = item.transform((value) => [value as z.output<T>]);
  return z.union([many, one], `must be ${what}, or a list`);
}

const longText = z.string("must be text").max(LONGEST_TEXT, {
  error: `must have at most ${LONGEST_TEXT} characters`,
  abort: true,
});

const filledText = longText.regex(/\S/, "must not be blank");

/** The text of a message that is one. */
export const messageText = filledText.describe("The text");

const textOrNone = longText.nullable().default(null);

/** What stands below a medium; null when nothing does. */
export const caption = textOrNone.describe("The caption");

/** The name of a document, or what stands below one that has a name. */
export const documentText = textOrNone.describe("The file's name; with a fileName, the caption");

/** What a poll asks. */
export const question = filledText.describe("The question");

/** What a text becomes. */
export const newText = filledText.describe("The new text");

const notAUrl = "must be an http or https URL, a data: URL, or a path relative to BACKEND_API_URL";

/** Where a medium is; null when it is given otherwise. */
export const mediaUrl = z.string("must be text").trim().regex(
  /^(?:https?:\/\/[^\s/]|data:[^,]{0,256},|(?![a-z][a-z0-9+.-]{0,63}:|\/\/)\S)/i,
  notAUrl,
).nullable().default(null).describe(
  "Where the medium is: an http or https URL, a data: URL, or a path relative to BACKEND_API_URL, which is asked " +
    "with BACKEND_API_KEY. One of mediaUrl and mediaBase64 is needed",
);

/** Whether text is base64, of either alphabet, in one line or many. Of the length of a medium: one pass, no backtracking. */
function isBase64(text: string): boolean {
  const end = text.search(/[^A-Za-z0-9+/_-]/);
  const digits = end === -1 ? text.length : end;
  const rest = text.slice(digits);
  if (/\s/.test(rest)) return isBase64(text.replace(/\s+/g, ""));
  return /^={0,2}$/.test(rest) && digits > 0 && digits % 4 !== 1;
}

/** Bytes in base64, with the alphabet of URLs or the plain one. */
const base64 = z.string("must be base64 text").refine(isBase64, "must be base64");

/** The bytes of a medium. */
export const mediaBase64 = base64.describe("The bytes of the medium in base64, instead of mediaUrl");

/** A picture to be shown until the medium is there. */
export const thumbnail = base64.describe("A small JPEG in base64, shown until the medium is there");

/** A MIME type, with parameters or without. */
export const mimeType = trimmed(255).regex(
  /^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:\s*;\s*[\w!#$&^.+-]+=(?:[\w!#$&^.+-]+|"[^"\\\r\n]*"))*$/,
  "must be a MIME type such as image/png",
).describe("What the medium is said to be; its own bytes are believed more");

/** The name of a file, without a path. */
export const fileName = z.string("must be text").trim().regex(
  /^(?!\.{1,2}$)[^/\\\p{Cc}\p{Zl}\p{Zp}]{1,255}$/u,
  "must be a file's name, without a path, of at most 255 characters",
).describe("The name that the recipient sees");

const FLAGS: Readonly<Record<string, boolean>> = { true: true, false: false, 1: true, 0: false };

function flagOf(value: unknown): boolean | undefined {
  const word = typeof value === "boolean" ? String(value) : textOf(value)?.trim().toLowerCase() ?? "";
  return Object.hasOwn(FLAGS, word) ? FLAGS[word] : undefined;
}

/** True or false, also as text. */
const flag = (description: string) =>
  readBy(flagOf, "must be true or false", { type: ["boolean", "string", "integer"], description });

/** Whether a video is shown as a GIF. */
export const gif = flag("Whether it is played silently and over again, as a GIF");

/** Whether audio is a voice note. */
export const ptt = flag("Whether it is a voice note");

/** People that are mentioned; the text names each as @ and the digits of the address. */
export const mentions = listOf(person, { most: 1024, what: "somebody" }).describe(
  "People to be told that they are meant; content names each of them as @ with the digits of the address",
);

const whatsappId = z.string("must be the id of a message").trim().regex(
  /^[\w.:=-]{1,128}$/,
  "must be WhatsApp's id of a message",
).describe(
  "WhatsApp's id of the message: messageId of one that came in, whatsappMessageId of one that was sent",
);

const fullReference = z.object({
  messageId: whatsappId,
  fromMe: z.exactOptional(
    flag("Whether the number sent it itself; of use where the worker does not know the message"),
  ),
  participant: z.exactOptional(
    person.meta({
      description: "Who wrote it, in a group; of use where the worker does not know the message",
    }),
  ),
  body: z.exactOptional(
    longText.describe("Its text, to be shown where it is answered and the worker does not know it"),
  ),
}, "must be WhatsApp's id of a message, or an object with it in messageId");

/** A message that is meant by another. */
export type MessageReference = z.output<typeof fullReference>;

/** A message by WhatsApp's id, or with what the worker would else have to know of it. */
const reference = z.union([
  fullReference,
  whatsappId.transform((messageId): MessageReference => ({ messageId })),
], "must be WhatsApp's id of a message, or an object with it in messageId");

/** The message that is answered. */
export const quoted = reference.describe("The message it answers: its WhatsApp id, or an object");

/** The message that something is done to. */
export const target = reference.describe("The message that is meant: its WhatsApp id, or an object");

/** The messages that something is done to. */
export const targets = listOf(reference, { least: 1, most: 1000, what: "WhatsApp's id of a message" })
  .describe("The messages that are meant, one or a list: their WhatsApp ids, or objects");

/** Degrees, as a number or its text, also as Java writes small ones (`5.0E-5`). */
const degrees = (limit: number, description: string) =>
  readBy(
    (value) => {
      const text = typeof value === "string" ? textOf(value)?.trim() ?? "" : "";
      const number = /^[+-]?\d{1,3}(?:\.\d{1,20})?(?:e-?\d{1,3})?$/i.test(text) ? Number(text) : value;
      return typeof number === "number" && Math.abs(number) <= limit ? number : undefined;
    },
    `must be degrees from -${limit} to ${limit}`,
    { type: ["number", "string"], minimum: -limit, maximum: limit, description },
  );

/** Degrees north. */
export const latitude = degrees(90, "Degrees north");
/** Degrees east. */
export const longitude = degrees(180, "Degrees east");

/** What is at a place. */
export const placeName = trimmed(1000).describe("What the place is called");
/** Where a place is, for people. */
export const placeAddress = trimmed(1000).describe("Its address");

const phoneNumbers = listOf(phoneNumber, { least: 1, most: 20, what: "a phone number" });

/** Somebody's card. */
export interface ContactCard {
  readonly name: string;
  /** E.164 digits without `+`. */
  readonly phoneNumbers: string[];
  readonly organization?: string;
  readonly email?: string;
}

const contactCard = z.object({
  name: line(200).describe("Who it is"),
  phoneNumber: z.exactOptional(phoneNumber),
  phoneNumbers: z.exactOptional(phoneNumbers.describe("Instead of phoneNumber: several")),
  organization: z.exactOptional(line(200).describe("Where they work")),
  email: z.exactOptional(line(200).describe("An e-mail address")),
}, "must be an object with name and phoneNumber").transform(
  ({ phoneNumber, phoneNumbers, ...card }, context): ContactCard => {
    const numbers = phoneNumbers ?? (phoneNumber === undefined ? undefined : [phoneNumber]);
    if (numbers !== undefined) return { ...card, phoneNumbers: numbers };
    context.addIssue({ code: "custom", path: ["phoneNumber"] });
    return z.NEVER;
  },
);

/** One card or several. */
export const contactCards = listOf(contactCard, {
  least: 1,
  most: 50,
  what: "an object with name and phoneNumber",
}).describe("Somebody's card, or a list of cards");

const MOST_CODE_UNITS_OF_EMOJI = 64;
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

function isEmoji(text: string): boolean {
  return text.length <= MOST_CODE_UNITS_OF_EMOJI &&
    [...segmenter.segment(text)].length === 1 &&
    /[\p{Emoji_Presentation}\p{Extended_Pictographic}\p{Regional_Indicator}\u20e3]/u.test(text);
}

/** One emoji; null takes the reaction back. */
export const emoji = z.string("must be text").trim().refine(
  isEmoji,
  "must be one emoji, or empty to take the reaction back",
).nullable().default(null).describe("One emoji; empty or absent takes the reaction back");

/** What can be chosen in a poll. */
export const pollOptions = z.array(line(100), "must be a list").min(2, "must have at least 2 options")
  .max(12, "must have at most 12 options")
  .refine((options) => new Set(options).size === options.length, "must not have an option twice")
  .describe("2 to 12 different lines of text");

/** How many options may be chosen. */
export const selectableCount = readBy(wholeNumberUpTo(12), "must be a whole number from 0 to 12", {
  type: ["integer", "string"],
  minimum: 0,
  maximum: 12,
  description: "How many options may be chosen, 1 unless given; 0 for as many as there are",
});

const shownPreview = z.object({
  title: line(300).describe("The title"),
  description: z.exactOptional(trimmed(1000).describe("What stands below the title")),
  url: z.exactOptional(
    trimmed(2048).pipe(z.url({ protocol: /^https?$/, error: "must be an http or https URL" }))
      .describe("What it leads to; by default the first link in content"),
  ),
}, "must be true, false, or an object with a title");

/** Whether a text shows what its link leads to, or what it is to show. */
export const linkPreview = z.union([
  shownPreview,
  readBy(flagOf, "must be true, false, or an object with a title", {
    type: ["boolean", "string", "integer"],
  }),
]).describe(
  "true: the page of the first link in content is asked for its title; or what is to be shown of it. No preview by default",
);
