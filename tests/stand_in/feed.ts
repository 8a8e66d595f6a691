/** A list that can be waited on. */

/** What arrives is kept in `items`; `next()` hands every item out once, in order. */
export class Feed<T> {
  readonly items: T[] = [];
  readonly #taken = new Set<T>();
  readonly #waiting = new Set<{ offer(item: T): boolean; fail(error: Error): void }>();

  push(item: T): void {
    this.items.push(item);
    for (const waiter of this.#waiting) {
      if (waiter.offer(item)) return;
    }
  }

  /**
   * The first item that fits and was not handed out before, already here or still to come.
   *
   * @throws Error naming `what` when none came within `timeoutMs`, or when the feed was closed
   */
  next(what: string, predicate: (item: T) => boolean, timeoutMs: number): Promise<T> {
    const found = this.items.find((item) => !this.#taken.has(item) && predicate(item));
    if (found !== undefined) {
      this.#taken.add(found);
      return Promise.resolve(found);
    }
    return new Promise((resolve, reject) => {
      const settle = () => {
        clearTimeout(timer);
        this.#waiting.delete(waiter);
      };
      const waiter = {
        offer: (item: T) => {
          if (!predicate(item)) return false;
          settle();
          this.#taken.add(item);
          resolve(item);
          return true;
        },
        fail: (error: Error) => {
          settle();
          reject(error);
        },
      };
      const timer = setTimeout(() => waiter.fail(new Error(`No ${what} within ${timeoutMs} ms`)), timeoutMs);
      this.#waiting.add(waiter);
    });
  }

  /** Rejects everyone still waiting. */
  close(): void {
    for (const waiter of this.#waiting) waiter.fail(new Error("The stand-in was closed"));
  }
}
