/** The document's two `.env` files, each given to what reads it. */

import { join } from "node:path";
import { type Config, loadConfig } from "../../src/config/load.ts";
import { Program } from "../stack.ts";
import { CORRUPTED_ENV, RECOMMENDED_ENV } from "./document/env_texts.ts";
import type { Ended } from "./observations.ts";

/** The recommended file, as the loader reads it from disk with an empty environment. */
export async function loadRecommended(): Promise<Config> {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-conformity-" });
  try {
    const envFile = join(folder, ".env");
    await Deno.writeTextFile(envFile, RECOMMENDED_ENV, { mode: 0o600 });
    return await loadConfig({ envFile, environment: {} });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The worker program in a folder with the corrupted file, until it ends. */
export async function runOnCorrupted(): Promise<Ended> {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-conformity-" });
  try {
    await Deno.writeTextFile(join(folder, ".env"), CORRUPTED_ENV, { mode: 0o600 });
    const startedAt = performance.now();
    const program = new Program({}, folder);
    // A worker that takes this file would run on.
    const timer = setTimeout(() => program.process.kill("SIGKILL"), 20_000);
    const { code } = await program.process.status;
    clearTimeout(timer);
    await program.end();
    return { exitCode: code, output: program.output(), tookMs: performance.now() - startedAt };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
