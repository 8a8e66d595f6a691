import { isJidGroup } from "@whiskeysockets/baileys";
import type { Id } from "../../contract/ids.ts";
import { parseJson } from "../../contract/json.ts";
import type { Message } from "../../contract/messages.ts";
import type { Statement } from "../../store/database.ts";
import type { Span } from "../../store/handovers.ts";
import type { SendRecord } from "../../store/ledger.ts";
import type { Store } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry.ts";
import type { SendFailure } from "../outbound/failures.ts";
import type { Session } from "../session/session.ts";
import type { Socket } from "../socket/socket.ts";
import { expiredOfPace, restrictedTooLong } from "./failures.ts";
import type { Place } from "./place.ts";
import {
  type Budget,
  budgetsAt,
  gapOf,
  longest,
  type Pace,
  type PaceReason,
  parkPauseMs,
  typingMs,
  URGENT_PRIORITY,
  type Wait,
  waitFor,
} from "./rules.ts";
import { holdsToken } from "./trusted_contact.ts";
import { type WaitingNumber, WaitingSends } from "./waiting_sends.ts";

/** For how long it is not counted again how many sends are parked. */
const COUNTED_MS = 1_000;
/** How long a send is parked that only has to let others go first that were parked before it. */
const TURN_MS = 1_000;
/** How many numbers are told of one by one. */
const NUMBERS_TOLD = 50;

/** A send that is about to go out. */
export interface PacedSend {
  readonly record: SendRecord;
  readonly command: Message;
  /** As the broker has it. */
  readonly priority: number;
  /** When it is of no use any more, in ms since the epoch. */
  readonly expiresAtMs: number;
  readonly place: Place;
}

/** What is to be done with a send. */
export type Admission =
  /** It goes out; the writes that count it have to be durable before WhatsApp hears of it. */
  | { readonly outcome: "go"; readonly counting: () => readonly Statement[] }
  /** It goes back to its queue: something else may be more urgent, its link was lost, or this worker stops. */
  | { readonly outcome: "later" }
  /** It goes out of the way of others for so long. */
  | { readonly outcome: "park"; readonly forMs: number }
  | { readonly outcome: "fail"; readonly failure: SendFailure };

/** What a worker tells of the sends that wait for a pace. */
export interface PacingReport {
  /** How many wait. */
  readonly waiting: number;
  readonly byReason: Readonly<Partial<Record<PaceReason, number>>>;
  /** The numbers with most of them, at most 50. */
  readonly numbers: readonly (Omit<WaitingNumber, "numberId"> & { readonly numberId: Id })[];
}

/** Options of {@link Pacing}. */
export interface PacingOptions {
  readonly store: Store;
  /** As it is at the moment: it may change while sends wait for it. */
  readonly pace: () => Pace;
  readonly sessionOf: (numberId: string) => Session | undefined;
  /** How long a send is parked at a time. @default 30 s, and longer when there are many */
  readonly parkMs?: number | undefined;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
}

/**
 * Keeps every number to its pace: budgets, gaps and typing, and the restriction that WhatsApp puts on numbers which write
 * to too many strangers. A number's sends wait in their order; those that only a restriction holds up do not hold up others.
 */
export class Pacing {
  readonly #options: PacingOptions;
  readonly #waiting: WaitingSends;
  /** What each number is seen to be typing. */
  readonly #typing = new Map<string, { readonly fingerprint: string; readonly untilMs: number }>();
  /** How many of all numbers were parked, and when by `performance.now()`. */
  #parked = { count: 0, atMs: -Infinity };

  constructor(options: PacingOptions) {
    this.#options = options;
    this.#waiting = new WaitingSends(options);
  }

