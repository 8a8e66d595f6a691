import { createHash } from "node:crypto";
import { join } from "node:path";
import { BuildError } from "./build_error.ts";
import { PERMISSION_FLAGS } from "./permissions.ts";
import { run } from "./programs.ts";

/** Where the runtime that `deno compile` puts before a program comes from. */
export type Runtime =
  /** `DENORT_BIN`: a file of the builder's own, taken as it is. */
  | { readonly from: "binary" }
  /** `DENORT_ZIP`: as Deno's releases have it. */
  | { readonly from: "zip"; readonly path: string; readonly sha256: string }
  /** Deno downloads it, and does not look at what it gets. */
  | { readonly from: "download"; readonly sha256: string };

const TARGET = "x86_64-unknown-linux-gnu";
/** A host that cannot reach the download must not be kept waiting for it. */
const DOWNLOAD_TIMEOUT_MS = 120_000;

/**
 * The runtime the environment names: `DENORT_BIN`, or `DENORT_SHA256` with or without `DENORT_ZIP`.
 *
 * @returns `undefined`: none, as without a checksum none is taken from elsewhere
 * @throws {BuildError} `runtime_unpinned`, `runtime_pin_malformed`
 */
export function namedRuntime(environment: Pick<typeof Deno.env, "get">): Runtime | undefined {
  if (environment.get("DENORT_BIN")) return { from: "binary" };
  const path = environment.get("DENORT_ZIP");
  const sha256 = environment.get("DENORT_SHA256")?.toLowerCase();
  if (path && !sha256) {
    throw new BuildError(
      "runtime_unpinned",
      `DENORT_ZIP=${path} comes without a checksum`,
      "Set DENORT_SHA256 to the sha256 it must have, from where you trust it",
    );
  }
  if (!sha256) return undefined;
  if (!/^[0-9a-f]{64}$/.test(sha256)) {
    throw new BuildError(
      "runtime_pin_malformed",
      "DENORT_SHA256 is not a sha256",
      "Set 64 hexadecimal digits",
    );
  }
  return path ? { from: "zip", path, sha256 } : { from: "download", sha256 };
}

/**
 * Has `deno compile` put the program behind its runtime.
 *
 * @param app text of the bundled program
 * @param folder where to work
 * @throws {BuildError} `runtime_mismatch` when the runtime is not the one that was pinned; `program_failed`
 */
export async function compiled(
  app: string,
  folder: string,
  runtime: Runtime,
): Promise<Uint8Array<ArrayBuffer>> {
  const program = join(folder, "app.mjs");
  await Deno.writeTextFile(program, app);
  // The time of its last change is put into the file, too.
  await Deno.utime(program, 0, 0);
  // A cache of its own, where nothing is but what is put there: the program needs no package any more.
  const denoDir = join(folder, "deno_dir");
  const zip = join(denoDir, "dl", "release", `v${Deno.version.deno}`, `denort-${TARGET}.zip`);
  if (runtime.from === "zip") {
    await checkPin(runtime.path, runtime.sha256);
    await Deno.mkdir(join(zip, ".."), { recursive: true });
    await Deno.copyFile(runtime.path, zip);
  }
  const output = join(folder, "compiled");
  // Never --env-file: what it reads would be in the file for everybody to see.
  const flags = ["--no-config", "--no-lock", "--target", TARGET, "--output", output];
  await run(Deno.execPath(), ["compile", ...flags, ...PERMISSION_FLAGS, "app.mjs"], {
    cwd: folder,
    env: { DENO_DIR: denoDir },
    ...(runtime.from === "download" && { timeoutMs: DOWNLOAD_TIMEOUT_MS }),
  });
  if (runtime.from === "download") await checkPin(zip, runtime.sha256);
  return await Deno.readFile(output);
}

async function checkPin(path: string, sha256: string): Promise<void> {
  const found = createHash("sha256").update(await Deno.readFile(path)).digest("hex");
  if (found === sha256) return;
  throw new BuildError(
    "runtime_mismatch",
    `The runtime for deno compile has sha256 ${found}, not ${sha256}: ${path}`,
    `It is not used: get the zip of Deno ${Deno.version.deno} for ${TARGET} from where you trust it`,
  );
}
