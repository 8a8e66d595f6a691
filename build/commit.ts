import { BuildError } from "./build_error.ts";
import { run } from "./programs.ts";

/** The commit that is checked out, with `-dirty` behind it when files differ from it; `unknown` where git knows none. */
export async function readCommit(root: string): Promise<string> {
  try {
    const commit = (await run("git", ["rev-parse", "HEAD"], { cwd: root })).trim();
    const changes = await run("git", ["status", "--porcelain"], { cwd: root });
    return changes === "" ? commit : `${commit}-dirty`;
  } catch (error) {
    // An unpacked archive has no git, and needs none.
    if (error instanceof BuildError) return "unknown";
    throw error;
  }
}
