/** What the one file costs: its size, its starts, and its memory when nothing happens. */

import { join } from "node:path";
import { pair, type Stack, startStack } from "../stack.ts";
import { WORKER_BIN_VARIABLE, workerCommand } from "../worker_command.ts";
import { type Bench, guarded, PATIENCE_MS } from "./bench.ts";
import { usageOf } from "./process_usage.ts";
import type { Cell, Report } from "./report.ts";
import { median } from "./statistics.ts";

const ROUNDS = 5;
const ROOT = new URL("../../", import.meta.url).pathname;

/** Starts the file in some way. @returns how long that took, in ms */
type Start = (cache: string) => Promise<number>;

/** Measures `WORKER_BIN`, or a file that is built for it. */
export async function appliance(bench: Bench): Promise<Report> {
  const stack = bench.resources.use(
    await startStack({
      broker: bench.broker,
      environment: { ...guarded(bench), LOG_LEVEL: "info", SESSION_WIRING: "exchange" },
    }),
  );
  const file = await builtFile(bench, stack.folder);
  const starts: Record<string, Start> = {
    "--version": (cache) => ended(stack, cache, "--version"),
    "--check": (cache) => ended(stack, cache, "--check"),
    "ready": (cache) => ready(stack, cache),
  };
  const rows: Cell[][] = [];
  for (const [name, start] of Object.entries(starts)) {
    bench.say(`${ROUNDS} starts to ${name}, cold and warm`);
    rows.push([name, ...await coldAndWarm(stack.folder, start)]);
  }
  bench.say("memory at rest");
  return {
    subject: "appliance",
    tables: [
      {
        title: `The file: ${((await Deno.stat(file)).size / 1e6).toFixed(1)} MB; medians of ${ROUNDS} starts`,
        columns: [{ name: "" }, { name: "cold ms" }, { name: "warm ms" }],
        rows,
        notes: [
          "Cold: never unpacked before, and no compiled code kept. The stand-in is beside it, on loopback.",
        ],
      },
      {
        title: "At rest",
        columns: [{ name: "" }, { name: "resident MiB" }],
        rows: await atRest(stack),
      },
    ],
  };
}

/** From here on, programs of the stack are the file. */
async function builtFile(bench: Bench, folder: string): Promise<string> {
  const { program } = workerCommand();
  if (Deno.env.has(WORKER_BIN_VARIABLE)) return program;
  bench.say("building");
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "build/main.ts", "--to", folder],
    cwd: ROOT,
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const file = join(folder, "worker");
  Deno.env.set(WORKER_BIN_VARIABLE, file);
  bench.resources.defer(() => Deno.env.delete(WORKER_BIN_VARIABLE));
  return file;
}

async function coldAndWarm(folder: string, start: Start): Promise<[cold: number, warm: number]> {
  const cold: number[] = [], warm: number[] = [];
  while (cold.length < ROUNDS) {
    const cache = await Deno.makeTempDir({ dir: folder });
    cold.push(await start(cache));
    // The first one after it still finds no compiled code.
    await start(cache);
    warm.push(await start(cache));
    await Deno.remove(cache, { recursive: true });
  }
  return [median(cold), median(warm)];
}

async function ended(stack: Stack, cache: string, option: string): Promise<number> {
  const { program, args } = workerCommand([option]);
  const startedAt = performance.now();
  await new Deno.Command(program, {
    args,
    cwd: stack.folder,
    env: { ...stack.environment, WORKER_CACHE_DIR: cache },
    stdout: "null",
    stderr: "null",
  }).output();
  return performance.now() - startedAt;
}

async function ready(stack: Stack, cache: string): Promise<number> {
  const startedAt = performance.now();
  const program = stack.startProgram({ WORKER_CACHE_DIR: cache });
  await program.printed("the worker is ready", PATIENCE_MS);
  const tookMs = performance.now() - startedAt;
  program.process.kill("SIGTERM");
  await program.process.status;
  return tookMs;
}

/** Memory with no session and with one, a while after the last thing happened. */
async function atRest(stack: Stack): Promise<Cell[][]> {
  const cache = await Deno.makeTempDir({ dir: stack.folder });
  // The first start compiles everything, and keeps twice the memory for it.
  for (let start = 0; start < 2; start++) await ready(stack, cache);
  const program = stack.startProgram({ WORKER_CACHE_DIR: cache });
  await program.printed("the worker is ready", PATIENCE_MS);
  const resident = async () => {
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    return (await usageOf(program.process.pid)).residentMiB;
  };
  const none = await resident();
  await pair(stack, { numberId: 1, phoneNumber: "221770000001" });
  const one = await resident();
  program.process.kill("SIGTERM");
  await program.process.status;
  return [["no session", none], ["one session", one]];
}
