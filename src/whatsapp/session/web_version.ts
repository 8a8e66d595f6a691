import { DEFAULT_CONNECTION_CONFIG, type WAVersion } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Memory } from "../../store/memory.ts";
import { unlessAborted } from "../../waiting.ts";
import { fetchWebVersion } from "./web_page.ts";

/** How long after WhatsApp's page was asked for the version it is not asked again. */
const ASK_AGAIN_MS = 5 * 60_000;
/** Under which the last good version is remembered. */
export const MEMORY_KEY = "whatsapp_web_version";
const VERSION = /^(\d{1,5})\.(\d{1,10})\.(\d{1,10})$/;

/** A version of WhatsApp Web, as the client names it when it logs in. */
export interface WebVersion {
  /** `major.minor.patch` */
  readonly text: string;
  readonly version: WAVersion;
  /** `bundled`: Baileys was published with it. `live`: WhatsApp's page says it. `last_good`: a login succeeded with it. */
  readonly source: "bundled" | "live" | "last_good";
}

/** Options of {@link WebVersions}. */
export interface WebVersionsOptions {
  /** Of the websocket: the page is on the same host. */
  readonly webUrl: string;
  readonly memory: Memory;
  /** How long the page may take. @default 10 s */
  readonly pageTimeoutMs?: number | undefined;
  readonly now: () => number;
  readonly log: Logger;
  /** Aborted when the worker ends. */
  readonly signal: AbortSignal;
}

/**
 * The versions of WhatsApp Web this worker knows, for all its sessions: that of Baileys, the last one a login succeeded
 * with, and, once one was refused as too old (405), the one WhatsApp's own page says. In use is the newest that was not
 * refused; never one that is older than the last good one, unless the page says it. While nothing is refused nobody asks
 * the page: a worker that cannot reach it starts as any other.
 */
export class WebVersions {
  readonly #options: WebVersionsOptions;
  #live: WebVersion | undefined;
  #lastGood: WebVersion | undefined;
  readonly #refused = new Set<string>();
  #refreshing: Promise<void> | undefined;
  #askedAtMs = -Infinity;
  #complainedOf: string | undefined;

  constructor(options: WebVersionsOptions) {
    this.#options = options;
  }

  /** Reads which version was good before the restart. */
  async recall(): Promise<void> {
    const { memory, log } = this.#options;
    const text = await memory.recall(MEMORY_KEY);
    this.#lastGood = parsed(text);
    if (text !== undefined && this.#lastGood === undefined) {
      log.warn({ text }, "the WhatsApp Web version in the database is none and not used");
    }
  }

  /** What to connect with now. */
  get current(): WebVersion {
    const known = this.#known;
    return known.find(({ text }) => !this.#refused.has(text)) ?? known[0]!;
  }

  /** A login with this version succeeded. Resolves when that is remembered. */
  async accepted(version: WebVersion): Promise<void> {
    this.#refused.delete(version.text);
    if (version.text !== this.current.text || version.text === this.#lastGood?.text) return;
    this.#lastGood = { ...version, source: "last_good" };
    await this.#options.memory.remember(MEMORY_KEY, version.text);
  }

  /**
   * WhatsApp has refused this version. However many sessions say so at once, its page is asked once.
   *
   * @returns whether there is another one to try now; `false`: only patience is left, or a newer worker
   */
  async refused({ text }: WebVersion, signal: AbortSignal): Promise<boolean> {
    if (text === this.current.text) {
      this.#refreshing ??= this.#refresh().finally(() => this.#refreshing = undefined);
    }
    this.#refused.add(text);
    if (this.#refreshing !== undefined) await unlessAborted(this.#refreshing, signal);
    const { current } = this;
    if (!this.#refused.has(current.text)) return true;
    if (!signal.aborted) this.#complain(current);
    return false;
  }

  /** The newest first; of the same version the one that is named first here. */
  get #known(): WebVersion[] {
    const floor = this.#lastGood;
    const known = [BUNDLED, this.#live, floor].filter((version) => version !== undefined);
    return known
      .filter((version) => version.source === "live" || floor === undefined || compare(version, floor) >= 0)
      .toSorted((a, b) => compare(b, a));
  }

  /** Asks WhatsApp's page, unless it has just been asked. Never rejects. */
  async #refresh(): Promise<void> {
    const { webUrl, pageTimeoutMs: timeoutMs, now, log, signal } = this.#options;
    if (now() - this.#askedAtMs >= ASK_AGAIN_MS) {
      this.#askedAtMs = now();
      try {
        const version = await fetchWebVersion(webUrl, { signal, timeoutMs });
        this.#live = { version, text: version.join("."), source: "live" };
        log.info({ version: this.#live.text }, "WhatsApp's page was asked which version is in use");
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, "WhatsApp's page did not say which version is in use");
      }
    }
  }

  #complain({ text }: WebVersion): void {
    if (this.#complainedOf === text) return;
    this.#complainedOf = text;
    this.#options.log.error({ code: "client_outdated", version: text, remedy: OUTDATED_REMEDY }, OUTDATED);
  }
}

/** What is wrong when WhatsApp refuses every version there is, */
const OUTDATED =
  "WhatsApp refuses this worker's version of WhatsApp Web as too old, and no newer one is known";
/** and what to do. */
const OUTDATED_REMEDY = "Upgrade the worker; until then it tries again every few minutes";

/** Both in one, for the backend. */
export const OUTDATED_SENTENCE = `${OUTDATED}: upgrade the worker`;

/** The one Baileys was published with. */
export const BUNDLED: WebVersion = {
  version: DEFAULT_CONNECTION_CONFIG.version,
  text: DEFAULT_CONNECTION_CONFIG.version.join("."),
  source: "bundled",
};

function parsed(text: string | undefined): WebVersion | undefined {
  const parts = VERSION.exec(text ?? "");
  if (parts === null) return undefined;
  const version: WAVersion = [Number(parts[1]), Number(parts[2]), Number(parts[3])];
  return { version, text: version.join("."), source: "last_good" };
}

function compare({ version: one }: WebVersion, { version: other }: WebVersion): number {
  return one[0] - other[0] || one[1] - other[1] || one[2] - other[2];
}
