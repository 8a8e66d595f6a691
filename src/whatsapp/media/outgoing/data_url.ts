import { Buffer } from "node:buffer";
import { decodeBase64 } from "./base64.ts";
import { MediaFailure } from "./failure.ts";

const HEAD = /^data:([^,;]*)((?:;[^,;]*)*),/i;
/** No head is longer: what comes after it may be very long. */
const HEAD_CHARACTERS = 1024;

/** What a `data:` URL holds. */
export interface DataUrl {
  /** The MIME type it names, with its parameters. */
  readonly mimeType: string | undefined;
  /** Its bytes, once. Throws {@link MediaFailure} when they are not written as the URL says. */
  readonly body: Iterable<Uint8Array>;
}

/**
 * Reads a `data:` URL (RFC 2397).
 *
 * @throws {MediaFailure} when it is none
 */
export function readDataUrl(url: string): DataUrl {
  const head = HEAD.exec(url.slice(0, HEAD_CHARACTERS));
  if (head === null) {
    throw new MediaFailure("media_invalid", "Cannot send the medium as its data: URL has no comma");
  }
  const [start, type = "", parameters = ""] = head;
  const isBase64 = /;\s*base64\s*$/i.test(parameters);
  const written = parameters.replace(/;\s*base64\s*$/i, "");
  const payload = url.slice(start.length);
  return {
    mimeType: type === "" ? undefined : type + written,
    body: isBase64 ? decodeBase64(plain(payload), "data: URL") : percentDecoded(payload),
  };
}

/** Base64 in which characters may have been written as URLs write them. */
function plain(payload: string): string {
  return payload.includes("%")
    ? payload.replace(/%([0-7][0-9a-f])/gi, (_, code: string) => String.fromCharCode(parseInt(code, 16)))
    : payload;
}

function* percentDecoded(payload: string): Generator<Uint8Array, void> {
  for (const [part] of payload.matchAll(/(?:%[0-9a-f]{2}){1,16384}|[^%]{1,65536}|%/giu)) {
    const isEscaped = part.length > 1 && part.startsWith("%");
    yield isEscaped ? Buffer.from(part.replaceAll("%", ""), "hex") : Buffer.from(part);
  }
}
