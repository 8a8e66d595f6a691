import { join, relative } from "node:path";
import type { BuildStamp } from "../src/build_info.ts";
import { BuildError } from "./build_error.ts";
import { run } from "./programs.ts";

/** What Baileys would use for media if it were there; it does without. */
const NOT_BUNDLED = ["sharp", "jimp", "link-preview-js", "audio-decode"];

/** How the bundle asks for what is not in it: Node's own modules, and faster variants that libraries try to find. */
const REQUIRE = "__deno_internal_createRequire(import.meta.url)";
/** Not to be found beside the bundle or in a folder above: in a folder such as /tmp anybody could put them there. */
const REQUIRE_FROM_ROOT = '__deno_internal_createRequire("file:///")';

/**
 * Makes one file of the program and all it imports. It is not minified: Baileys' functions are known by their names
 * (`src/whatsapp/socket/stack_traces.ts`), and so are those in the stack trace of a report.
 *
 * @param root of the repository
 * @param folder where to work
 * @returns the file's text, the same wherever the repository is
 */
export async function bundle(root: string, folder: string, stamp: BuildStamp): Promise<string> {
  const output = join(folder, "bundle.mjs");
  const externals = NOT_BUNDLED.flatMap((name) => ["--external", name]);
  const args = ["bundle", "--frozen", "--platform", "deno", ...externals, "--output", output, "main.ts"];
  await run(Deno.execPath(), args, { cwd: root });
  const text = withoutPaths(await Deno.readTextFile(output), root, await npmCache(root));
  if (text.split(REQUIRE).length !== 2) {
    throw unknown("require()", "Look for createRequire at the top of a bundle, and change REQUIRE");
  }
  return `globalThis.WHATSAPP_WORKER_BUILD = ${JSON.stringify(stamp)};\n` +
    inAscii(text.replace(REQUIRE, REQUIRE_FROM_ROOT));
}

/** A few letters in comments would have V8 keep the whole text with two bytes a letter: 9 MB for nothing. */
function inAscii(text: string): string {
  return text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** Names packages by where they are in the cache, and not by where that is. */
function withoutPaths(text: string, root: string, cache: string): string {
  const prefix = RegExp.escape(`${relative(root, cache)}/`);
  const named = text.replaceAll(new RegExp(`${prefix}[^/"\\s]+/`, "g"), "npm/");
  if (!named.includes("// npm/@whiskeysockets/baileys/")) {
    throw unknown("the paths of packages", "Look for the comments before modules, and change withoutPaths()");
  }
  return named;
}

async function npmCache(root: string): Promise<string> {
  const { npmCache } = JSON.parse(await run(Deno.execPath(), ["info", "--json"], { cwd: root })) as {
    npmCache: string;
  };
  return npmCache;
}

function unknown(what: string, remedy: string): BuildError {
  return new BuildError(
    "bundle_unknown",
    `deno bundle writes ${what} in another way than it did`,
    `${remedy} in build/bundle.ts`,
  );
}
