import { Buffer } from "node:buffer";
import { MediaFailure } from "./failure.ts";

/** Characters decoded at once: four make three bytes. */
const PIECE_CHARACTERS = 64 * 1024;
const SHAPE = /^[A-Za-z0-9+/_\s-]*(?:=\s*){0,2}$/;

/**
 * Decodes base64 piece by piece, so that a large medium is not held a second time. Both alphabets are taken, with padding or
 * without, and blanks anywhere.
 *
 * @param what the text is, for the refusal
 * @throws {MediaFailure} when it is no base64
 */
export function* decodeBase64(text: string, what: string): Generator<Uint8Array, void> {
  if (!SHAPE.test(text)) throw invalid(what);
  // Characters that do not fill a group of four yet.
  let rest = "";
  for (let at = 0; at < text.length; at += PIECE_CHARACTERS) {
    const known = rest + text.slice(at, at + PIECE_CHARACTERS).replace(/[\s=]+/g, "");
    const end = known.length - known.length % 4;
    rest = known.slice(end);
    if (end > 0) yield Buffer.from(known.slice(0, end), "base64");
  }
  if (rest.length === 1) throw invalid(what);
  if (rest.length > 0) yield Buffer.from(rest, "base64");
}

function invalid(what: string): MediaFailure {
  return new MediaFailure("media_invalid", `Cannot send the medium as its ${what} holds no complete base64`);
}
