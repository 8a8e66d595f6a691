/** What another user may do with a path: root, who may do everything, is not to say that all is well. */
import { dirname } from "node:path";
import type { User } from "./service.ts";

/**
 * The first folder on the way to `path` that does not let `user` through, or `path` itself when it does not let it do
 * what is `wanted`; `undefined` when it may.
 */
export async function obstacle(
  path: string,
  user: User,
  wanted: readonly Right[],
): Promise<string | undefined> {
  const way: string[] = [];
  // Where a link leads counts, not where it lies.
  for (let folder = dirname(await Deno.realPath(path));; folder = dirname(folder)) {
    way.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  for (const folder of way) {
    if (!permits(await Deno.stat(folder), user, ["x"])) return folder;
  }
  return permits(await Deno.stat(path), user, wanted) ? undefined : path;
}

/** What is to be done with a file or folder: `r`, `w` and `x`. */
const BITS = { r: 4, w: 2, x: 1 } as const;
type Right = keyof typeof BITS;

/** Whether its owner, group and permission bits let `user` do that. Access lists and read-only disks are not seen. */
function permits(info: Deno.FileInfo, user: User, wanted: readonly Right[]): boolean {
  if (user.uid === 0 || info.mode === null) return true;
  const shift = info.uid === user.uid ? 6 : info.gid !== null && user.gids.includes(info.gid) ? 3 : 0;
  return wanted.every((one) => ((info.mode! >> shift) & BITS[one]) !== 0);
}
