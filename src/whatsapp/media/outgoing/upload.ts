import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createReadStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import { pipeline } from "node:stream/promises";
import { DEFAULT_ORIGIN, MEDIA_PATH_MAP, type MediaType } from "@whiskeysockets/baileys";
import * as z from "zod";
import { unlessAborted } from "../../../waiting.ts";
import { MediaFailure } from "./failure.ts";
import { mediaUrlOf, PUBLIC_HOST } from "../hosts.ts";
import type { StagedMedium } from "./staging.ts";
import { webRequest } from "../web_request.ts";

const ANSWER_BYTES = 64 * 1024;

/** The media hosts that WhatsApp's server has named, and what they want to see. */
export interface MediaConnection {
  readonly auth: string;
  readonly hosts: readonly { readonly hostname: string; readonly maxContentLengthBytes?: number }[];
}

/** Options of {@link uploadMedium}. */
export interface UploadOptions {
  /** Asks WhatsApp's server for them, again when `force` is set. */
  readonly connection: (force: boolean) => Promise<MediaConnection>;
  /** Of WhatsApp's server. */
  readonly webUrl: string;
  /** How long it may take, at all hosts together. */
  readonly timeoutMs: number;
  /** How long each host may take nothing and say nothing. @default 60 s */
  readonly stallMs?: number;
  readonly signal: AbortSignal;
}

/** Where a medium is now. */
export interface UploadedMedium {
  readonly url: string;
  readonly directPath: string;
}

/**
 * How long a host may take nothing and say nothing: there may be others. The last megabytes are on their way in the system's
 * own buffers by then, and are not seen to move.
 */
const STALL_MS = 60_000;
/** What looks like one and names another host is none. */
const directPath = z.string().regex(/^\/[^/\\]/);
const answer = z.object({ url: z.exactOptional(z.string()), direct_path: directPath });

/**
 * Hands an encrypted medium to WhatsApp: to the first of its media hosts that takes it.
 *
 * @throws {MediaFailure} when none does; what `signal` was aborted with
 */
export async function uploadMedium(
  medium: StagedMedium,
  type: MediaType,
  { connection, webUrl, timeoutMs, stallMs = STALL_MS, signal }: UploadOptions,
): Promise<UploadedMedium> {
  const ended = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const hash = Buffer.from(medium.seal.fileEncSha256).toString("base64url");
  const ask = async (force: boolean) => {
    const known = await unlessAborted(connection(force), ended);
    if (known === undefined) throw ended.reason;
    return known;
  };
  let last: unknown;
  try {
    let { hosts, auth } = await ask(false);
    let renewed = false;
    for (let at = 0; at < hosts.length; at++) {
      ended.throwIfAborted();
      const { hostname, maxContentLengthBytes: most = 0 } = hosts[at]!;
      if (most > 0 && medium.bytes > most) {
        last = tooLarge();
        continue;
      }
      const path = `${MEDIA_PATH_MAP[type]}/${hash}?auth=${encodeURIComponent(auth)}&token=${hash}`;
      try {
        const { status, body } = await post(mediaUrlOf(webUrl, hostname, path), medium, {
          stallMs,
          signal: ended,
        });
        if (status === 200) return uploaded(body);
        if (status === 413) throw tooLarge();
        last = new Error(`HTTP ${status}`);
        if ((status === 401 || status === 403) && !renewed) {
          renewed = true;
          ({ hosts, auth } = await ask(true));
          at = -1;
        }
      } catch (error) {
        if (error instanceof MediaFailure) throw error;
        last = error;
      }
    }
  } catch (error) {
    if (error instanceof MediaFailure) throw error;
    last = error;
  }
  signal.throwIfAborted();
  if (last instanceof MediaFailure) throw last;
  throw failed(last, ended.aborted ? `took longer than ${timeoutMs} ms (MEDIA_TIMEOUT)` : wordOf(last));
}

async function post(
  url: URL,
  { path, bytes }: StagedMedium,
  { stallMs, signal }: { stallMs: number; signal: AbortSignal },
) {
  const stall = new Stall(stallMs);
  const either = AbortSignal.any([signal, stall.signal]);
  const request = webRequest(url, {
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      "content-length": bytes,
      origin: DEFAULT_ORIGIN,
    },
    signal: either,
  });
  const answered = once(request, "response", { signal: either });
  const written = pipeline(createReadStream(path), (pieces) => stall.watching(pieces), request);
  // A host that has refused need not read on; what it says counts.
  written.catch(() => {});
  answered.catch(() => {});
  try {
    const [response] = await answered as [IncomingMessage];
    let body = "";
    for await (const part of stall.watching<string>(response.setEncoding("utf8"))) {
      body += part;
      if (body.length > ANSWER_BYTES) throw new Error("The answer has no end");
    }
    return { status: response.statusCode ?? 0, body };
  } catch (error) {
    throw stall.signal.aborted ? stall.signal.reason : error;
  } finally {
    request.destroy();
    await written.catch(() => {});
    stall.end();
  }
}

/** Notices that nothing moves any more. */
class Stall {
  readonly #stalled = new AbortController();
  readonly #ms: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(ms: number) {
    this.#ms = ms;
    this.#moved();
  }

  /** Aborts when nothing has moved for too long. */
  get signal(): AbortSignal {
    return this.#stalled.signal;
  }

  /** Passes on what moves. */
  async *watching<T>(pieces: AsyncIterable<T>): AsyncGenerator<T> {
    for await (const piece of pieces) {
      this.#moved();
      yield piece;
    }
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #moved(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#stalled.abort(Object.assign(new Error("The host does nothing"), { code: "ETIMEDOUT" }));
    }, this.#ms);
  }
}

function uploaded(body: string): UploadedMedium {
  const { direct_path: directPath, url = `https://${PUBLIC_HOST}${directPath}` } = answer.parse(
    JSON.parse(body),
  );
  return { url, directPath };
}

function tooLarge(): MediaFailure {
  return new MediaFailure("media_too_large", "WhatsApp's media hosts do not take a medium of this size");
}

function failed(cause: unknown, why: string): MediaFailure {
  return new MediaFailure("media_upload_failed", `WhatsApp's media hosts did not take the medium: ${why}`, {
    retryable: true,
    cause,
  });
}

function wordOf(error: unknown): string {
  if (error === undefined) return "its server named none";
  const { code, message } = error as { code?: unknown; message?: string };
  if (typeof code === "string") return code;
  return message?.startsWith("HTTP ") ? message : "their answer could not be understood";
}
