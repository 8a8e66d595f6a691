/** What another user may do with a path: root, who may do everything, is not to say that all is well. */
import { dirname } from "node:path";
import { permits, type User } from "./service.ts";

/**
 * The first folder on the way to `path` that does not let `user` through, or `path` itself when it does not let it do
 * what is `wanted`; `undefined` when it may.
 */
export async function obstacle(
  path: string,
  user: User,
  wanted: readonly ("r" | "w" | "x")[],
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
