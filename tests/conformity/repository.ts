/** The repository as text, and what can be told from that. */

import { dirname, join, normalize } from "node:path";
import type { Observations } from "./observations.ts";
import { workerCommand } from "../worker_command.ts";
import { expect, known } from "./observations.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const TEXT = /\.(ts|sh|service|json|lock|md|yml|sql|example|editorconfig)$|(^|\/)(LICENSE|run)$/;
/** What is not the project: made by tools, or the state of a worker. */
const SKIPPED = new Set([".git", "node_modules", "coverage", "dist", "unpacked", "sessions"]);

/** Every text file of the repository by its path. */
export async function readRepository(root: string = ROOT): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const walk = async (folder: string): Promise<void> => {
    for await (const entry of Deno.readDir(join(root, folder))) {
      const path = join(folder, entry.name);
      if (entry.isDirectory && !SKIPPED.has(path)) await walk(path);
      if (entry.isFile && TEXT.test(path)) files.set(path, await Deno.readTextFile(join(root, path)));
    }
  };
  await walk("");
  return files;
}

/** The first line of the program's own answer to `--version`. */
export async function programVersion(): Promise<string> {
  const { program, args } = workerCommand(["--version"]);
  const { stdout } = await new Deno.Command(program, {
    args,
    cwd: ROOT,
    stdin: "null",
  }).output();
  return new TextDecoder().decode(stdout).split("\n", 1)[0]!;
}

/** @throws {Error} when a file is missing or empty */
export function text({ files }: Observations, path: string): string {
  const content = known(files.get(path), `file ${path}`);
  expect(content.trim() !== "", `File ${path} is empty`);
  return content;
}

/** The modules of the program (not of its tests). */
export function sources({ files }: Observations): [path: string, text: string][] {
  const found = [...files].filter(([path]) => path === "main.ts" || /^src\/.*\.ts$/.test(path));
  expect(found.length > 0, "There are no modules under src/");
  return found;
}

/** The modules that hold tests. */
export function testFiles({ files }: Observations): [path: string, text: string][] {
  return [...files].filter(([path]) => /^tests\/.*_test\.ts$/.test(path));
}

/** The project's own modules that a module imports, directly. */
export function importsOf(path: string, content: string): string[] {
  const specifiers = content.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g);
  return [...specifiers].map(([, specifier]) => normalize(join(dirname(path), specifier!)));
}

/** Every module that `path` reaches through its imports. */
export function reaches(
  { files }: Pick<Observations, "files">,
  path: string,
  reached: Set<string> = new Set(),
): Set<string> {
  for (const next of importsOf(path, files.get(path) ?? "")) {
    if (reached.has(next)) continue;
    reached.add(next);
    reaches({ files }, next, reached);
  }
  return reached;
}

/** The exact version of a package, from the import map, when the lock file pins the same. */
export function pinnedVersion(seen: Observations, name: string): string {
  const { imports } = JSON.parse(text(seen, "deno.json")) as { imports: Record<string, string> };
  const [, version] = /^npm:.+@(\d+\.\d+\.\d+(?:-[\w.]+)?)$/.exec(imports[name] ?? "") ?? [];
  expect(version !== undefined, `deno.json names no exact version of ${name}: ${imports[name]}`);
  const { specifiers, npm } = JSON.parse(text(seen, "deno.lock")) as {
    specifiers: Record<string, string>;
    npm: Record<string, { integrity?: string }>;
  };
  const locked = specifiers[`npm:${name}@${version}`];
  expect(locked !== undefined, `deno.lock does not pin ${name}@${version}`);
  expect(npm[`${name}@${locked}`]?.integrity, `deno.lock has no checksum of ${name}@${locked}`);
  return version;
}

/** Exported declarations without a doc comment, as `path:line`. */
export function undocumentedExports(seen: Observations): { documented: number; missing: string[] } {
  let documented = 0;
  const missing: string[] = [];
  for (const [path, content] of sources(seen)) {
    const lines = content.split("\n");
    for (const [index, line] of lines.entries()) {
      if (
        !/^export (?:default |abstract |async )*(?:function|class|interface|type \w|const|let|enum)/.test(
          line,
        )
      ) {
        continue;
      }
      const before = lines[index - 1]?.trim() ?? "";
      // Overloads share the comment of the first.
      if (before.endsWith("*/") || /^export function .*;$/.test(before)) documented++;
      else missing.push(`${path}:${index + 1}`);
    }
  }
  return { documented, missing };
}
