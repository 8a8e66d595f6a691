/** Pauses: doubled from the first to the longest, each with jitter so that many sessions do not come back at once. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** A connection that lived this long was a good one; one that is lost sooner was only another failure. */
const STABLE_MS = 60_000;

/** Options of {@link Backoff}. */
export interface BackoffOptions {
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

  /** A person has asked for a connection: what failed before does not count. */
  reset(): void {
    this.#failures = 0;
    this.#openedAtMs = undefined;
  }

  /** The pause after one more failure, from half of it to all of it. */
  nextMs(): number {
    const { now, random } = this.#options;
    if (this.#openedAtMs !== undefined && now() - this.#openedAtMs >= STABLE_MS) this.#failures = 0;
    this.#openedAtMs = undefined;
    const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    return ceilingMs * (0.5 + random() / 2);
  }
}
