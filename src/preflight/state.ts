/** The state folder as it is found, before anything is created in it. */
import { dirname, resolve } from "node:path";
import { recallFrom } from "../store/database_look.ts";
import { aborted } from "./network.ts";

/** Where the state is, or will be. */
export interface StateFolder {
  /** Absolute. */
  readonly path: string;
  /** The folder itself, or the nearest one above it that exists. */
  readonly nearest: string;
  readonly exists: boolean;
}

/**
 * Finds `sessionDir`, or where it would be created.
 *
 * @throws {NotAFolder} when something else is in the way, and whatever the system says when it cannot be looked at
 */
export async function findStateFolder(sessionDir: string): Promise<StateFolder> {
  const path = resolve(sessionDir);
  for (let nearest = path;; nearest = dirname(nearest)) {
    try {
      const { isDirectory } = await Deno.stat(nearest);
      if (!isDirectory) throw new NotAFolder(nearest);
      return { path, nearest, exists: nearest === path };
    } catch (error) {
      // Below a file every path is "not a directory"; the file itself is found further up.
      const further = error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
      if (!further || nearest === dirname(nearest)) throw error;
    }
  }
}

/** A file or device is where a folder has to be. */
export class NotAFolder extends Error {
  override readonly name = "NotAFolder";
  constructor(readonly path: string) {
    super(`Not a folder: '${path}'`);
  }
}

/**
 * What the worker of `sessionDir` remembers under `keys`. Nothing when its database cannot be read: that has a check of
 * its own.
 */
export async function recall(
  sessionDir: string,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const folder = resolve(sessionDir);
  try {
    // SQLite would wait for a disk that hangs, and everything with it.
    await Promise.race([Deno.stat(folder), aborted(signal)]);
    return recallFrom(folder, keys);
  } catch {
    if (signal.aborted) throw signal.reason;
    return new Map();
  }
}
