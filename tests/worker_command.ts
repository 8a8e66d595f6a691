/**
 * The worker as its users run it: from source with the permissions of the `start` task, or, when `WORKER_BIN` names
 * one, as a file that `deno task build` has made. The tests that start the worker as a process take it from here.
 */

import { join, resolve } from "node:path";
import { PERMISSION_FLAGS } from "../build/permissions.ts";

/** Names the built file that tests run instead of the source. */
export const WORKER_BIN_VARIABLE = "WORKER_BIN";

const ROOT = new URL("../", import.meta.url).pathname;

/** A program and its arguments. */
export interface CommandLine {
  readonly program: string;
  readonly args: string[];
}

/**
 * How to run `worker ARGS`.
 *
 * @param flags of `deno run`, which a built file does not take: with some it is the source that runs
 */
export function workerCommand(args: readonly string[] = [], flags: readonly string[] = []): CommandLine {
  const built = Deno.env.get(WORKER_BIN_VARIABLE);
  if (built && flags.length === 0) return { program: resolve(ROOT, built), args: [...args] };
  const source = [
    `--config=${join(ROOT, "deno.json")}`,
    ...PERMISSION_FLAGS,
    ...flags,
    join(ROOT, "main.ts"),
  ];
  return { program: Deno.execPath(), args: ["run", ...source, ...args] };
}
