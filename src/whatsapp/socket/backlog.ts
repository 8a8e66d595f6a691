/** Stanzas of one socket that may wait at once; they take a few kilobytes each. */
const LONGEST_BACKLOG = 500;

/** What can be told to read nothing for a while: a websocket. */
export interface Flow {
  pause(): void;
  resume(): void;
}

/**
 * Bounds what waits to be handled: beyond that the socket is not read, and the server keeps what it cannot send. While
 * the disk takes nothing for long the link is lost over it; what was not confirmed comes again on the next one.
 */
export class Backlog {
  readonly #flow: () => Flow | null;
  readonly #limit: number;
  #waiting = 0;
  #paused = false;

  /** @param flow what to pause; null once it is gone */
  constructor(flow: () => Flow | null, limit: number = LONGEST_BACKLOG) {
    this.#flow = flow;
    this.#limit = limit;
  }

  /** One more waits. */
  add(): void {
    if (++this.#waiting < this.#limit || this.#paused) return;
    this.#paused = true;
    this.#flow()?.pause();
  }

  /** One is done with. */
  done(): void {
    if (--this.#waiting > this.#limit / 2 || !this.#paused) return;
    this.#paused = false;
    this.#flow()?.resume();
  }
}
