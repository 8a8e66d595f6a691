import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { MediaType } from "@whiskeysockets/baileys";
import type { MediaSeal } from "../cipher.ts";
import { MediaFailure } from "./failure.ts";
import {
  dimensionsOf,
  isAnimatedWebp,
  type PlayingFacts,
  type PlayingProbe,
  playingProbe,
} from "./media_facts.ts";
import { type MediaKind, type MediaTyping, typeOf } from "./media_type.ts";
import { type MediaOrigin, MediaSources, type MediaSourcesOptions } from "./source.ts";
import { type StagedMedium, Staging } from "./staging.ts";
import { type MediaConnection, type UploadedMedium, uploadMedium } from "./upload.ts";

/** How much of a medium is looked at before it passes on: pictures have their size behind what cameras note. */
const HEAD_BYTES = 64 * 1024;

const TYPE_OF_KIND: Readonly<Record<MediaKind, MediaType>> = {
  IMAGE: "image",
  VIDEO: "video",
  AUDIO: "audio",
  DOCUMENT: "document",
  STICKER: "sticker",
};

/** Options of {@link OutgoingMedia}. */
export interface OutgoingMediaOptions extends MediaSourcesOptions {
  /** The worker's state. */
  readonly sessionDir: string;
  /** Of WhatsApp's server. */
  readonly webUrl: string;
}

/** A medium to be sent. */
export interface OutgoingMedium extends MediaOrigin {
  readonly kind: MediaKind;
  /** What it is said to be. @default what its URL or its host says */
  readonly mimeType?: string;
  /** The name it is to have. */
  readonly fileName?: string | undefined;
}

/** What sends a medium needs of its number and its command. */
export interface SendingContext {
  /** Asks WhatsApp's server for its media hosts, again when `force` is set. */
  readonly connection: (force: boolean) => Promise<MediaConnection>;
  readonly signal: AbortSignal;
}

/** A medium that WhatsApp has. */
export interface SentMedium extends MediaSeal, UploadedMedium, MediaTyping, PlayingFacts {
  /** The last part of its URL's path, if there is one. */
  readonly fileName: string | undefined;
  /** A sticker that moves. */
  readonly isAnimated: boolean;
}

/** Brings media to WhatsApp, from wherever they are. */
export class OutgoingMedia {
  readonly #options: OutgoingMediaOptions;
  readonly #sources: MediaSources;
  readonly #staging: Staging;

  constructor(options: OutgoingMediaOptions) {
    this.#options = options;
    this.#sources = new MediaSources(options);
    this.#staging = new Staging(join(options.sessionDir, "media", "outgoing"));
  }

  /** Removes what a worker that was killed has left. */
  async clear(): Promise<void> {
    await this.#staging.clear();
  }

  /**
   * Fetches a medium, sees what it is, encrypts it and uploads it. It passes through a file, so that little of it is in
   * memory at a time.
   *
   * @throws {MediaFailure} when that cannot be done; what the signal was aborted with
   */
  async send(medium: OutgoingMedium, { connection, signal }: SendingContext): Promise<SentMedium> {
    const { kind } = medium;
    using source = await this.#sources.open(medium, signal);
    const [head, body] = await withHead(source.body);
    if (head.length === 0) {
      throw new MediaFailure("media_empty", "Cannot send a medium without a single byte");
    }
    const typing = await typeOf(head, kind, {
      declared: medium.mimeType ?? source.declaredMimeType,
      fileName: medium.fileName ?? source.fileName,
    });
    const playing = /^(?:audio|video)\//.test(typing.mimeType) && kind !== "DOCUMENT";
    await using probe = playing ? playingProbe(typing.mimeType) : undefined;
    await using staged: StagedMedium = await this.#staging.stage(
      passing(body, probe, signal),
      TYPE_OF_KIND[kind],
    );
    // What is here now need not keep its host waiting until it is there.
    source[Symbol.dispose]();
    const { webUrl, timeoutMs } = this.#options;
    const uploaded = await uploadMedium(staged, TYPE_OF_KIND[kind], {
      connection,
      webUrl,
      timeoutMs,
      signal,
    });
    return {
      ...staged.seal,
      ...uploaded,
      ...typing,
      fileName: source.fileName,
      ...(typing.mimeType.startsWith("image/") ? { dimensions: dimensionsOf(head) } : await probe?.end()),
      isAnimated: kind === "STICKER" && isAnimatedWebp(head),
    };
  }
}

/** The first bytes, and all of them. */
async function withHead(pieces: AsyncIterable<Uint8Array>): Promise<[Uint8Array, AsyncIterable<Uint8Array>]> {
  const rest = pieces[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  for (let bytes = 0; bytes < HEAD_BYTES;) {
    const { done, value } = await rest.next();
    if (done) break;
    first.push(value);
    bytes += value.length;
  }
  const all = async function* () {
    yield* first.splice(0);
    for (let part = await rest.next(); !part.done; part = await rest.next()) yield part.value;
  };
  return [Buffer.concat(first).subarray(0, HEAD_BYTES), all()];
}

async function* passing(
  pieces: AsyncIterable<Uint8Array>,
  probe: PlayingProbe | undefined,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  for await (const piece of pieces) {
    signal.throwIfAborted();
    await probe?.take(piece);
    yield piece;
  }
}
