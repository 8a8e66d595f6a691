/** A media host: keeps what is uploaded, encrypted as it came, and hands it to whoever knows its path. */
import { createHash, randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import {
  downloadEncryptedContent,
  getMediaKeys,
  MEDIA_PATH_MAP,
  type MediaType,
  type proto,
} from "@whiskeysockets/baileys";
import { encryptMedia } from "../../src/whatsapp/media/cipher.ts";

/** What uploads and downloads have to show, as the server says in `media_conn`. */
export const MEDIA_AUTH = "stand-in";

const FILES = "/v/t62.7118-24/";
/** Tells those who receive what the worker sends from the worker: they are neither counted nor refused. */
const RECEIVER = "x-receiver";

/** The part of a message that speaks of a medium. */
export type MediaContent =
  & Pick<
    proto.Message.IImageMessage,
    "url" | "directPath" | "mediaKey" | "fileSha256" | "fileEncSha256" | "fileLength" | "mediaKeyTimestamp"
  >
  & { directPath: string; mediaKey: Uint8Array; fileSha256: Uint8Array; fileEncSha256: Uint8Array };

/** A media host, on the stand-in's own port. */
export class MediaHost {
  /** Status of the answers to the next uploads, one each; those after that are taken. */
  readonly refuseUploads: number[] = [];
  /** Status of the answers to the next downloads, one each; `cut` breaks off in the middle, `stall` stays there; a URL is where it redirects to. */
  readonly refuseDownloads: (number | "cut" | "stall" | URL)[] = [];
  /** Everything asked for, as `POST /mms/image` or `GET /v/…`. */
  readonly requests: string[] = [];
  readonly #files = new Map<string, Buffer>();
  readonly #host: () => string;

  /** @param host where it is, as the server names it: host and port */
  constructor(host: () => string) {
    this.#host = host;
  }

  /** Whether a request is for this host. */
  serves({ url = "" }: IncomingMessage): boolean {
    return url.startsWith(FILES) || typeOfUpload(url) !== undefined;
  }

  async respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    const path = url.replace(/\?.*$/s, "");
    if (request.headers[RECEIVER] !== undefined) return this.#hand(this.#files.get(path), response);
    this.requests.push(`${method} ${path.replace(/\/[\w%-]+$/, method === "POST" ? "" : "$&")}`);
    if (method === "POST") return await this.#take(request, response, new URL(url, "http://127.0.0.1"));
    const file = this.#files.get(path);
    const refusal = this.refuseDownloads.shift();
    if ((refusal === "cut" || refusal === "stall") && file !== undefined) {
      response.writeHead(200, { "Content-Length": file.length });
      response.write(file.subarray(0, file.length / 2), () => refusal === "cut" && response.destroy());
    } else if (refusal instanceof URL) {
      response.writeHead(302, { Location: refusal.href }).end();
    } else if (typeof refusal === "number") {
      response.writeHead(refusal).end();
    } else this.#hand(file, response);
  }

  #hand(file: Buffer | undefined, response: ServerResponse): void {
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { "Content-Length": file.length }).end(file);
  }

  /** Encrypts a medium and puts it here, as somebody's phone does. */
  async put(plain: Uint8Array, type: MediaType): Promise<MediaContent> {
    const pieces: Uint8Array[] = [];
    const seal = await encryptMedia(asPieces(plain), type, (piece) => {
      pieces.push(piece);
      return Promise.resolve();
    });
    const directPath = this.keep(Buffer.concat(pieces));
    const mediaKeyTimestamp = Math.floor(Date.now() / 1000);
    // As phones write it: the host in it is WhatsApp's public one, which nobody here may ask.
    return { ...seal, directPath, url: `https://mmg.whatsapp.net${directPath}`, mediaKeyTimestamp };
  }

  /** Keeps what is encrypted already. @returns its path */
  keep(sealed: Buffer): string {
    const directPath = FILES + randomBytes(12).toString("hex");
    this.#files.set(directPath, sealed);
    return directPath;
  }

  /** Forgets a medium, as the host does after some weeks. @returns what it was */
  forget(directPath: string): Buffer {
    const file = this.#files.get(directPath);
    if (!file) throw new Error(`There is no medium at ${directPath}`);
    this.#files.delete(directPath);
    return file;
  }

  /** Flips a bit of a medium. @returns what it was */
  damage(directPath: string): Buffer {
    const file = this.forget(directPath);
    const damaged = Buffer.from(file);
    damaged[damaged.length >> 1]! ^= 1;
    this.#files.set(directPath, damaged);
    return file;
  }

  /**
   * The plain bytes of the medium that a message speaks of: asked for at its path and opened as its receiver does, by Baileys,
   * and held against all that the message says of it.
   */
  async open(content: Partial<MediaContent> | null | undefined, type: MediaType): Promise<Buffer> {
    const { directPath, mediaKey, fileSha256, fileEncSha256, fileLength } = content ?? {};
    if (!directPath || !mediaKey || !fileSha256 || !fileEncSha256) {
      throw new Error("The message has no medium");
    }
    const sealed = this.#files.get(directPath);
    if (!sealed) throw new Error(`There is no medium at ${directPath}`);
    const stream = await downloadEncryptedContent(
      `http://${this.#host()}${directPath}`,
      await getMediaKeys(mediaKey, type),
      { options: { headers: { [RECEIVER]: "a contact" } } },
    );
    const plain = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
    for (
      const [what, bytes, hash] of [["plain", plain, fileSha256], ["sealed", sealed, fileEncSha256]] as const
    ) {
      if (!createHash("sha256").update(bytes).digest().equals(hash)) {
        throw new Error(`The ${what} medium has another hash than its message says`);
      }
    }
    if (Number(fileLength) !== plain.length) {
      throw new Error(`The medium has ${plain.length} bytes, its message says ${fileLength}`);
    }
    return plain;
  }

  async #take(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const body = Buffer.concat(await Array.fromAsync(request as AsyncIterable<Buffer>));
    const refusal = this.refuseUploads.shift();
    if (refusal !== undefined) return void response.writeHead(refusal).end();
    const hash = createHash("sha256").update(body).digest("base64url");
    const named = decodeURIComponent(url.pathname.split("/").at(-1) ?? "");
    const fits = named === hash && url.searchParams.get("token") === hash &&
      url.searchParams.get("auth") === MEDIA_AUTH;
    if (!fits) return void response.writeHead(401).end();
    const directPath = this.keep(body);
    response.writeHead(200, { "Content-Type": "application/json" });
    response.end(JSON.stringify({ url: `https://mmg.whatsapp.net${directPath}`, direct_path: directPath }));
  }
}

function typeOfUpload(url: string): string | undefined {
  return Object.values(MEDIA_PATH_MAP).find((path) => path !== "" && url.startsWith(`${path}/`));
}

async function* asPieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}
