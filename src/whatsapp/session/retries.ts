import { Backoff, type BackoffOptions, YIELDED } from "./backoff.ts";

/** What a run knows of its failures since it was last connected: when to try again, and what it has told of them. */
export class Retries {
  readonly #lost: Backoff;
  readonly #yielded: Backoff;
  readonly #told = new Set<string>();

  constructor(options: BackoffOptions) {
    this.#lost = new Backoff(options);
    this.#yielded = new Backoff({ pauses: YIELDED, ...options });
  }

  /** The session is connected. */
  opened(): void {
    for (const backoff of [this.#lost, this.#yielded]) backoff.opened();
    this.#told.clear();
  }

  /** Whether this cause was not told yet: each is, once, and not at every attempt of a long outage. */
  isNews(cause: string): boolean {
    if (this.#told.has(cause)) return false;
    this.#told.add(cause);
    return true;
  }

  /** The pause after a failure that may be over at any time. */
  afterFailureMs(): number {
    return this.#lost.nextMs();
  }

  /** The pause after one that stays until somebody acts. */
  untilSomebodyActsMs(): number {
    return this.#lost.longestMs();
  }

  /** The pause after another connection took over. */
  afterYieldMs(): number {
    return this.#yielded.nextMs();
  }
}
