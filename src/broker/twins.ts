import { createHash } from "node:crypto";
import type { ConsumeMessage } from "amqplib";
import type { Outcome } from "./consumer.ts";

/** How far apart the two copies of one command may come. */
const WINDOW_MS = 60_000;

/** Where a copy was taken: from the fleet's own queue, or from the one it shares with the backend. */
export type Side = "own" | "shared";

/** A message that was taken, and whose copy has not come from the other side. */
interface Taken {
  readonly atMs: number;
  /** Whether it was handled; if it went back to its queue instead, its copy has to be. */
  readonly handled: Promise<boolean>;
}

/**
 * Counts a command once that comes by two queues. A pair is one message from each: the same bytes and the same
 * `message_id` twice from one queue are two commands, as the backend meant them.
 *
 * Guaranteed: nothing is dropped whose copy was not handled; whichever copy comes first is the one that is. Not
 * guaranteed across a change of the reader, which is not told what the one before has taken: a command whose two copies
 * lie on either side of it is carried out twice, as one may be that is delivered again after a broken connection.
 */
export class Twins {
  readonly #now: () => number;
  readonly #single: Record<Side, Map<string, Taken[]>> = { own: new Map(), shared: new Map() };
  #sweptAtMs: number;

  constructor(now: () => number) {
    this.#now = now;
    this.#sweptAtMs = now();
  }

  /** How many messages wait for their copy. */
  get size(): number {
    return this.#single.own.size + this.#single.shared.size;
  }

  /**
   * Handles `message` with `handle`, unless its copy from the other side has been handled within the last minute.
   *
   * @param expected whether a copy may still come, so that this one has to be remembered
   */
  async once(
    side: Side,
    message: ConsumeMessage,
    expected: boolean,
    handle: () => Promise<Outcome>,
  ): Promise<Outcome> {
    this.#sweep();
    const key = keyOf(message);
    const twin = this.#take(side === "own" ? "shared" : "own", key);
    if (twin !== undefined && await twin.handled) return "ack";
    if (!expected) return await handle();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const taken = { atMs: this.#now(), handled: promise };
    const ofKey = this.#single[side].get(key);
    if (ofKey === undefined) this.#single[side].set(key, [taken]);
    else ofKey.push(taken);
    let handled = false;
    try {
      const outcome = await handle();
      handled = outcome !== "requeue";
      return outcome;
    } finally {
      if (!handled) this.#keep(side, key, (other) => other !== taken);
      resolve(handled);
    }
  }

  /** The oldest that is young enough. */
  #take(side: Side, key: string): Taken | undefined {
    this.#keep(side, key, (taken) => this.#isFresh(taken));
    const twin = this.#single[side].get(key)?.[0];
    this.#keep(side, key, (taken) => taken !== twin);
    return twin;
  }

  #keep(side: Side, key: string, isKept: (taken: Taken) => boolean): void {
    const kept = this.#single[side].get(key)?.filter(isKept) ?? [];
    if (kept.length === 0) this.#single[side].delete(key);
    else this.#single[side].set(key, kept);
  }

  #sweep(): void {
    if (Math.abs(this.#now() - this.#sweptAtMs) < WINDOW_MS) return;
    this.#sweptAtMs = this.#now();
    for (const side of ["own", "shared"] as const) {
      for (const key of [...this.#single[side].keys()]) {
        this.#keep(side, key, (taken) => this.#isFresh(taken));
      }
    }
  }

  #isFresh({ atMs }: Taken): boolean {
    return this.#now() - atMs < WINDOW_MS;
  }
}

function keyOf({ content, properties }: ConsumeMessage): string {
  const hash = createHash("sha256").update(content).digest("base64");
  return `${hash} ${properties.messageId ?? ""}`;
}
