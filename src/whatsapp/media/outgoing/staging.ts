import { join } from "node:path";
import type { MediaType } from "@whiskeysockets/baileys";
import { encryptMedia, type MediaSeal } from "../cipher.ts";
import { MediaFailure } from "./failure.ts";

/** A medium, encrypted in a file. The file is gone when it is disposed of. */
export interface StagedMedium extends AsyncDisposable {
  readonly path: string;
  /** Of the file. */
  readonly bytes: number;
  readonly seal: MediaSeal;
}

/**
 * Where media wait, encrypted, to be uploaded: WhatsApp wants to know what an upload hashes to before it begins. Private to
 * the worker; what is in it is of no use to a worker that starts.
 */
export class Staging {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Removes what a worker that was killed has left. */
  async clear(): Promise<void> {
    await unlessAbsent(Deno.remove(this.#folder, { recursive: true }));
  }

  /**
   * Encrypts a medium into a file.
   *
   * @throws {MediaFailure} when the disk does not take it; what `plain` throws
   */
  async stage(plain: AsyncIterable<Uint8Array>, type: MediaType): Promise<StagedMedium> {
    const path = join(this.#folder, crypto.randomUUID());
    const file = await unlessFull(async () => {
      await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
      return await Deno.open(path, { write: true, createNew: true, mode: 0o600 });
    });
    const remove = () => unlessAbsent(Deno.remove(path));
    let bytes = 0;
    try {
      const seal = await encryptMedia(plain, type, (piece) => {
        bytes += piece.length;
        return unlessFull(() => writeAll(file, piece));
      });
      return { path, bytes, seal, [Symbol.asyncDispose]: remove };
    } catch (error) {
      await remove();
      throw error;
    } finally {
      file.close();
    }
  }
}

/** Somebody else may have removed it: then it is gone all the same. */
async function unlessAbsent(removal: Promise<void>): Promise<void> {
  try {
    await removal;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

async function writeAll(file: Deno.FsFile, piece: Uint8Array): Promise<void> {
  for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
}

/** Does what needs the disk, and says so when that does not play along. */
async function unlessFull<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code = "unknown" } = cause as { code?: string };
    throw new MediaFailure(
      "media_not_staged",
      `Cannot keep the medium until WhatsApp has it (${code}): make room on the disk of SESSION_DIR, and see that it can be written`,
      { retryable: true, cause },
    );
  }
}
