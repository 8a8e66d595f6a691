import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";

/** How much of the time connecting may keep the event loop busy; the rest is for the sessions that are connected. */
const SHARE = 0.75;
/** Connects that this much time is enough for begin at once. */
const BURST_MS = 100;
/** What a connect is taken to cost until enough of them were measured. */
const ASSUMED_COST_MS = 20;
/** How many connects are measured together, from one that has come to something to another. */
const MEASURED_TOGETHER = 16;
const LEAST_COST_MS = 1;
/** A timer this late says nothing about the load. */
const PUNCTUAL_MS = 5;

/** Options of {@link ConnectGate}. */
export interface ConnectGateOptions {
  /** A clock that never goes back, in milliseconds. @default performance.now */
  readonly now?: () => number;
  /** CPU time this process has used, in milliseconds. @default process.cpuUsage, user and system */
  readonly cpuMs?: () => number;
  /** Resolves after the time, rejects when `signal` aborts. @default a timer */
  readonly pause?: (ms: number, options: { signal: AbortSignal }) => Promise<unknown>;
}

/**
 * What every connect to WhatsApp goes through, so that hundreds of sessions that lose their links at once come back as
 * fast as the CPU allows, and no faster: the messages of those that are connected go through in between.
 *
 * The distance between two connects is what one has been measured to cost in CPU time, and a third on top; and when the
 * event loop turns out to be behind, that much longer. A few connects begin at once, a lone one always does. Nobody holds
 * a place here: a connect that hangs costs no CPU, and delays nobody.
 */
export class ConnectGate {
  readonly #now: () => number;
  readonly #cpuMs: () => number;
  readonly #pause: NonNullable<ConnectGateOptions["pause"]>;
  /** Who waits, the first come being the first; those somebody has asked for before all others. */
  readonly #asked = new Set<() => void>();
  readonly #others = new Set<() => void>();
  /** CPU time when the latest connects of a queue had come to something, the oldest first. */
  #measured: number[] = [];
  #costMs = ASSUMED_COST_MS;
  /** When all that was admitted is paid for. */
  #paidAtMs = -Infinity;
  #pumping = false;
  /** Ends the pause there is when nobody waits any more. */
  #pausing = new AbortController();

  constructor({ now, cpuMs, pause }: ConnectGateOptions = {}) {
    this.#now = now ?? (() => performance.now());
    this.#cpuMs = cpuMs ?? processCpuMs;
    this.#pause = pause ?? ((ms, options) => delay(ms, undefined, options));
  }

  /**
   * Resolves when a connect may begin, or when `signal` aborts: ask it which.
   *
   * @param urgent somebody has asked for this connect: it goes before those that nobody waits for
   * @returns to be called when the connect has come to something, good or bad; again, or never, does no harm
   */
  async pass(signal: AbortSignal, { urgent = false }: { urgent?: boolean } = {}): Promise<() => void> {
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    settled.then(() => this.#measure());
    if (signal.aborted) return settle;
    const { promise, resolve } = Promise.withResolvers<void>();
    const line = urgent ? this.#asked : this.#others;
    line.add(resolve);
    const leave = () => {
      line.delete(resolve);
      if (this.#waiting === 0) this.#pausing.abort();
      resolve();
    };
    signal.addEventListener("abort", leave, { once: true });
    if (!this.#pumping) this.#pump();
    await promise;
    signal.removeEventListener("abort", leave);
    return settle;
  }

  get #waiting(): number {
    return this.#asked.size + this.#others.size;
  }

  /** Admits one after the other until nobody waits. Never rejects. */
  async #pump(): Promise<void> {
    this.#pumping = true;
    this.#measured = [];
    while (this.#waiting > 0) {
      const dueAtMs = this.#paidAtMs - BURST_MS;
      const pauseMs = dueAtMs - this.#now();
      if (pauseMs <= 0) this.#admit();
      else {
        // One of its own: somebody may have come after it was ended, and before that is known here.
        const { signal } = this.#pausing = new AbortController();
        await this.#pause(pauseMs, { signal }).catch(() => {});
        const lateMs = this.#now() - dueAtMs;
        if (lateMs > PUNCTUAL_MS) this.#paidAtMs += lateMs;
      }
    }
    this.#pumping = false;
  }

  #admit(): void {
    const [line] = [this.#asked, this.#others].filter(({ size }) => size > 0);
    const [resolve] = line!;
    line!.delete(resolve!);
    this.#paidAtMs = Math.max(this.#paidAtMs, this.#now()) + this.#costMs / SHARE;
    resolve!();
  }

  /** While a queue waits, one connect comes to something for each that begins: what is used in between is its cost. */
  #measure(): void {
    if (!this.#pumping) return;
    this.#measured.push(this.#cpuMs());
    if (this.#measured.length <= MEASURED_TOGETHER) return;
    const costMs = (this.#measured.at(-1)! - this.#measured.shift()!) / MEASURED_TOGETHER;
    this.#costMs = Math.max(LEAST_COST_MS, costMs);
  }
}

function processCpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