  /** Waits until the send may go out, or until something else has to be done with it. */
  async admit(send: PacedSend, session: Session, signal: AbortSignal): Promise<Admission> {
    const { record, expiresAtMs, place } = send;
    for (;;) {
      const socket = session.openSocket;
      if (socket === undefined) return { outcome: "later" };
      const toNew = await this.#isToNew(record, socket);
      const held = toNew ? await this.#restriction(send, session, socket) : undefined;
      if (held !== undefined) return this.#ended(record, held);
      const wait = await this.#waitOf(send, toNew, socket);
      if (wait === undefined) {
        if (toNew) await this.#tellParked(record);
        const counting = () => this.#options.store.handovers.counting(record, toNew);
        return this.#ended(record, { outcome: "go", counting });
      }
      const nowMs = this.#options.now();
      if (expiresAtMs <= nowMs) {
        return this.#ended(record, { outcome: "fail", failure: expiredOfPace(wait.reason) });
      }
      this.#waiting.waits(record, wait, place.behind ?? 0, session.log);
      if (!(await place.keep(Math.min(wait.untilMs, expiresAtMs) - nowMs, signal))) {
        return { outcome: "later" };
      }
    }
  }

  /** A send waits no more: it goes out, is parked or has failed, whoever had it in hand before. */
  ends(record: SendRecord): void {
    this.#waiting.ends(record);
    if (this.#typing.get(record.numberId)?.fingerprint === record.fingerprint) {
      this.#typing.delete(record.numberId);
    }
  }

