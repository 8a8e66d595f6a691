/**
 * Preloaded into a program that is measured (`deno run --preload=… --v8-flags=--expose-gc`): it feels its event loop's
 * pulse, and at each SIGUSR2 collects its garbage and prints what it has seen, as JSON on a line of its own.
 */

import { Buffer } from "node:buffer";

/** What a program has seen of itself. */
export interface Seen {
  /** The longest its event loop was held up since it was asked before. */
  readonly blockMs: number;
  readonly heapMiB: number;
}

const PULSE_MS = 2;

let looks = 0;
let blockMs = 0;
let beat = performance.now();
const pulse = setInterval(() => {
  const now = performance.now();
  blockMs = Math.max(blockMs, now - beat - PULSE_MS);
  beat = now;
}, PULSE_MS);
Deno.unrefTimer(pulse as unknown as number);

Deno.addSignalListener("SIGUSR2", () => {
  const longest = blockMs;
  for (let collection = 0; collection < 2; collection++) (globalThis as unknown as { gc(): void }).gc();
  const seen: Seen = { blockMs: longest, heapMiB: Deno.memoryUsage().heapUsed / 2 ** 20 };
  Deno.stdout.writeSync(Buffer.from(`${JSON.stringify({ look: ++looks, seen })}\n`));
  beat = performance.now();
  blockMs = 0;
});
