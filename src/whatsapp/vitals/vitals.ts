import { type BinaryNode, proto, type WAMessage } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Store } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry.ts";
import { unlessAborted } from "../../waiting.ts";
import { type OwnAccount, person } from "../identities.ts";
import type { HealthWarning } from "../session/states.ts";
import { isMessageOfOthers, phoneSeenIn, prekeyCountIn } from "./vital_stanzas.ts";

/** WhatsApp unlinks a companion whose phone was away for 14 days; this long before there is still time to fetch it. */
const PHONE_UNSEEN_MS = 12 * 24 * 60 * 60_000;
/** A phone that has given no sign for so long, or never, is asked for one, every so often. */
const PHONE_ASKED_AFTER_MS = 10 * 24 * 60 * 60_000;
const PHONE_ASKED_EVERY_MS = 24 * 60 * 60_000;
/** Signs of the phone come with every message that is sent; one an hour is worth writing down. */
const PHONE_NOTED_EVERY_MS = 60 * 60_000;

/** A session's vitals as they are told. Moments are in ms since the epoch, `null` where nothing is known. */
export interface VitalsReport {
  /** The last stanza of any kind that WhatsApp sent; since the worker's start, as all but the phone and the undecryptable. */
  readonly lastStanzaAt: number | null;
  /** The last message of somebody else that came in. */
  readonly lastMessageAt: number | null;
  /** How long WhatsApp took to answer the last question: the keepalive, as a rule. */
  readonly keepaliveRoundTripMs: number | null;
  /** How many of this device's prekeys the server had left when it was asked last. */
  readonly prekeyCount: number | null;
  /** Until when WhatsApp lets the number write to nobody new; `null` also when it may. */
  readonly reachoutTimelockUntil: number | null;
  /** The last sign of the number's phone. */
  readonly phoneSeenAt: number | null;
  /** Messages that came in, could not be decrypted, and have not come again in a form that could; at most 1,000. */
  readonly undecryptable: number;
  /** Sockets that were open and on which nothing came any more. */
  readonly deafSockets: number;
}

/** What WhatsApp says of an account that reaches out to too many strangers. */
export interface ReachoutTimelock {
  readonly isActive?: boolean | undefined;
  readonly timeEnforcementEnds?: Date | undefined;
}

/** Options of {@link Vitals}. */
export interface VitalsOptions {
  readonly numberId: string;
  readonly store: Store;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
  readonly log: () => Logger;
}

/** What a session knows of its own health, from what its sockets hear. It holds on to no stanza. */
export class Vitals {
  readonly #options: VitalsOptions;
  #lastStanzaAtMs: number | undefined;
  #lastMessageAtMs: number | undefined;
  #roundTripMs: number | undefined;
  #prekeyCount: number | undefined;
  /** `Infinity` while WhatsApp does not say until when. */
  #timelockUntilMs = 0;
  #timelockToldAtMs = -Infinity;
  #timelockTold = Promise.withResolvers<void>();
  #phoneSeenAtMs: number | undefined;
  #phoneNotedAtMs = 0;
  #phoneWatchedSinceMs: number | undefined;
  #phoneMissed = false;
  #phoneAskedAtMs = -Infinity;
  #undecryptable = 0;
  #deafSockets = 0;

  constructor(options: VitalsOptions) {
    this.#options = options;
  }

  /** Recalls what was known before the restart. */
  async load(): Promise<void> {
    const { store, numberId } = this.#options;
    const { phoneSeenAtMs, phoneWatchedSinceMs, undecryptable, restrictedUntilMs = 0 } = await store.vitals
      .read(numberId);
    this.#timelockUntilMs = restrictedUntilMs;
    this.#phoneSeenAtMs = phoneSeenAtMs;
    this.#phoneNotedAtMs = phoneSeenAtMs ?? 0;
    this.#phoneWatchedSinceMs = phoneWatchedSinceMs;
    this.#undecryptable = undecryptable;
  }

