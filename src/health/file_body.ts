import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

const PIECE_BYTES = 64 * 1024;

/** Options of {@link sendFile}. */
export interface FileBody {
  readonly file: Deno.FsFile;
  /** How long the client may take for each {@link PIECE_BYTES}. */
  readonly stallTimeoutMs: number;
}

/**
 * Sends a file piece by piece, each when the client has taken the one before. One that takes nothing for too long is cut
 * off, and so nobody holds the server for ever. Resolves when the response is over, however it ended.
 */
export async function sendFile(
  response: ServerResponse,
  { file, stallTimeoutMs }: FileBody,
): Promise<void> {
  const closed = new AbortController();
  response.once("close", () => closed.abort());
  // It may have been over before.
  if (response.destroyed) return;
  while (!closed.signal.aborted) {
    const piece = new Uint8Array(PIECE_BYTES);
    const length = await file.read(piece);
    if (length === null) return void response.end();
    if (response.write(piece.subarray(0, length))) continue;
    const taken = new AbortController();
    const over = AbortSignal.any([closed.signal, taken.signal]);
    response.once("drain", () => taken.abort());
    await delay(stallTimeoutMs, undefined, { signal: over }).then(() => response.destroy(), () => {});
  }
}
