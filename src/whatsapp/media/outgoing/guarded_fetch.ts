import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { LookupAddress } from "node:dns";
import type { AddressGuard } from "./address_guard.ts";
import { whenAborted } from "../../../waiting.ts";
import { MediaFailure, tooLarge } from "./failure.ts";
import { webRequest } from "../web_request.ts";

const MAX_REDIRECTS = 5;
const REDIRECTS: readonly (number | undefined)[] = [301, 302, 303, 307, 308];
/** Refusals that pass, beside 5xx: too slow, too early, too often. */
const PASSING: readonly (number | undefined)[] = [408, 425, 429];
/** How long a host may send nothing. */
const STALL_MS = 30_000;

/** A host of the operator's own, that is asked with a key and may be at a private address. */
export interface TrustedOrigin {
  /** As `URL.origin`. */
  readonly origin: string;
  /** Shown to that origin alone, and never again once it has sent the request elsewhere. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Options of {@link guardedFetch}. */
export interface GuardedFetchOptions {
  readonly guard: AddressGuard;
  readonly maxBytes: number;
  /** How long all of it may take, from the first look-up to the last byte. */
  readonly timeoutMs: number;
  /** How long its host may send nothing. @default 30 s */
  readonly stallMs?: number;
  /** Set when the URL is one of that origin's own. */
  readonly trusted?: TrustedOrigin | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** An answer whose body is still to come. It holds a connection until it is disposed of. */
export interface GuardedResponse extends Disposable {
  /** Where it came from in the end. */
  readonly url: URL;
  /** As its host wrote it. */
  readonly contentType: string | undefined;
  /**
   * Its bytes, once, as they come. Throws {@link MediaFailure} when they are too many or do not all come, and what the signal
   * was aborted with.
   */
  readonly body: AsyncGenerator<Uint8Array, void>;
}

/**
 * Asks for what whoever can publish a message has named: with GET, over http or https, at addresses that the guard lets
 * pass, each time it is redirected anew. No proxy is used: it would look the name up again, behind the guard's back.
 *
 * @throws {MediaFailure} when it cannot be had; what `signal` was aborted with
 */
export async function guardedFetch(url: URL, options: GuardedFetchOptions): Promise<GuardedResponse> {
  const { maxBytes, timeoutMs, stallMs = STALL_MS } = options;
  const deadline = deadlineOf(options.signal, timeoutMs);
  try {
    const [response, at] = await follow(url, options, { stallMs, deadline });
    const dispose = () => {
      response.destroy();
      deadline.end();
    };
    try {
      checkHead(response, at, maxBytes);
    } catch (error) {
      dispose();
      throw error;
    }
    return {
      url: at,
      contentType: response.headers["content-type"],
      body: bodyOf(response, at, { maxBytes, stallMs, deadline }),
      [Symbol.dispose]: dispose,
    };
  } catch (error) {
    deadline.end();
    throw error;
  }
}

/** How long may be waited: for all of it, and for the next sign of life. */
interface Patience {
  readonly stallMs: number;
  readonly deadline: Deadline;
}

/** Asks, and asks again where it is sent on to. @returns the first other answer, and where it came from */
async function follow(
  url: URL,
  { guard, trusted, headers }: GuardedFetchOptions,
  patience: Patience,
): Promise<[IncomingMessage, URL]> {
  let at = url;
  let own = trusted;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    if (own?.origin !== at.origin) own = undefined;
    const { signal } = patience.deadline;
    let addresses: readonly LookupAddress[];
    try {
      addresses = await guard.addressesOf(at, { trusted: own !== undefined, signal });
    } catch (error) {
      throw patience.deadline.meaning(error, at);
    }
    const response = await ask(at, addresses, { ...headers, ...own?.headers }, patience);
    const { location } = response.headers;
    if (location === undefined || !REDIRECTS.includes(response.statusCode)) return [response, at];
    response.destroy();
    if (!URL.canParse(location, at)) throw failed(at, "sends on to what is no URL");
    at = new URL(location, at);
  }
  throw failed(at, `is redirected to more than ${MAX_REDIRECTS} times`);
}

/** The end of all waiting: a signal that says so, and what is to be thrown then. */
interface Deadline {
  readonly signal: AbortSignal;
  /** What `error` means at `url`: the caller's own wish to end, the time that is up, or itself. */
  readonly meaning: (error: unknown, url: URL) => unknown;
  readonly end: () => void;
}

function deadlineOf(signal: AbortSignal, timeoutMs: number): Deadline {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), timeoutMs);
  return {
    signal: AbortSignal.any([signal, over.signal]),
    meaning(error, url) {
      if (signal.aborted) return signal.reason;
      if (over.signal.aborted) {
        return failed(url, `did not answer in full within ${timeoutMs} ms (MEDIA_TIMEOUT)`, {
          retryable: true,
        });
      }
      return error;
    },
    end: () => clearTimeout(timer),
  };
}

