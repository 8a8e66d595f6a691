import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { StoreError } from "./store_error.ts";

const LOCK_FILE = "worker.lock";
/** Who only asks whether it is locked is done long before that. */
const ASKING_MS = 100;

/** Whether a running process holds the state in `folder`. Shares the lock for that moment, as several may ask at once. */
export async function isFolderLocked(folder: string): Promise<boolean> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(join(folder, LOCK_FILE), { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  try {
    return !(await file.tryLock(false));
  } finally {
    file.close();
  }
}

/** Does `work` if no worker has `folder`; where one has been, none gets it meanwhile. Whoever only asks is not in the way. */
export function whileFree(folder: string, work: () => void): void {
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(join(folder, LOCK_FILE), { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return work();
    throw error;
  }
  try {
    if (file.tryLockSync(false)) work();
  } finally {
    file.close();
  }
}

/**
 * Makes the folder if need be, and holds it for this process. The kernel frees the lock with the process, so a `kill -9`
 * leaves nothing to clean up.
 *
 * @throws {StoreError} when another process holds it
 */
export async function lockFolder(folder: string): Promise<Deno.FsFile> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const file = await Deno.open(join(folder, LOCK_FILE), {
    create: true,
    write: true,
    read: true,
    mode: 0o600,
  });
  if (!(await file.tryLock(true)) && !(await lockLater(file))) {
    file.close();
    throw new StoreError(
      "state_locked",
      `Cannot use the state in '${folder}': another worker process holds it`,
      "Stop the other process, or give this worker a SESSION_DIR of its own",
    );
  }
  return file;
}

/** Tries again when whoever only asked has gone. */
async function lockLater(file: Deno.FsFile): Promise<boolean> {
  await delay(ASKING_MS);
  return await file.tryLock(true);
}
