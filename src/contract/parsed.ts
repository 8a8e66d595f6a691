/**
 * What every reader of the contract gives back: the value, or a worded refusal.
 *
 * @module
 */

import type { Id } from "./ids.ts";

/**
 * Why something was refused. Stable: backends and dead-letter headers carry these words.
 *
 * | code | meaning |
 * |---|---|
 * | `empty_body` | no bytes, or blanks only |
 * | `too_large` | more bytes than a command may have |
 * | `invalid_utf8` | bytes that are no UTF-8 text |
 * | `malformed_json` | text that is no JSON, or nested too deep to be a command |
 * | `invalid_command` | JSON of the wrong shape: a field missing, or with a value that cannot be |
 * | `unknown_action` | an `action` that the contract does not name |
 * | `unknown_type` | a message `type` that the contract does not name |
 */
export type RefusalCode =
  | "empty_body"
  | "too_large"
  | "invalid_utf8"
  | "malformed_json"
  | "invalid_command"
  | "unknown_action"
  | "unknown_type";

/** What could still be read of a refused message, so that the answer reaches the right row of the backend. */
export interface About {
  /** As the sender wrote it, known or not. */
  action?: string;
  /** The number that was meant. */
  numberId?: Id;
  /** The backend's id of the message to send. */
  messageId?: Id;
  /** The worker that was meant. */
  workerId?: string;
  /** The backend's own id of the session. */
  backendSessionId?: Id;
}

/** A message that was read and refused. */
export interface Refusal {
  /** Tells a refusal from a value. */
  ok: false;
  /** Why, as a stable word. */
  code: RefusalCode;
  /** The field at fault, by the name the sender used (`to`, not `recipientNumber`), less a `data.`: `contacts[1].name`. */
  field?: string;
  /** One sentence for a person. Values in it are escaped and cut, so it may be logged and shown as it is. */
  error: string;
  /** What could still be read; empty when nothing could. */
  about: About;
}

/** The outcome of reading. Readers never throw, whatever they are given. */
export type Parsed<T> = { ok: true; value: T } | Refusal;

const QUOTED_LENGTH = 60;

/**
 * Shows a foreign value inside a sentence: strings in quotes with everything invisible escaped (control characters,
 * text-direction marks, lone surrogates), cut after 60 characters; lists and objects by kind only.
 */
export function quote(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  const text = String(value);
  const short = text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}…` : text;
  if (typeof value !== "string") return short;
  return JSON.stringify(short).replace(
    /[\p{C}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}