  /** A socket is open: from now on the phone could give signs. */
  opened(): void {
    if (this.#phoneWatchedSinceMs === undefined) this.#notePhone(undefined);
  }

  /** The device is linked no more: what was known of its phone and its messages is another's. */
  forget(): void {
    this.#phoneSeenAtMs = this.#phoneWatchedSinceMs = this.#prekeyCount = undefined;
    this.#phoneNotedAtMs = this.#timelockUntilMs = this.#undecryptable = 0;
    this.#phoneMissed = false;
  }

  /** A stanza came in. */
  heard(stanza: BinaryNode, own: OwnAccount): void {
    const nowMs = this.#options.now();
    this.#lastStanzaAtMs = nowMs;
    if (isMessageOfOthers(stanza, own)) this.#lastMessageAtMs = nowMs;
    this.#prekeyCount = prekeyCountIn(stanza) ?? this.#prekeyCount;
    const seenAtMs = phoneSeenIn(stanza, own, nowMs);
    if (seenAtMs !== undefined && seenAtMs > (this.#phoneSeenAtMs ?? 0)) this.#seePhone(seenAtMs);
  }

  /** Whether the phone is to be asked for a sign now: without one nobody knows whether it is away or merely quiet. */
  isPhoneDue(): boolean {
    const nowMs = this.#options.now();
    const seen = nowMs - (this.#phoneSeenAtMs ?? -Infinity) < PHONE_ASKED_AFTER_MS;
    if (seen || nowMs - this.#phoneAskedAtMs < PHONE_ASKED_EVERY_MS) return false;
    this.#phoneAskedAtMs = nowMs;
    return true;
  }

  /** A question was answered. */
  roundTrip(ms: number): void {
    this.#roundTripMs = ms;
  }

  /** A socket turned out to be deaf. */
  deafSocket(): void {
    this.#deafSockets++;
  }

  /** WhatsApp said whether the number may write to people it has not written to before. Resolves when that is durable. */
  async timelock({ isActive, timeEnforcementEnds }: ReachoutTimelock): Promise<void> {
    const noted = this.#restrict(isActive ? timeEnforcementEnds?.getTime() ?? Infinity : 0);
    this.#timelockToldAtMs = this.#options.now();
    this.#timelockTold.resolve();
    this.#timelockTold = Promise.withResolvers();
    await noted;
  }

  /** WhatsApp refused a message to somebody new: until it has said more, the next one would fare no better. */
  async refusedNew(): Promise<void> {
    if (this.restrictedUntilMs === 0) await this.#restrict(Infinity);
  }

  /** Until when the number may write to nobody new, in ms since the epoch; `Infinity`: nobody knows; 0: it may. */
  get restrictedUntilMs(): number {
    return this.#timelockUntilMs > this.#options.now() ? this.#timelockUntilMs : 0;
  }

  async #restrict(untilMs: number): Promise<void> {
    const { store, numberId } = this.#options;
    const changes = untilMs !== this.#timelockUntilMs;
    this.#timelockUntilMs = untilMs;
    if (changes) await store.vitals.noteRestriction(numberId, untilMs === 0 ? undefined : untilMs);
  }

  /**
   * Until when WhatsApp lets the number write to nobody new, in ms since the epoch; `undefined` when it may, or WhatsApp
   * does not say. If it has not been told since `sinceMs`, that is waited for until `signal` aborts.
   */
  async timelockUntilMs(sinceMs: number, signal: AbortSignal): Promise<number | undefined> {
    if (this.#timelockToldAtMs < sinceMs) await unlessAborted(this.#timelockTold.promise, signal);
    return this.report().reachoutTimelockUntil ?? undefined;
  }

  /** Takes note of a message that Baileys could not decrypt, or now could. */
  async message({ key, messageStubType }: WAMessage): Promise<void> {
    const { store, numberId, telemetry } = this.#options;
    if (!key.remoteJid || !key.id) return;
    const whatsappId = key.id;
    // It may come again under its sender's other name.
    const { names } = person(key.remoteJid, key.remoteJidAlt);
    if (messageStubType === proto.WebMessageInfo.StubType.CIPHERTEXT) {
      telemetry?.undecryptable();
      this.#undecryptable = await store.vitals.noteUndecryptable({ numberId, chat: names[0]!, whatsappId });
    } else if (this.#undecryptable > 0) {
      this.#undecryptable = await store.vitals.noteDecrypted({ numberId, chats: names, whatsappId });
    }
  }

  /** What somebody should do something about although the number works, the gravest first. */
  get warnings(): HealthWarning[] {
    const nowMs = this.#options.now();
    const sinceMs = this.#phoneSeenAtMs ?? this.#phoneWatchedSinceMs ?? nowMs;
    const unseen = nowMs - sinceMs > PHONE_UNSEEN_MS;
    if (unseen && !this.#phoneMissed) {
      this.#options.log().warn(
        { phoneSeenAt: this.#phoneSeenAtMs },
        "no sign of the phone for 12 days: WhatsApp unlinks this device after 14, open WhatsApp on the phone",
      );
    }
    this.#phoneMissed = unseen;
    return [
      ...(unseen ? ["phone_unseen" as const] : []),
      ...(this.restrictedUntilMs > 0 ? ["restricted" as const] : []),
    ];
  }

  /** The vitals as they are now. */
  report(): VitalsReport {
    const untilMs = this.restrictedUntilMs;
    return {
      lastStanzaAt: this.#lastStanzaAtMs ?? null,
      lastMessageAt: this.#lastMessageAtMs ?? null,
      keepaliveRoundTripMs: this.#roundTripMs === undefined ? null : Math.round(this.#roundTripMs * 10) / 10,
      prekeyCount: this.#prekeyCount ?? null,
      reachoutTimelockUntil: untilMs > 0 && untilMs !== Infinity ? untilMs : null,
      phoneSeenAt: this.#phoneSeenAtMs ?? null,
      undecryptable: this.#undecryptable,
      deafSockets: this.#deafSockets,
    };
  }

  #seePhone(atMs: number): void {
    this.#phoneSeenAtMs = atMs;
    if (atMs - this.#phoneNotedAtMs >= PHONE_NOTED_EVERY_MS) this.#notePhone(atMs);
  }

  #notePhone(seenAtMs: number | undefined): void {
    const { store, numberId, now, log } = this.#options;
    this.#phoneNotedAtMs = seenAtMs ?? 0;
    this.#phoneWatchedSinceMs ??= now();
    store.vitals.notePhone(numberId, seenAtMs).catch((error) => {
      // It is known here; the next sign is written down again.
      this.#phoneNotedAtMs = 0;
      log().debug({ err: error }, "a sign of the phone could not be written down");
    });
  }
}
