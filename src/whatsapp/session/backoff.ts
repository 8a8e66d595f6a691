/** Pauses: doubled from the first to the longest, each with jitter so that many sessions do not come back at once. */
export interface Pauses {
  readonly firstMs: number;
  readonly longestMs: number;
  /** A connection that lived this long was a good one; one that is lost sooner was only another failure. */
  readonly stableMs: number;
}

/** Of a link that was lost. */
const LOST: Pauses = { firstMs: 1_000, longestMs: 5 * 60_000, stableMs: 60_000 };
/**
 * Of a connection that another one took over. Who has the other one may not give way either: the two meet ever more
 * rarely, until one has had the number for longer than any pause.
 */
export const YIELDED: Pauses = {
  firstMs: 20 * 60_000,
  longestMs: 4 * 60 * 60_000,
  stableMs: 6 * 60 * 60_000,
};

/** Options of {@link Backoff}. */
export interface BackoffOptions {
  /** @default those after a link was lost */
  readonly pauses?: Pauses;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** How long a session waits before it tries WhatsApp again. */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;
  #openedAtMs: number | undefined;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** The connection is there; only its end shows whether it was worth anything. */
  opened(): void {
    this.#openedAtMs = this.#options.now();
  }

  /** The pause after one more failure, from half of it to all of it. */
  nextMs(): number {
    const { pauses: { firstMs, longestMs, stableMs } = LOST, now, random } = this.#options;
    if (this.#openedAtMs !== undefined && now() - this.#openedAtMs >= stableMs) this.#failures = 0;
    this.#openedAtMs = undefined;
    const ceilingMs = Math.min(longestMs, firstMs * 2 ** this.#failures++);
    return ceilingMs * (0.5 + random() / 2);
  }

  /** The longest pause, after a failure that repeats itself until somebody acts; that after the next one too. */
  longestMs(): number {
    this.#openedAtMs = undefined;
    this.#failures = Infinity;
    return this.nextMs();
  }
}
