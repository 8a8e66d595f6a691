import type { Logger } from "pino";
import type { Telemetry } from "../../telemetry.ts";
import type { PaceReason, Wait } from "./rules.ts";

/** How long a send waits before that is worth a line in the log. */
const LONG_WAIT_MS = 5 * 60_000;
/** A send that nobody has had in hand for so long is not waiting here any more. */
const FORGOTTEN_AFTER_MS = 10 * 60_000;
/** How long a wait that is over explains why another send was too late. */
const REMEMBERED_MS = 60_000;

/** A number whose sends wait for its pace, as it is told. */
export interface WaitingNumber {
  readonly numberId: string;
  readonly reason: PaceReason;
  /** In ms since the epoch, as far as is known; `null`: until WhatsApp says so. */
  readonly until: number | null;
  /** How many sends wait: the first of the queue and those behind it. */
  readonly waiting: number;
}

interface WaitingSend {
  readonly sinceMs: number;
  readonly wait: Wait;
  readonly behind: number;
  readonly seenAtMs: number;
  readonly isLogged: boolean;
}

/** Options of {@link WaitingSends}. */
export interface WaitingSendsOptions {
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
}

/** The sends in hand that wait for their number's pace. A queue may hand out several in turn, by their priority. */
export class WaitingSends {
  readonly #options: WaitingSendsOptions;
  /** By number, then by fingerprint; the one had in hand last comes last. */
  readonly #numbers = new Map<string, Map<string, WaitingSend>>();
  readonly #past = new Map<string, { readonly reason: PaceReason; readonly endedAtMs: number }>();

  constructor(options: WaitingSendsOptions) {
    this.#options = options;
  }

  /** A send waits, with so many behind it. */
  waits(send: SendKey, wait: Wait, behind: number, log: Logger): void {
    const nowMs = this.#options.now();
    const ofNumber = this.#numbers.get(send.numberId) ?? new Map<string, WaitingSend>();
    const before = ofNumber.get(send.fingerprint);
    const sinceMs = before?.sinceMs ?? nowMs;
    const isLong = Math.max(nowMs, wait.untilMs) - sinceMs >= LONG_WAIT_MS;
    if (isLong && !before?.isLogged) {
      log.info(
        { reason: wait.reason, until: new Date(wait.untilMs).toISOString(), behind },
        "a send waits for its number's pace, and all behind it do",
      );
    }
    ofNumber.delete(send.fingerprint);
    ofNumber.set(send.fingerprint, { sinceMs, wait, behind, seenAtMs: nowMs, isLogged: isLong });
    this.#numbers.set(send.numberId, ofNumber);
  }

  /** A send does not wait any more: it goes out, or has failed. */
  ends({ numberId, fingerprint }: SendKey): void {
    const ofNumber = this.#numbers.get(numberId);
    const send = ofNumber?.get(fingerprint);
    if (ofNumber === undefined || send === undefined) return;
    ofNumber.delete(fingerprint);
    if (ofNumber.size === 0) this.#numbers.delete(numberId);
    const nowMs = this.#options.now();
    this.#past.set(numberId, { reason: send.wait.reason, endedAtMs: nowMs });
    this.#options.telemetry?.paced(send.wait.reason, nowMs - send.sinceMs);
  }

  /** What kept the number's sends waiting, now or a moment ago. */
  reasonOf(numberId: string): PaceReason | undefined {
    const present = this.#lastOf(numberId)?.wait.reason;
    if (present !== undefined) return present;
    const past = this.#past.get(numberId);
    const isRecent = past !== undefined && this.#options.now() - past.endedAtMs < REMEMBERED_MS;
    if (!isRecent) this.#past.delete(numberId);
    return isRecent ? past.reason : undefined;
  }

  /** Every number whose sends wait. */
  get numbers(): WaitingNumber[] {
    return [...this.#numbers.keys()].flatMap((numberId) => {
      const send = this.#lastOf(numberId);
      if (send === undefined) return [];
      const { wait: { reason, untilMs }, behind } = send;
      return [{ numberId, reason, until: untilMs, waiting: behind + 1 }];
    });
  }

  #lastOf(numberId: string): WaitingSend | undefined {
    const ofNumber = this.#numbers.get(numberId);
    const oldestMs = this.#options.now() - FORGOTTEN_AFTER_MS;
    for (const [fingerprint, { seenAtMs }] of ofNumber ?? []) {
      if (seenAtMs < oldestMs) ofNumber?.delete(fingerprint);
    }
    if (ofNumber?.size === 0) this.#numbers.delete(numberId);
    return [...ofNumber?.values() ?? []].at(-1);
  }
}

/** What names a send. */
export interface SendKey {
  readonly numberId: string;
  readonly fingerprint: string;
}
