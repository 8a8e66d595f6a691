/**
 * JSON with every digit: ids of the backend may have 64 bits, which plain `JSON.parse` rounds.
 *
 * @module
 */

import { Buffer, isUtf8 } from "node:buffer";
import type { Parsed, Refusal, RefusalCode } from "./parsed.ts";
import { quote } from "./parsed.ts";

/** The most bytes a command may have. The longest WhatsApp text is 64 Ki characters; ten times that is no command. */
export const MAX_BODY_BYTES = 1024 * 1024;

/** The most bytes that what is sent from a number may have: as much as a broker takes unless it is told otherwise. */
export const MAX_SEND_BYTES = 16 * 1024 * 1024;

/** The most characters outside of strings: what is large is one string, and many small values would take long to parse. */
const MAX_STRUCTURE = MAX_BODY_BYTES;

const MAX_DEPTH = 64;

// Beyond 308 digits no double is finite and no id exists; converting a million of them takes half a second.
const WHOLE_NUMBER = /^-?\d{16,400}$/;

/** JSON source access (ECMAScript 2026), which TypeScript's library does not describe yet. */
interface JsonWithSource {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

const json = JSON as unknown as JsonWithSource;

/**
 * Parses JSON; whole numbers beyond ±2^53 become bigint, all others stay numbers.
 *
 * @throws {SyntaxError} as `JSON.parse` does
 * @throws {RangeError} for text nested thousands of levels deep
 */
export function parseJson(text: string): unknown {
  return json.parse(
    text,
    (_key, value, { source }) =>
      typeof value === "number" && !Number.isSafeInteger(value) && source !== undefined &&
        WHOLE_NUMBER.test(source)
        ? BigInt(source)
        : value,
  );
}

/** Writes JSON; bigint is written as a number with all its digits. The reverse of {@linkcode parseJson}. */
export function stringifyJson(value: NonNullable<unknown> | null): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => typeof item === "bigint" ? json.rawJSON(item.toString()) : item,
  );
}

/** Whether a value is a JSON object, neither list nor null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads the body of an AMQP message: a JSON object, or a JSON string that holds one (Spring's JSON converter given a
 * `String`). Content type and properties do not matter.
 *
 * Refuses `empty_body`, `too_large` (more bytes than `maxBytes`, or more than a mebibyte beside its strings),
 * `invalid_utf8`, `malformed_json` (with the position, counted in characters from 0) and `invalid_command` (JSON, but no
 * object).
 */
export function decodeBody(bytes: Uint8Array, maxBytes = MAX_BODY_BYTES): Parsed<Record<string, unknown>> {
  if (bytes.byteLength > maxBytes) {
    return refuse("too_large", `it has ${bytes.byteLength} bytes, more than ${maxBytes}`);
  }
  if (!isUtf8(bytes)) return refuse("invalid_utf8", "its bytes are not UTF-8 text");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString().replace(
    /^\ufeff/,
    "",
  );
  const outer = decodeText(text, "it");
  const body = outer.ok && typeof outer.value === "string"
    ? decodeText(outer.value, "the string it holds")
    : outer;
  if (!body.ok) return body;
  if (isRecord(body.value)) return { ok: true, value: body.value };
  return refuse("invalid_command", `it must hold a JSON object: current value is ${quote(body.value)}`);
}

function decodeText(text: string, subject: string): Parsed<unknown> {
  if (text.trim() === "") return refuse("empty_body", `${subject} is empty`);
  const { depth, structure } = shapeOf(text);
  if (depth > MAX_DEPTH) {
    return refuse("malformed_json", `${subject} is nested deeper than ${MAX_DEPTH} levels`);
  }
  if (structure > MAX_STRUCTURE) {
    return refuse("too_large", `${subject} has more than ${MAX_STRUCTURE} characters beside its strings`);
  }
  try {
    return { ok: true, value: parseJson(text) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return refuse("malformed_json", `${subject} is not JSON ${describeSyntaxError(text, error.message)}`);
  }
}

function refuse(code: RefusalCode, reason: string): Refusal {
  return { ok: false, code, error: `Cannot read the body as ${reason}`, about: {} };
}

/**
 * How deep JSON text is nested, and how many characters it has outside of strings; no further than either is too much.
 * What is too deep must not be parsed: reviving recurses, and the search for a fault's position would take seconds.
 */
function shapeOf(text: string): { depth: number; structure: number } {
  let deepest = 0;
  let depth = 0;
  let structure = 0;
  for (let index = 0; index < text.length; index++) {
    const character = text[index];
    structure++;
    if (character === '"') index = endOfString(text, index);
    else if (character === "[" || character === "{") deepest = Math.max(deepest, ++depth);
    else if (character === "]" || character === "}") depth--;
    if (deepest > MAX_DEPTH || structure > MAX_STRUCTURE) break;
  }
  return { depth: deepest, structure };
}

/** The position of the quote that ends a string, or the end of the text. */
function endOfString(text: string, start: number): number {
  let end = start;
  do {
    end = text.indexOf('"', end + 1);
    if (end === -1) return text.length;
  } while (isEscaped(text, end));
  return end;
}

function isEscaped(text: string, position: number): boolean {
  let first = position;
  while (text[first - 1] === "\\") first--;
  return (position - first) % 2 === 1;
}

function describeSyntaxError(text: string, message: string): string {
  const [, reason, stated] = /^(.*?)(?: in JSON)? at position (\d+)/s.exec(message) ?? [];
  if (reason !== undefined) return `at position ${stated}: ${reason}`;
  if (!isUnexpectedToken(message)) return `at position ${text.length}: it ends too early`;
  if (text.length > MAX_BODY_BYTES) return `(${quote(message)})`;
  const position = findUnexpectedToken(text);
  return `at position ${position}: Unexpected ${quote(text.slice(position, position + 10))}`;
}

// For an unexpected token V8 quotes the text but states no position. Any prefix of the text that stops before the
// token fails for another reason (it ends too early), any longer one fails for the token.
function findUnexpectedToken(text: string): number {
  let low = 0;
  let high = text.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isUnexpectedToken(syntaxErrorOf(text.slice(0, middle + 1)))) high = middle;
    else low = middle + 1;
  }
  return low;
}

function isUnexpectedToken(message: string): boolean {
  return message.startsWith("Unexpected token ");
}

function syntaxErrorOf(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
