import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import type { MediaType } from "@whiskeysockets/baileys";
import { fileTypeFromBuffer } from "file-type";
import type { Announcer } from "../../../announcer.ts";
import { parseJson } from "../../../contract/json.ts";
import type { Settlement, StoredMedia } from "../../../store/media.ts";
import type { Store } from "../../../store/store.ts";
import type { Telemetry } from "../../../telemetry.ts";
import { mediaPath } from "../../inbound/medium.ts";
import type { Socket } from "../../socket/socket.ts";
import { downloadMedia } from "./download.ts";
import { mediaUrlOf, PUBLIC_HOST } from "../hosts.ts";

/** What tells the type of a file. */
const HEAD_BYTES = 4096;
/** How often it is looked whether the disk still has room for what comes. */
const CLAIM_BYTES = 16 * 1024 * 1024;

/** What decides on the content of media. */
export interface MediaLimits {
  /** Larger ones are given up. */
  readonly maxBytes: number;
  /** Up to this they are published themselves. */
  readonly inlineLimitBytes: number;
  /** How long one may take to be downloaded. */
  readonly timeoutMs: number;
  /** How long, and how much of all of them, is kept. */
  readonly keepMs: number;
  readonly keepBytes: number;
}

/** Why a medium is given up. */
export type GiveUpCode = "no_key" | "too_large" | "not_found" | "given_up";

/** Options of {@link MediaFetching}. */
export interface MediaFetchingOptions {
  readonly store: Store;
  readonly announcer: Announcer;
  /** Of WhatsApp's server. */
  readonly webUrl: string;
  readonly limits: MediaLimits;
  /** Whether `/media` is served. */
  readonly isServed: boolean;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
}

/** What was downloaded. */
interface Fetched {
  readonly size: number;
  readonly sha256: string;
  /** What its first bytes say it is. */
  readonly detectedMimeType?: string | undefined;
}

/** Gets the content of one medium, and tells the backend what has become of it. */
export class MediaFetching {
  readonly #options: MediaFetchingOptions;

  constructor(options: MediaFetchingOptions) {
    this.#options = options;
  }

  /**
   * Downloads a medium and has it published. Resolved: that is durable. Rejected, or killed at any moment: it is still to
   * be fetched, and no file is left that {@link Media.sweep} does not find.
   *
   * @throws what {@link downloadMedia} throws, and {@link NoRoom}
   */
  async fetch(media: StoredMedia, socket: Socket, signal: AbortSignal): Promise<void> {
    const { files } = this.#options.store.media;
    let isKept = false;
    try {
      const fetched = await this.#download(media, socket, signal);
      await files.keep(media.id);
      isKept = await this.#publish(media, fetched);
    } finally {
      if (!isKept) await files.remove(media.id);
    }
  }

  /** Gives a medium up, and says why. */
  async giveUp(media: StoredMedia, code: GiveUpCode, error: string): Promise<void> {
    await this.#settle(media, { status: "FAILED", error }, { code, error });
  }

  async #download(media: StoredMedia, socket: Socket, signal: AbortSignal): Promise<Fetched> {
    const { store: { media: { files } }, limits, webUrl } = this.#options;
    const url = mediaUrlOf(webUrl, await hostFor(media, socket), media.directPath!);
    const file = await files.create(media.id);
    let size = 0;
    let claimed = 0;
    let head: Uint8Array = new Uint8Array();
    const hash = media.fileSha256 === undefined ? createHash("sha256") : undefined;
    try {
      await downloadMedia({
        url,
        type: media.type as MediaType,
        seal: sealOf(media),
        maxBytes: Math.min(limits.maxBytes, Math.max(limits.inlineLimitBytes, limits.keepBytes)),
        onSize: (bytes) => files.claim(bytes),
        write: async (piece) => {
          // Several are written at once.
          if (size - claimed >= CLAIM_BYTES) {
            claimed = size;
            await files.claim(0);
          }
          hash?.update(piece);
          if (head.length < HEAD_BYTES) head = Buffer.concat([head, piece.subarray(0, HEAD_BYTES)]);
          size += piece.length;
          await files.write(file, piece);
        },
        signal: AbortSignal.any([signal, AbortSignal.timeout(limits.timeoutMs)]),
      });
      await files.sync(file);
    } finally {
      file.close();
    }
    const sha256 = hash?.digest() ?? Buffer.from(media.fileSha256!);
    const detectedMimeType = (await fileTypeFromBuffer(head))?.mime;
    return { size, sha256: sha256.toString("hex"), detectedMimeType };
  }

  /** @returns whether its file is kept */
  async #publish(media: StoredMedia, { detectedMimeType, size, sha256 }: Fetched): Promise<boolean> {
    const { store, limits, isServed, now } = this.#options;
    const { id, mimeType, fileName } = media;
    const detected = detectedMimeType === undefined ? {} : { detectedMimeType };
    const said = { mimeType, ...detected, ...(fileName === undefined ? {} : { fileName }), size, sha256 };
    const url = isServed ? mediaPath(id) : null;
    if (size > limits.inlineLimitBytes) {
      const expiresAt = now() + limits.keepMs;
      return await this.#settle(media, { status: "STORED", size }, { ...said, url, expiresAt });
    }
    const data = Buffer.from(await store.media.files.read(id)).toString("base64");
    // What nobody can fetch is not kept beside that.
    const settlement = { status: "INLINE", size: isServed ? size : 0 } as const;
    return await this.#settle(media, settlement, { ...said, url, data }) && isServed;
  }

  /** @returns false when nobody wants it any more: its number is forgotten */
  async #settle(
    { id, about }: StoredMedia,
    settlement: Settlement,
    fields: Record<string, unknown>,
  ): Promise<boolean> {
    const { store, announcer, telemetry } = this.#options;
    if ((await store.media.find(id))?.status !== "PENDING") return false;
    const { status } = settlement;
    const event = { ...parseJson(about) as Record<string, unknown>, media: { id, status, ...fields } };
    await announcer.commit([
      ...store.media.settling(id, settlement),
      ...announcer.media(event, { messageId: id }),
    ]);
    telemetry?.media(status.toLowerCase());
    return true;
  }
}

/** One of those the server names, another with each attempt; it says first which is the best. */
async function hostFor({ attempts }: StoredMedia, { mediaHosts }: Socket): Promise<string> {
  // Without an answer those of the last one, or the one that all clients know.
  const { hosts = [] } = await mediaHosts.ask().catch(() => mediaHosts.last) ?? {};
  return hosts[attempts % hosts.length]?.hostname ?? PUBLIC_HOST;
}

function sealOf({ mediaKey, fileSha256, fileEncSha256 }: StoredMedia) {
  return {
    ...(mediaKey === undefined ? {} : { mediaKey }),
    ...(fileSha256 === undefined ? {} : { fileSha256 }),
    ...(fileEncSha256 === undefined ? {} : { fileEncSha256 }),
  };
}
