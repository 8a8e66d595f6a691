/** Builds and built files, in folders of the test's own. */
import { join, resolve } from "node:path";
import type { BuildInfo } from "../../src/build_info.ts";
import { WORKER_BIN_VARIABLE } from "../worker_command.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
/** All that goes into the file. */
const SOURCES = [
  "main.ts",
  "src",
  "build",
  "deno.json",
  "deno.lock",
  ".env.example",
  "install.sh",
  "worker.service",
];

/** How a program ended, and what it wrote. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a program is run. */
export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Whether `env` is all of the environment there is. */
  readonly clearEnv?: boolean;
  readonly cwd?: string;
}

/** Runs a program to its end. */
export async function run(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    ...options,
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** A folder that goes away with the test. */
export class TestFolder implements AsyncDisposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "whatsapp-worker-test-" });

  /** The path of something in it. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** Puts everything that a build needs into a new folder. There is no git there. */
export async function copySources(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  const { code, stderr } = await run("cp", ["-r", ...SOURCES, folder], { cwd: ROOT });
  if (code !== 0) throw new Error(stderr);
}

/** Builds the sources in `root`, as `deno task build` does. */
export async function build(
  root: string,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ran> {
  return await run(Deno.execPath(), ["run", "-A", "--no-check", "build/main.ts", ...args], {
    cwd: root,
    env,
  });
}

/** A self-extracting file in `folder`: the run's, if it is one, else one that is built for this. */
export async function selfExtractingFile(folder: string): Promise<string> {
  const file = join(folder, "worker");
  const built = Deno.env.get(WORKER_BIN_VARIABLE);
  if (built) {
    const { stdout } = await run(resolve(ROOT, built), ["--version", "--json"]);
    if ((JSON.parse(stdout) as BuildInfo).build === "self-extracting") {
      await Deno.copyFile(resolve(ROOT, built), file);
      return file;
    }
  }
  const { code, stderr } = await build(ROOT, ["--kind", "self-extracting", "--to", folder]);
  if (code !== 0) throw new Error(stderr);
  return file;
}
