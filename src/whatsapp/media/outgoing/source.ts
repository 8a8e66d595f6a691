import { AddressGuard } from "./address_guard.ts";
import { decodeBase64 } from "./base64.ts";
import { readDataUrl } from "./data_url.ts";
import { tooLarge, urlRefused } from "./failure.ts";
import { guardedFetch, type TrustedOrigin } from "./guarded_fetch.ts";

/** Where media come from. */
export interface MediaSourcesOptions {
  readonly guard: AddressGuard;
  /** What a URL without a host is relative to, as a folder. */
  readonly backendUrl: string;
  /** Shown to the backend alone; none when it is empty. */
  readonly backendKey: string;
  readonly maxBytes: number;
  /** How long it may take to fetch one. */
  readonly timeoutMs: number;
}

/** Where one medium is: a URL of any kind, or its bytes in base64. */
export interface MediaOrigin {
  readonly mediaUrl: string | null;
  readonly mediaBase64?: string;
}

/** A medium whose bytes are still to come. It may hold a connection until it is disposed of. */
export interface MediaSource extends Disposable {
  /** What whoever hands it over says that it is. */
  readonly declaredMimeType: string | undefined;
  /** The last part of its URL's path, if there is one. */
  readonly fileName: string | undefined;
  /** Its bytes, once. Throws {@link MediaFailure} when they are too many or not all there. */
  readonly body: AsyncIterable<Uint8Array>;
}

/** Finds media and hands over their bytes as they come. */
export class MediaSources {
  readonly #options: MediaSourcesOptions;

  constructor(options: MediaSourcesOptions) {
    this.#options = options;
  }

  /** @throws {MediaFailure} when it cannot be had; what `signal` was aborted with */
  async open({ mediaUrl, mediaBase64 }: MediaOrigin, signal: AbortSignal): Promise<MediaSource> {
    if (mediaBase64 !== undefined) return this.#given(decodeBase64(mediaBase64, "mediaBase64"), undefined);
    const text = (mediaUrl ?? "").trim();
    if (/^data:/i.test(text)) {
      const { body, mimeType } = readDataUrl(text);
      return this.#given(body, mimeType);
    }
    const { guard, maxBytes, timeoutMs } = this.#options;
    const { url, trusted } = this.#located(text);
    const response = await guardedFetch(url, { guard, maxBytes, timeoutMs, trusted, signal });
    return {
      declaredMimeType: response.contentType,
      fileName: fileNameOf(url),
      body: response.body,
      [Symbol.dispose]: () => response[Symbol.dispose](),
    };
  }

  #given(pieces: Iterable<Uint8Array>, declaredMimeType: string | undefined): MediaSource {
    return {
      declaredMimeType,
      fileName: undefined,
      body: upTo(pieces, this.#options.maxBytes),
      [Symbol.dispose]: () => {},
    };
  }

  #located(text: string): { url: URL; trusted?: TrustedOrigin } {
    if (/^https?:\/\//i.test(text)) {
      if (!URL.canParse(text)) throw urlRefused("is no URL");
      return { url: new URL(text) };
    }
    const { backendUrl, backendKey } = this.#options;
    const base = new URL(backendUrl.endsWith("/") ? backendUrl : `${backendUrl}/`);
    // Parsers drop control characters and take a backslash for a slash: what looks like a path would name a host.
    const isPath = !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(text) && !/[\p{Cc}\\]/u.test(text);
    const url = isPath && URL.canParse(text, base) ? new URL(text, base) : undefined;
    if (url?.origin !== base.origin) throw urlRefused("is no path relative to BACKEND_API_URL");
    const headers: TrustedOrigin["headers"] = backendKey === ""
      ? {}
      : { authorization: `Bearer ${backendKey}`, "x-api-key": backendKey };
    return { url, trusted: { origin: base.origin, headers } };
  }
}

async function* upTo(pieces: Iterable<Uint8Array>, maxBytes: number): AsyncGenerator<Uint8Array, void> {
  let bytes = 0;
  for (const piece of pieces) {
    bytes += piece.length;
    if (bytes > maxBytes) throw tooLarge(maxBytes);
    yield piece;
  }
}

function fileNameOf({ pathname }: URL): string | undefined {
  const last = pathname.slice(pathname.lastIndexOf("/") + 1);
  try {
    return decodeURIComponent(last) || undefined;
  } catch {
    // It holds a % that escapes nothing.
    return last;
  }
}
