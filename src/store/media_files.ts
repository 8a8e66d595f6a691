import { statfs } from "node:fs/promises";
import { join } from "node:path";

/** What media leave to everything else on their disk: without room for the database no message is taken any more. */
export const LEFT_FREE_BYTES = 64 * 1024 * 1024;
/** A disk that takes nothing, as systems say it. */
const NO_ROOM = /No space left|quota|Read-only file system/i;
const UNFINISHED = ".part";

/** The disk has no room for a medium, or would have too little left beside it. */
export class NoRoom extends Error {
  override readonly name = "NoRoom";
}

/** Options of {@link MediaFiles}. */
export interface MediaFilesOptions {
  /** How many bytes its disk has left; `undefined` where that cannot be asked. @default what the system says */
  readonly freeBytes?: (folder: string) => Promise<number | undefined>;
}

/**
 * The folder of the media received, a file each, under their ids: `ID.part` while it is fetched, `ID` once it is whole.
 * Nobody but the worker's user can look into it.
 */
export class MediaFiles {
  readonly #folder: string;
  readonly #freeBytes: (folder: string) => Promise<number | undefined>;

  constructor(folder: string, { freeBytes = freeBytesOf }: MediaFilesOptions = {}) {
    this.#folder = folder;
    this.#freeBytes = freeBytes;
  }

  /**
   * Begins a file anew. To be written, synced and closed, then {@link keep | kept} or {@link remove | removed}.
   *
   * @throws {NoRoom}
   */
  async create(id: string): Promise<Deno.FsFile> {
    return await roomed(async () => {
      await Deno.mkdir(this.#folder, { recursive: true, mode: 0o700 });
      return await Deno.open(this.#path(id) + UNFINISHED, {
        create: true,
        truncate: true,
        write: true,
        mode: 0o600,
      });
    });
  }

  /** Writes all of a piece. @throws {NoRoom} */
  async write(file: Deno.FsFile, piece: Uint8Array): Promise<void> {
    await roomed(async () => {
      for (let at = 0; at < piece.length;) at += await file.write(piece.subarray(at));
    });
  }

  /** Makes what was written durable. @throws {NoRoom} */
  async sync(file: Deno.FsFile): Promise<void> {
    await roomed(() => file.sync());
  }

  /** Makes a file that was written and synced one that is whole, durably. */
  async keep(id: string): Promise<void> {
    await Deno.rename(this.#path(id) + UNFINISHED, this.#path(id));
    using folder = await Deno.open(this.#folder);
    await folder.sync();
  }

  /** The file of a medium that is whole, for whoever closes it; `undefined` when it is gone. */
  async open(id: string): Promise<Deno.FsFile | undefined> {
    return await unlessAbsent(Deno.open(this.#path(id)));
  }

  /** All bytes of a medium that is whole. */
  async read(id: string): Promise<Uint8Array> {
    return await Deno.readFile(this.#path(id));
  }

  /** Removes what there is of a medium. Who has it open reads on. */
  async remove(id: string): Promise<void> {
    for (const suffix of ["", UNFINISHED]) await unlessAbsent(Deno.remove(this.#path(id) + suffix));
  }

  /** The ids of which there is something. */
  async ids(): Promise<Set<string>> {
    const ids = new Set<string>();
    const entries = await unlessAbsent(Array.fromAsync(Deno.readDir(this.#folder)));
    for (const { name } of entries ?? []) ids.add(name.replace(UNFINISHED, ""));
    return ids;
  }

  /** @throws {NoRoom} when so many bytes more would leave too few to everything else */
  async claim(bytes: number): Promise<void> {
    const free = await this.#freeBytes(this.#folder);
    if (free === undefined || free - bytes >= LEFT_FREE_BYTES) return;
    throw new NoRoom(
      `The disk of SESSION_DIR has ${free} bytes left, of which media leave ${LEFT_FREE_BYTES}`,
    );
  }

  #path(id: string): string {
    return join(this.#folder, id);
  }
}

/** Does `work`, and says so when it fails for want of room. */
async function roomed<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Error) || !NO_ROOM.test(error.message)) throw error;
    throw new NoRoom("The disk of SESSION_DIR takes nothing more", { cause: error });
  }
}

async function freeBytesOf(folder: string): Promise<number | undefined> {
  try {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  } catch (error) {
    // Started with fewer permissions than it asks for.
    if (error instanceof Deno.errors.NotCapable) return undefined;
    throw error;
  }
}

async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
