/**
 * The fields of what the worker tells the backend.
 *
 * @module
 */

import * as z from "zod";
import { type Id, isRowId } from "./ids.ts";

/** The id of a number, with every digit. */
export const rowId = z.custom<Id>(isRowId, "must be the number's id with every digit").meta({
  type: ["integer", "string"],
  description: "Your id of the number, as you wrote it",
});
/** An id of the backend's. */
export const echoedId = z.union([z.string().min(1), z.int(), z.bigint()]).describe("As you wrote it");
/** A stable word. */
export const word = z.string().regex(/^[A-Za-z0-9_-]+$/, "must be one word");
/** Text for a person. */
export const sentence = z.string().min(1);
/** A whole number from 0. */
export const count = z.int().min(0);

// The bounds tell milliseconds from seconds: 10^11 ms is March 1973, 10^11 s is the year 5138.

/** A moment, in ms since the epoch. */
export const milliseconds = z.int().min(1e11, "must be milliseconds since the epoch")
  .describe("Milliseconds since the epoch");
/** A moment, in seconds since the epoch. */
export const seconds = z.int().min(0).max(1e11, "must be seconds since the epoch")
  .describe("Seconds since the epoch");

/** A worker's id. */
export const workerId = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "must be a worker id").describe(
  "The worker that says so",
);
/** A phone number, with `+`. */
export const e164 = z.string().regex(/^\+[1-9]\d{6,14}$/, "must be E.164 with +").describe("E.164, with +");
/** The worker's name of a session. */
export const sessionId = z.string().regex(
  /^session_\d+_\+[1-9]\d{6,14}$/,
  "must be session_<numberId>_+<phoneNumber>",
).describe("session_<numberId>_+<phoneNumber>");
/** A LID. */
export const lid = z.string().regex(/^\d+@lid$/, "must be a LID without device").describe("A person's LID");
/** A person's JID, with device or without. */
export const userJid = z.string().regex(/^[1-9]\d{6,14}(?::\d+)?@s\.whatsapp\.net$/, "must be a user's JID");
/** Somebody or a group, in the backend's form. */
export const address = z.string().regex(
  /^[^@:\s]+@(?:c\.us|g\.us|lid|broadcast|newsletter)$/,
  "must be an address in the backend's form, without device",
).describe("...@c.us, @lid, @g.us, @broadcast or @newsletter");

/** What every event may say of whom it is about. */
export const common = {
  workerId,
  numberId: z.exactOptional(rowId),
  sessionId: z.exactOptional(sessionId),
  backendSessionId: z.exactOptional(echoedId),
};
/** What every event of a session says. */
export const ofSession = { ...common, numberId: rowId, sessionId };
/** When it happened. */
export const time = { timestamp: milliseconds.describe("When it was said, in milliseconds since the epoch") };