async function ask(
  url: URL,
  addresses: readonly LookupAddress[],
  headers: Readonly<Record<string, string>>,
  patience: Patience,
): Promise<IncomingMessage> {
  const request = webRequest(url, {
    // What was checked is what is connected to; name and certificate stay those of the host.
    lookup: (_hostname, { all }, callback) => {
      const [{ address, family } = { address: "", family: 0 }] = addresses;
      return all ? callback(null, [...addresses]) : callback(null, address, family);
    },
    // Whatever is packed would be unpacked to any size.
    headers: { "accept-encoding": "identity", "user-agent": "whatsapp-worker", ...headers },
  });
  // One that is given up may still fail, when nobody waits for it any more.
  request.on("error", () => {});
  try {
    const answered = once(request, "response");
    request.end();
    const [response] = await within(answered, url, patience) as [IncomingMessage];
    response.on("error", () => {});
    return response;
  } catch (error) {
    request.destroy();
    throw error;
  }
}

function checkHead({ statusCode = 0, headers }: IncomingMessage, url: URL, maxBytes: number): void {
  if (statusCode === 404 || statusCode === 410) {
    throw new MediaFailure(
      "media_not_found",
      `Cannot fetch the medium: '${url.host}' does not have it (HTTP ${statusCode})`,
    );
  }
  if (statusCode !== 200) {
    const retryable = statusCode >= 500 || PASSING.includes(statusCode);
    throw failed(url, `answers with HTTP ${statusCode}`, { retryable });
  }
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    throw failed(url, "sends it compressed, which was not asked for");
  }
  if (Number(headers["content-length"]) > maxBytes) throw tooLarge(maxBytes);
}

async function* bodyOf(
  response: IncomingMessage,
  url: URL,
  { maxBytes, ...patience }: Patience & { readonly maxBytes: number },
): AsyncGenerator<Uint8Array, void> {
  const parts: AsyncIterator<Uint8Array> = response[Symbol.asyncIterator]();
  const { "content-length": declared } = response.headers;
  let received = 0;
  for (;;) {
    const { done, value } = await within(parts.next(), url, patience);
    if (done) break;
    received += value.length;
    if (received > maxBytes) throw tooLarge(maxBytes);
    yield value;
  }
  if (!response.complete || (declared !== undefined && received !== Number(declared))) {
    throw failed(url, "broke off in the middle", { retryable: true });
  }
}

/** What `work` resolves to, unless the patience ends before. */
async function within<T>(work: Promise<T>, url: URL, { stallMs, deadline }: Patience): Promise<T> {
  const settled = new AbortController();
  const stalled = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    stalled.reject(failed(url, `sent nothing for ${stallMs} ms`, { retryable: true }));
  }, stallMs);
  const aborted = whenAborted(deadline.signal, settled.signal).then(() => {
    throw new Error("The deadline has passed");
  });
  // Whichever comes second has nobody left to tell.
  aborted.catch(() => {});
  try {
    return await Promise.race([work, stalled.promise, aborted]);
  } catch (error) {
    throw deadline.meaning(error instanceof MediaFailure ? error : unreachable(url, error), url);
  } finally {
    clearTimeout(timer);
    settled.abort();
  }
}

/** Says no more than the kind of fault: messages of the network name addresses. */
function unreachable(url: URL, cause: unknown): MediaFailure {
  const code = (cause as { code?: unknown })?.code;
  const kind = typeof code === "string" && /^[A-Z][A-Z0-9_]+$/.test(code) ? ` (${code})` : "";
  const [, what] = CERTIFICATES.find(([pattern]) => pattern.test(kind)) ?? [];
  return failed(
    url,
    what === undefined ? `cannot be reached, or broke off${kind}` : what.replace("#", kind),
    {
      retryable: true,
      cause,
    },
  );
}

/** What is wrong with a certificate, by the network's code for it, which stands for `#`. */
const CERTIFICATES: readonly (readonly [RegExp, string])[] = [
  [/ALTNAME_INVALID/, "shows a certificate for another name#"],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID/, "shows a certificate that is not valid today#"],
  [
    /SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET_ISSUER)|CERT_UNTRUSTED|UNKNOWN_CA/,
    "shows a certificate from an authority that the worker does not trust#: if it is your own, name its file in " +
    "DENO_CERT in the worker's environment",
  ],
];

function failed(
  url: URL,
  what: string,
  options: { retryable?: boolean; cause?: unknown } = {},
): MediaFailure {
  return new MediaFailure("media_fetch_failed", `Cannot fetch the medium: '${url.host}' ${what}`, options);
}
