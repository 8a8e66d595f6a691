/**
 * Makes the worker one file: `./worker`, and the same as `dist/worker-<version>-linux-x86_64` with its `.sha256`.
 *
 *     deno task build                      the kind that can be made here, and why it is that one
 *     deno task build --kind compiled      that kind or none; the other is self-extracting
 *     deno task build --to FOLDER          make worker and dist/ there instead of here
 *     deno task build --json               the last lines for machines
 *
 * `compiled` needs the runtime of `deno compile`: DENORT_BIN=file, or DENORT_SHA256=hex with DENORT_ZIP=file or a
 * network to download it from. Without, it is self-extracting.
 */
import { createHash } from "node:crypto";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import type { BuildStamp } from "../src/build_info.ts";
import { EXIT } from "../src/exit_codes.ts";
import { VERSION } from "../src/version.ts";
import { BuildError } from "./build_error.ts";
import { bundle } from "./bundle.ts";
import { readCommit } from "./commit.ts";
import { compiled, namedRuntime, type Runtime } from "./compiled.ts";
import { assertCanBuildHere } from "./platform.ts";
import { selfExtracting } from "./self_extracting.ts";

const ROOT = resolve(import.meta.dirname!, "..");
const KINDS = ["compiled", "self-extracting"] as const;
type Kind = BuildStamp["kind"];

/** What was typed behind `deno task build`. */
interface Options {
  readonly kind: Kind | undefined;
  /** Where to put the files. */
  readonly to: string;
  readonly json: boolean;
}

/** A file that was built, and why it is of that kind. */
interface Built {
  readonly kind: Kind;
  readonly why: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

async function main(args: string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    return EXIT.USAGE;
  }
  try {
    await buildAs(options);
    return EXIT.OK;
  } catch (error) {
    if (!(error instanceof BuildError)) throw error;
    console.error(`${error.message}\n→ ${error.remedy}`);
    return 1;
  }
}

async function buildAs({ kind, to, json }: Options): Promise<void> {
  assertCanBuildHere();
  const startedAt = performance.now();
  await using folder = await WorkFolder.make();
  const commit = await readCommit(ROOT);
  const built = await build(kind, commit, folder);
  const sha256 = createHash("sha256").update(built.bytes).digest("hex");
  const paths = await place(built.bytes, sha256, to);
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  const { kind: builtKind, why, bytes: { length: size } } = built;
  if (json) {
    console.log(JSON.stringify({ version: VERSION, commit, kind: builtKind, why, size, sha256, ...paths }));
  } else {
    console.log(`built   ${builtKind}: ${why}
version ${VERSION}, commit ${commit}
file    ${paths.worker}
        ${paths.dist} (and .sha256)
size    ${(size / 1e6).toFixed(1)} MB
sha256  ${sha256}
in      ${seconds} s`);
  }
}

function parseOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: { kind: { type: "string" }, to: { type: "string", default: ROOT }, json: { type: "boolean" } },
  });
  const kind = KINDS.find((known) => known === values.kind);
  if (values.kind !== undefined && kind === undefined) {
    throw new TypeError(`There is no kind '${values.kind}', but: ${KINDS.join(", ")}`);
  }
  return { kind, to: resolve(values.to), json: values.json ?? false };
}

/** Builds the kind that is wanted, or the one that can be built here. */
async function build(wanted: Kind | undefined, commit: string, folder: WorkFolder): Promise<Built> {
  if (wanted === "self-extracting") return await extracting(commit, folder, "it was asked for");
  const runtime = namedRuntime(Deno.env);
  if (runtime === undefined) {
    const missing =
      "deno compile has no runtime to use (DENORT_BIN, or DENORT_SHA256 with DENORT_ZIP or network)";
    if (wanted === undefined) return await extracting(commit, folder, missing);
    throw new BuildError("runtime_missing", `There is no compiled file: ${missing}`, "Name a runtime");
  }
  try {
    const app = await bundled("compiled", commit, folder);
    say("compiling …");
    return {
      kind: "compiled",
      why: WHY[runtime.from],
      bytes: await compiled(app, folder.make("c"), runtime),
    };
  } catch (error) {
    const failed = error instanceof BuildError && error.code === "program_failed";
    if (!failed || runtime.from !== "download" || wanted !== undefined) throw error;
    say(`${error.message}: ${error.remedy}`);
    return await extracting(commit, folder, "deno compile cannot download its runtime here");
  }
}

const WHY: Record<Runtime["from"], string> = {
  binary: "DENORT_BIN is the runtime of deno compile",
  zip: "DENORT_ZIP has the runtime of deno compile, and the sha256 that was asked for",
  download: "deno compile has downloaded its runtime, and it has the sha256 that was asked for",
};

async function extracting(commit: string, folder: WorkFolder, why: string): Promise<Built> {
  const app = await bundled("self-extracting", commit, folder);
  say("compressing …");
  return { kind: "self-extracting", why, bytes: await selfExtracting(app, folder.make("s")) };
}

async function bundled(kind: Kind, commit: string, folder: WorkFolder): Promise<string> {
  say("bundling …");
  return await bundle(ROOT, folder.path, { commit, kind });
}

/** Writes the file to its two places, each there as a whole or not at all, also while an older one runs. */
async function place(bytes: Uint8Array<ArrayBuffer>, sha256: string, to: string) {
  const name = `worker-${VERSION}-linux-x86_64`;
  const worker = join(to, "worker");
  const dist = join(to, "dist", name);
  await Deno.mkdir(dirname(dist), { recursive: true });
  for (const path of [worker, dist]) {
    const fresh = `${path}.new`;
    await Deno.writeFile(fresh, bytes);
    await Deno.chmod(fresh, 0o755);
    await Deno.rename(fresh, path);
  }
  await Deno.writeTextFile(`${dist}.sha256`, `${sha256}  ${name}\n`);
  return { worker, dist };
}

/** A folder that goes away with the build. */
class WorkFolder implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(): Promise<WorkFolder> {
    return new WorkFolder(await Deno.makeTempDir({ prefix: "whatsapp-worker-build-" }));
  }

  /** A folder in it. */
  make(name: string): string {
    const folder = join(this.path, name);
    Deno.mkdirSync(folder);
    return folder;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** To standard error: standard output is the result's. */
function say(what: string): void {
  console.error(what);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