  async #tellParked(record: SendRecord): Promise<void> {
    const { store, now, telemetry } = this.#options;
    const sinceMs = await store.parked.since(record);
    if (sinceMs !== undefined) telemetry?.paced("restricted", now() - sinceMs);
  }

  /** Why a send was too late, if that was the number's pace. */
  async failureOf(record: SendRecord): Promise<SendFailure | undefined> {
    const { store, sessionOf } = this.#options;
    if (await store.parked.since(record) !== undefined) {
      return restrictedTooLong(sessionOf(record.numberId)?.restrictedUntilMs);
    }
    const reason = this.#waiting.reasonOf(record.numberId);
    return reason && expiredOfPace(reason);
  }

  /** The sends that wait, for people and machines. */
  async report(): Promise<PacingReport> {
    const { store, sessionOf } = this.#options;
    // Whoever has taken a number over tells of what is parked of it.
    const parked = [...await store.parked.counts()].flatMap(([numberId, waiting]): WaitingNumber[] => {
      const untilMs = sessionOf(numberId)?.restrictedUntilMs;
      if (untilMs === undefined) return [];
      const until = untilMs === 0 || untilMs === Infinity ? null : untilMs;
      return [{ numberId, reason: "restricted", until, waiting }];
    });
    // Without its link a number waits for that, and not for its pace.
    const paced = this.#waiting.numbers.filter(({ numberId }) =>
      sessionOf(numberId)?.openSocket !== undefined
    );
    const numbers = [...paced, ...parked].sort((one, other) => other.waiting - one.waiting);
    const byReason: Partial<Record<PaceReason, number>> = {};
    for (const { reason, waiting } of numbers) byReason[reason] = (byReason[reason] ?? 0) + waiting;
    return {
      waiting: numbers.reduce((sum, { waiting }) => sum + waiting, 0),
      byReason,
      numbers: numbers.slice(0, NUMBERS_TOLD).map(({ numberId, ...number }) => {
        const record = sessionOf(numberId)?.record;
        return {
          numberId: record === undefined ? numberId : parseJson(record.numberIdJson) as Id,
          ...number,
        };
      }),
    };
  }

  #ended(record: SendRecord, admission: Admission): Admission {
    this.ends(record);
    return admission;
  }

  /** Whether the recipient is somebody that the number knows nothing of. A group is not. */
  async #isToNew({ numberId, chat }: SendRecord, { identities, baileys }: Socket): Promise<boolean> {
    const { store, now } = this.#options;
    if (isJidGroup(chat)) return false;
    const names = await identities.namesOf(chat);
    if (await store.contacts.knows(numberId, names)) return false;
    return !(await holdsToken(baileys.authState.keys, names, now()));
  }

  /** What becomes of a send to somebody new while the number may not write to those, or others go first that waited so. */
  async #restriction(
    { record, priority, expiresAtMs }: PacedSend,
    session: Session,
    socket: Socket,
  ): Promise<Admission | undefined> {
    const { store, now } = this.#options;
    const { numberId, fingerprint } = record;
    const key = { numberId, fingerprint, priority: Math.min(priority, URGENT_PRIORITY) };
    const untilMs = session.restrictedUntilMs;
    if (untilMs === 0 && !(await store.parked.isBehind(key))) return undefined;
    if (untilMs === Infinity) socket.askReachout();
    if (expiresAtMs <= now() || (untilMs !== Infinity && untilMs >= expiresAtMs)) {
      return { outcome: "fail", failure: restrictedTooLong(untilMs) };
    }
    await store.commit(store.parked.parking({ ...key, expiresAtMs }));
    if (untilMs === 0) return { outcome: "park", forMs: TURN_MS };
    const forMs = Math.min(await this.#parkMs(), Math.min(untilMs, expiresAtMs) - now());
    return { outcome: "park", forMs };
  }

  async #parkMs(): Promise<number> {
    const { store, parkMs } = this.#options;
    if (performance.now() - this.#parked.atMs > COUNTED_MS) {
      this.#parked = { count: await store.parked.count(), atMs: performance.now() };
    }
    return parkPauseMs(this.#parked.count, parkMs);
  }

  async #waitOf(send: PacedSend, toNew: boolean, socket: Socket): Promise<Wait | undefined> {
    if (send.priority >= URGENT_PRIORITY) return undefined;
    return await this.#budgetWait(send.record, toNew) ?? await this.#typingWait(send, socket);
  }

  async #budgetWait({ numberId }: SendRecord, toNew: boolean): Promise<Wait | undefined> {
    const { store: { handovers }, now } = this.#options;
    const pace = this.#options.pace();
    const nowMs = now();
    // What a clock that was wrong has written down for a time that is far off counts for nothing.
    const spanOf = ({ windowMs }: Budget): Span => ({ fromMs: nowMs - windowMs, toMs: nowMs + windowMs });
    const linkedAtMs = pace.warmUpDays > 0 ? await handovers.linkedSince(numberId) : 0;
    const waits = budgetsAt(pace, linkedAtMs, nowMs).map(async (budget) =>
      waitFor(budget, await handovers.nthLatest(numberId, budget.most, spanOf(budget)), nowMs)
    );
    const gap = toNew ? gapOf(pace) : undefined;
    const gapWait = gap && waitFor(gap, await handovers.latestToNew(numberId, spanOf(gap)), nowMs);
    return longest([...await Promise.all(waits), gapWait]);
  }

  /** Has the recipient see how the text is typed, and waits for as long as that takes. */
  async #typingWait({ record, command }: PacedSend, { baileys }: Socket): Promise<Wait | undefined> {
    const { numberId, fingerprint, chat } = record;
    if (command.type !== "TEXT") return undefined;
    const tookMs = typingMs(this.#options.pace(), command.content);
    if (tookMs === 0) return undefined;
    const nowMs = this.#options.now();
    let typing = this.#typing.get(numberId);
    // With a clock that was put back it would last for as long as that was.
    if (typing?.fingerprint !== fingerprint || typing.untilMs > nowMs + tookMs) {
      typing = { fingerprint, untilMs: nowMs + tookMs };
      this.#typing.set(numberId, typing);
      await baileys.sendPresenceUpdate("composing", chat).catch((err) =>
        this.#options.sessionOf(numberId)?.log.debug({ err }, "a recipient could not be shown the typing")
      );
    }
    return typing.untilMs > nowMs ? { reason: "typing", untilMs: typing.untilMs } : undefined;
  }
}
