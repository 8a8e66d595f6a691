import { type BinaryNode, S_WHATSAPP_NET } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import { prekeyCountIn } from "./vital_stanzas.ts";

/** When a probe asks, and what it makes of silence. */
export interface ProbeTimings {
  /** Between two questions; a fifth more or less, so that many sessions do not ask at once. @default 25 s */
  readonly intervalMs: number;
  /** How long an answer may take. @default 10 s */
  readonly patienceMs: number;
  /** For how long answers to pings are enough. Then the server's session is asked for its prekeys. @default 5 minutes */
  readonly countEveryMs: number;
  /**
   * How long nothing may be delivered before the socket is exchanged for a new one; a quarter more or less. There are
   * sockets on which every question is answered and nothing comes any more. @default 2 hours
   */
  readonly quietMs: number;
}

const DEFAULT_TIMINGS: ProbeTimings = {
  intervalMs: 25_000,
  patienceMs: 10_000,
  countEveryMs: 5 * 60_000,
  quietMs: 2 * 60 * 60_000,
};

/** What a probe has found. */
export type Verdict =
  /** The socket is open, and what is asked on it is not answered. */
  | "deaf"
  /** It answers, and nothing has been delivered on it for so long that it is worth a new one. */
  | "quiet";

/** Options of {@link Probe}. */
export interface ProbeOptions {
  readonly send: (stanza: BinaryNode) => Promise<void>;
  /** A fresh id for a stanza. */
  readonly newId: () => string;
  /** A question was answered. */
  readonly onRoundTrip: (ms: number) => void;
  /** Where not as {@link ProbeTimings} has it. */
  readonly timings?: Partial<ProbeTimings> | undefined;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

type Question = "ping" | "count";

/** A single silence may be a moment's trouble on the way; with nothing else coming in either, the second one is not. */
const SILENCES_ALONE = 2;
/** While other stanzas come in, an answer may only be late behind them. */
const SILENCES_IN_TRAFFIC = 6;
/** Sends in a row that WhatsApp's server says nothing to. */
const UNANSWERED_SENDS = 3;
/** At this many prekeys or fewer Baileys uploads more: the count is out of date as soon as it is known. */
const LOW_PREKEYS = 5;
/** What the server keeps for a device until the device has it. */
const DELIVERIES: readonly string[] = ["message", "receipt", "notification", "call"];

/** Finds out whether somebody listens at the other end of a socket, by asking: that it is open says nothing. */
export class Probe {
  readonly #options: ProbeOptions;
  readonly #timings: ProbeTimings;
  readonly #quietMs: number;
  #over = false;
  #heard = 0;
  #deliveredAt = performance.now();
  #countedAt: number | undefined;
  #lowCount = false;
  #unansweredSends = 0;
  #doubted = false;
  /** Ends the pause between two questions. */
  #wake = () => {};
  #awaited: { readonly id: string; readonly resolve: (answered: boolean) => void } | undefined;

  constructor(options: ProbeOptions) {
    this.#options = options;
    this.#timings = { ...DEFAULT_TIMINGS, ...options.timings };
    this.#quietMs = this.#timings.quietMs * (0.75 + options.random() / 2);
  }

  /** Takes note of a stanza that came in. */
  heard(stanza: BinaryNode): void {
    const { tag, attrs } = stanza;
    this.#heard++;
    if (DELIVERIES.includes(tag)) this.#deliveredAt = performance.now();
    if (tag === "ack" && attrs.class === "message") this.#unansweredSends = 0;
    const count = prekeyCountIn(stanza);
    if (count !== undefined) {
      this.#countedAt = performance.now();
      this.#lowCount = count <= LOW_PREKEYS;
    }
    if (tag === "iq" && attrs.id === this.#awaited?.id) this.#awaited?.resolve(true);
  }

  /** A send was not answered: asks at once what the socket is worth. */
  doubt(): void {
    this.#unansweredSends++;
    this.#doubted = true;
    this.#wake();
  }

  /**
   * Asks again and again, from the login on. Resolves with what it has found; `undefined` when it was stopped.
   *
   * @param onProven called once, when the server has answered a question on this socket: to be logged in is not enough, as
   * Baileys goes on when its questions during the login are not answered
   */
  async run(onProven: () => void): Promise<Verdict | undefined> {
    if ((this.#countedAt === undefined || this.#lowCount) && !(await this.#lives())) return this.#deaf();
    if (this.#over) return undefined;
    onProven();
    while (!this.#over) {
      await this.#pause();
      if (this.#over) break;
      if (performance.now() - this.#deliveredAt > this.#quietMs) return "quiet";
      if (!(await this.#lives()) || this.#unansweredSends >= UNANSWERED_SENDS) return this.#deaf();
    }
    return undefined;
  }

  /** Ends {@link run}. */
  stop(): void {
    this.#over = true;
    this.#wake();
    this.#awaited?.resolve(false);
  }

  #deaf(): Verdict | undefined {
    return this.#over ? undefined : "deaf";
  }

  /** Asks until there is an answer, or there has been silence for too long. */
  async #lives(): Promise<boolean> {
    const counted = this.#countedAt !== undefined && !this.#lowCount &&
      performance.now() - this.#countedAt < this.#timings.countEveryMs;
    let question: Question = counted && !this.#doubted ? "ping" : "count";
    this.#doubted = false;
    for (let silences = 1; silences <= SILENCES_IN_TRAFFIC && !this.#over; silences++) {
      const heardBefore = this.#heard;
      if (await this.#ask(question)) return true;
      if (silences >= SILENCES_ALONE && this.#heard === heardBefore) break;
      question = "count";
    }
    return false;
  }

  /** @returns whether the server answered in time */
  async #ask(question: Question): Promise<boolean> {
    const { send, newId, onRoundTrip, log } = this.#options;
    const id = newId();
    const askedAt = performance.now();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#awaited = { id, resolve };
    const timer = setTimeout(() => resolve(false), this.#timings.patienceMs);
    // A socket that takes nothing more answers nothing either: there is the one judgement.
    send(stanzaOf(question, id)).catch((error) => log.debug({ err: error }, "a probe could not be sent"));
    const answered = await promise;
    clearTimeout(timer);
    this.#awaited = undefined;
    if (answered) onRoundTrip(performance.now() - askedAt);
    else if (!this.#over) log.debug({ question }, "WhatsApp did not answer in time");
    return answered;
  }

  async #pause(): Promise<void> {
    if (this.#doubted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = setTimeout(resolve, this.#timings.intervalMs * (0.8 + this.#options.random() * 0.4));
    await promise;
    clearTimeout(timer);
  }
}

/** The questions of WhatsApp Web's own client: its keepalive, and how many prekeys the server still has. */
function stanzaOf(question: Question, id: string): BinaryNode {
  const xmlns = question === "ping" ? "w:p" : "encrypt";
  return {
    tag: "iq",
    attrs: { id, to: S_WHATSAPP_NET, type: "get", xmlns },
    content: [{ tag: question, attrs: {} }],
  };
}
