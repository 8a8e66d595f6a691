/**
 * Preloaded into a worker program (`deno run --preload=… --v8-flags=--expose-gc`) whose memory is to be looked at from
 * outside. It answers signals, as JSON on a line of its own:
 *
 * - SIGUSR2: it collects its garbage and says what is left.
 * - SIGUSR1: a minute passes on its clock. Every connection so far then counts as one that was stable, so that however
 *   many links are lost the pause before the next one stays the shortest there is.
 */

import { Buffer } from "node:buffer";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { getHeapSpaceStatistics } from "node:v8";

/** What is left. */
export interface Left {
  /** Objects, in bytes; not what V8 compiles of a program for as long as it runs. */
  readonly heap: number;
  /** Buffers and the like outside the heap, in bytes. */
  readonly external: number;
  /** Timers and connections. */
  readonly resources: number;
}

const MINUTE_MS = 60_000;
/** Finalizers of one collection free what the next one takes. */
const COLLECTIONS = 3;

const realNow = Date.now;
let passedMs = 0;
Date.now = () => realNow() + passedMs;
Deno.addSignalListener("SIGUSR1", () => {
  passedMs += MINUTE_MS;
  answer("SIGUSR1", { passedMs });
});

Deno.addSignalListener("SIGUSR2", async () => {
  for (let collection = 0; collection < COLLECTIONS; collection++) {
    (globalThis as unknown as { gc(): void }).gc();
    await delay(1);
  }
  const left: Left = {
    heap: getHeapSpaceStatistics()
      .filter(({ space_name }) => !/code|trusted/.test(space_name))
      .reduce((bytes, { space_used_size }) => bytes + space_used_size, 0),
    external: Deno.memoryUsage().external,
    resources: process.getActiveResourcesInfo().length,
  };
  answer("SIGUSR2", left);
});

const answers = { SIGUSR1: 0, SIGUSR2: 0 };

function answer(signal: keyof typeof answers, said: unknown): void {
  const line = JSON.stringify({ answer: `${signal} ${++answers[signal]}`, said });
  Deno.stdout.writeSync(Buffer.from(`${line}\n`));
}
