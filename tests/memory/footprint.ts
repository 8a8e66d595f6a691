/** What a worker takes of its machine, seen over time. */

import { strict as assert } from "node:assert";
import { quantile } from "../bench/statistics.ts";
import type { WorkerProgram } from "../stack.ts";
import type { Left } from "./preloaded.ts";

/** What a worker has after its garbage was collected. */
export interface Footprint extends Left {
  /** Open file descriptors: sockets, files, pipes. */
  readonly handles: number;
}

/** Flags of `deno run` for a worker whose {@link footprintOf} is asked for. */
export const WATCHED: readonly string[] = [
  `--preload=${new URL("./preloaded.ts", import.meta.url).pathname}`,
  "--v8-flags=--expose-gc",
];

/** How much more than before still counts as the same: what is in flight at the moment differs from look to look. */
const TOLERANCE: Readonly<Record<keyof Footprint, number>> = {
  heap: 0.015,
  external: 0.02,
  resources: 0.1,
  handles: 0.05,
};

/** Looks at a worker that was started with {@link WATCHED}. */
export async function footprintOf(program: WorkerProgram): Promise<Footprint> {
  const left = await answerTo(program, "SIGUSR2") as Left;
  return { ...left, handles: [...Deno.readDirSync(`/proc/${program.process.pid}/fd`)].length };
}

/** Lets a minute pass on the clock of a worker that was started with {@link WATCHED}. */
export async function minutePasses(program: WorkerProgram): Promise<void> {
  await answerTo(program, "SIGUSR1");
}

async function answerTo(program: WorkerProgram, signal: "SIGUSR1" | "SIGUSR2"): Promise<unknown> {
  const nth = program.output().split(`{"answer":"${signal}`).length;
  program.process.kill(signal);
  const wanted = `{"answer":"${signal} ${nth}",`;
  await program.printed(wanted);
  const line = program.output().split("\n").find((line) => line.startsWith(wanted));
  return (JSON.parse(line!) as { said: unknown }).said;
}

/**
 * Fails when footprints grow. The first third of them is for the program to warm up; of the two after it the lower half
 * counts, where the least is in flight.
 *
 * @returns in words what was seen
 */
export function assertFlat(footprints: readonly Footprint[]): string {
  const third = Math.floor(footprints.length / 3);
  const middle = footprints.slice(-2 * third, -third);
  const last = footprints.slice(-third);
  const lines = (Object.keys(TOLERANCE) as (keyof Footprint)[]).map((name) => {
    const [before, after] = [middle, last].map((part) => quantile(part.map((each) => each[name]), 0.25));
    return { name, before: before!, after: after!, growth: after! / before! - 1 };
  });
  const seen = lines.map(({ name, before, after, growth }) =>
    `${name} ${before} → ${after} (${(growth * 100).toFixed(2)} %)`
  ).join(", ");
  for (const { name, growth } of lines) {
    const all = footprints.map((each) => each[name]).join(" ");
    assert(growth <= TOLERANCE[name], `Its ${name} grew: ${seen}; one look after the other: ${all}`);
  }
  return seen;
}
