import { Buffer } from "node:buffer";
import { imageSize } from "image-size";
import { parseWebStream } from "music-metadata";
import { type Dimensions, Mp4Reader } from "./mp4_facts.ts";

/** How much of a sound is listened to. */
const LISTENED_BYTES = 16 * 1024 * 1024;

/** How large a picture is shown, when its first bytes say so. */
export function dimensionsOf(head: Uint8Array): Dimensions | undefined {
  try {
    const { width, height, orientation = 1 } = imageSize(head);
    // Cameras that were held upright note that in the picture, and clients turn it.
    return orientation < 5 ? { width, height } : { width: height, height: width };
  } catch {
    // Cut off before it says so, or damaged: it is sent as it is.
    return undefined;
  }
}

/** Whether a WebP picture moves (its `VP8X` header). */
export function isAnimatedWebp(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(12, 16)).toString("latin1") === "VP8X" && ((head[20] ?? 0) & 0x02) !== 0;
}

/** What was learnt of a sound or video. */
export interface PlayingFacts {
  /** How long it plays. */
  readonly seconds?: number | undefined;
  readonly dimensions?: Dimensions | undefined;
}

/** Learns of a sound or video what it can while that passes. */
export interface PlayingProbe extends AsyncDisposable {
  /** Looks at the next piece. Resolves when it is not needed any more. */
  take(piece: Uint8Array): Promise<void>;
  /** All has passed. */
  end(): Promise<PlayingFacts>;
}

/** Types that are MP4 files by another name too. */
const MP4 = /^(?:video|audio)\/(?:mp4|3gpp2?|quicktime)/;

/** The probe for a type of sound or video. */
export function playingProbe(mimeType: string): PlayingProbe {
  if (!MP4.test(mimeType)) return new SoundProbe(mimeType);
  const reader = new Mp4Reader();
  return {
    take: (piece) => Promise.resolve(reader.take(piece)),
    end: () => Promise.resolve(reader),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Listens to a sound for how long it plays, unless it is very long. */
class SoundProbe implements PlayingProbe {
  readonly #input = new TransformStream<Uint8Array, Uint8Array>();
  readonly #writer = this.#input.writable.getWriter();
  readonly #parsed: Promise<void>;
  #listening = true;
  #bytes = 0;
  #seconds: number | undefined;

  constructor(mimeType: string) {
    this.#parsed = this.#parse(mimeType);
  }

  async take(piece: Uint8Array): Promise<void> {
    if (!this.#listening) return;
    this.#bytes += piece.length;
    if (this.#bytes > LISTENED_BYTES) return await this.#stop();
    await Promise.race([this.#writer.write(piece).catch(() => {}), this.#parsed]);
  }

  async end(): Promise<PlayingFacts> {
    if (this.#listening) await Promise.race([this.#writer.close().catch(() => {}), this.#parsed]);
    await this.#parsed;
    return { seconds: this.#seconds };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #stop(): Promise<void> {
    this.#listening = false;
    await this.#writer.abort().catch(() => {});
    await this.#parsed;
  }

  async #parse(mimeType: string): Promise<void> {
    try {
      const { format: { duration } } = await parseWebStream(this.#input.readable, { mimeType }, {
        duration: true,
        skipCovers: true,
      });
      if (this.#listening && Number.isFinite(duration)) this.#seconds = duration;
    } catch {
      // Damaged, given up, or of a kind that is not known: then it is sent without.
    }
    this.#listening = false;
    await this.#input.readable.cancel().catch(() => {});
  }
}
