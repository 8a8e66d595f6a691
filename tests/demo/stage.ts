/** Plays steps one after another, and knows which one it was when one fails or the play is broken off. */

import type { Screen } from "./screen.ts";

/** Somebody broke the play off. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  /** @param exitCode what a program ends with after this signal */
  constructor(readonly signal: Deno.Signal, readonly exitCode: number) {
    super(`Interrupted by ${signal}`);
  }
}

/** A step did not go as it must. */
export class StepFailed extends Error {
  override readonly name = "StepFailed";
  constructor(readonly step: string, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

/** Who acts in a step, and what for. */
export interface Step<T> {
  readonly who: string;
  readonly what: string;
  readonly work: () => T | Promise<T>;
  /** What to say of the result. @default nothing */
  readonly detail?: (result: T) => string;
}

/** Plays steps on a screen. */
export class Stage {
  /** @param signal aborted with an {@linkcode Interrupted}, or with the reason why no step can succeed any more */
  constructor(readonly screen: Screen, readonly signal: AbortSignal) {}

  /**
   * Does the work of a step and prints it. Once `signal` is aborted the work is no longer waited for: it must be
   * something that ends with the parts it uses.
   *
   * @throws {StepFailed} with the work's error, or the abort's reason
   * @throws {Interrupted} as the abort's reason
   */
  async step<T>(step: Step<T>): Promise<T> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(this.signal.reason);
    this.signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await this.prepare({ ...step, work: () => Promise.race([step.work(), aborted.promise]) });
    } finally {
      this.signal.removeEventListener("abort", onAbort);
    }
  }

  /** Like {@linkcode step} for work that makes something: it is waited for to its end, which is soon after an abort. */
  async prepare<T>({ who, what, work, detail = () => "" }: Step<T>): Promise<T> {
    try {
      this.signal.throwIfAborted();
      const result = await work();
      this.signal.throwIfAborted();
      this.screen.step(who, what, detail(result));
      return result;
    } catch (error) {
      const reason: unknown = this.signal.aborted ? this.signal.reason : error;
      throw reason instanceof Interrupted ? reason : new StepFailed(`${who} ${what}`, reason);
    }
  }
}
