/** Links all numbers before anything is broken. */

import type { Received } from "../backend/backend.ts";
import type { Deployment } from "./deployment.ts";
import { publication } from "./people.ts";
import type { Line, Schedule } from "./schedule.ts";

/** A picture takes a while to be read: more at once only make each other's codes run out. */
const AT_ONCE = 4;
const PATIENCE_MS = 60_000;

/** Waits for events as they come; gets every one of them through `hear`. */
export class Pairer {
  readonly #deployment: Deployment;
  readonly #waiting = new Set<
    { fits: (received: Received) => boolean; found: (received: Received) => void }
  >();

  constructor(deployment: Deployment) {
    this.#deployment = deployment;
  }

  hear(received: Received): void {
    for (const waiter of this.#waiting) if (waiter.fits(received)) waiter.found(received);
  }

  /** Starts every worker and waits for its first word. */
  async startWorkers(): Promise<void> {
    const ready = [...this.#deployment.posts].map(async ([workerId, { worker }]) => {
      const status = this.#next(
        `worker_status of ${workerId}`,
        ({ body }) => body.action === "worker_status" && body.workerId === workerId,
      );
      worker.start();
      await status;
    });
    await Promise.all(ready);
  }

  /**
   * Links every number.
   *
   * @returns by number, the worker that has it
   */
  async pairAll({ cast }: Schedule, onPaired: (count: number) => void): Promise<Map<number, string>> {
    const holders = new Map<number, string>();
    const lines = [...cast.lines];
    const pairers = Array.from({ length: AT_ONCE }, async () => {
      for (let line = lines.shift(); line !== undefined; line = lines.shift()) {
        holders.set(line.numberId, await this.#pair(line));
        onPaired(holders.size);
      }
    });
    await Promise.all(pairers);
    return holders;
  }

  async #pair({ numberId, phoneNumber, workerId }: Line): Promise<string> {
    const { backend, standIn } = this.#deployment;
    const about = ({ body }: Received) => Number(body.numberId) === numberId;
    const qr = this.#next(
      `QR of number ${numberId}`,
      (received) => about(received) && received.body.action === "qr_generated",
    );
    const connected = this.#next(
      `connected of number ${numberId}`,
      (received) => about(received) && received.body.action === "connected",
    );
    await backend.publish(
      "session.update",
      publication({
        action: "create",
        numberId,
        phoneNumber: `+${phoneNumber}`,
        ...workerId === undefined ? {} : { workerId },
      }),
    );
    // Both at once: should the first not come, the second must not be a rejection nobody handles.
    const [, { body }] = await Promise.all([
      qr.then(({ body }) => standIn.phone(phoneNumber).scanPng(String(body.qrCode))),
      connected,
    ]);
    return String(body.workerId);
  }

  #next(what: string, fits: (received: Received) => boolean): Promise<Received> {
    return new Promise((resolve, reject) => {
      const waiter = {
        fits,
        found: (received: Received) => {
          clearTimeout(timer);
          this.#waiting.delete(waiter);
          resolve(received);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        reject(new Error(`No ${what} within ${PATIENCE_MS / 1_000} s`));
      }, PATIENCE_MS);
      this.#waiting.add(waiter);
    });
  }
}
