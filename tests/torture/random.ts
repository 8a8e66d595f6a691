/** Chance that a seed repeats: every choice of a torture comes from here. */

/** A stream of choices, the same for the same seed. */
export class Random {
  #state: number;

  /** @param seed any text; streams of different texts have nothing to do with each other */
  constructor(readonly seed: string) {
    // FNV-1a.
    this.#state = [...new TextEncoder().encode(seed)].reduce(
      (hash, byte) => Math.imul(hash ^ byte, 0x01000193),
      0x811c9dc5,
    );
  }

  /** A stream of its own: what is drawn from it moves nobody else's choices. */
  fork(label: string): Random {
    return new Random(`${this.seed}/${label}`);
  }

  /** A number in [0, 1); mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let bits = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** A whole number from `min` to `max`, the small ones more often. */
  skewed(min: number, max: number): number {
    return Math.round(min + (max - min) * this.next() ** 2);
  }

  /** How long until something happens that happens every `meanMs` on average. */
  gapMs(meanMs: number): number {
    return Math.max(1, Math.round(-Math.log(1 - this.next()) * meanMs));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.integer(0, items.length - 1)]!;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.integer(0, last);
      [shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!];
    }
    return shuffled;
  }
}
