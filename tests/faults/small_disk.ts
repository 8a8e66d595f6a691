/** A disk that can be filled and emptied. */

import { join } from "node:path";
import { ensurePrograms } from "../debian.ts";

const PROGRAMS = { mount: "mount", umount: "mount" };
const noMount = Deno.uid() === 0
  ? await ensurePrograms(PROGRAMS, { log: console.log })
  : "only root may mount a tmpfs";

/** A file system of its own, in memory. */
export interface SmallDisk extends AsyncDisposable {
  readonly path: string;
  /** Leaves no room for a single byte more. */
  fill(): void;
  /** Makes room again. */
  empty(): void;
  /** Makes it hold so many megabytes. */
  resize(megabytes: number): Promise<void>;
}

/** Why no {@link mountSmallDisk} can be had here; `undefined` when it can. */
export function noSmallDisk(): string | undefined {
  if (Deno.build.os !== "linux") return "tmpfs is Linux's";
  return noMount;
}

/** Mounts one that holds `megabytes`. It is gone when it is disposed of, with all that is in it. */
export async function mountSmallDisk(megabytes: number): Promise<SmallDisk> {
  const path = await Deno.makeTempDir({ prefix: "small-disk-" });
  await run("mount", "-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path);
  const ballast = join(path, "ballast");
  return {
    path,
    fill: () => {
      const file = Deno.openSync(ballast, { create: true, append: true });
      try {
        for (const bytes of [64 * 1024, 4096, 1]) writeUntilFull(file, new Uint8Array(bytes));
      } finally {
        file.close();
      }
    },
    resize: (size) => run("mount", "-o", `remount,size=${size}m`, path),
    empty: () => Deno.removeSync(ballast),
    [Symbol.asyncDispose]: async () => {
      await run("umount", path);
      await Deno.remove(path);
    },
  };
}

function writeUntilFull(file: Deno.FsFile, chunk: Uint8Array): void {
  try {
    while (file.writeSync(chunk) > 0);
  } catch (error) {
    if (!/ENOSPC|No space left|os error 28/.test(String(error))) throw error;
  }
}

async function run(command: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`Cannot ${command}: ${new TextDecoder().decode(stderr)}`);
}
