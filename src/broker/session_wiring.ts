import { Buffer } from "node:buffer";
import type { Logger } from "pino";
import type { Memory } from "../store/memory.ts";
import { closeChannel, openChannel } from "./channel.ts";
import type { Link } from "./connection.ts";
import type { BrokerNames } from "./names.ts";
import { APP_ID, type ConfirmedChannel } from "./publishing.ts";
import { pause, whenAborted } from "../waiting.ts";
import { adviceFor, MEMORY_KEY, type Wiring, wiringOf, type WiringSettings } from "./wiring.ts";

/** How often a worker that has no proof itself looks whether another one has. */
const NOTE_PAUSE_MS = 5_000;

/** Options of {@link SessionWiring}. */
export interface SessionWiringOptions {
  readonly settings: WiringSettings & {
    readonly RABBITMQ_EXCHANGE: string;
    readonly RABBITMQ_PREFIX: string;
  };
  readonly names: BrokerNames;
  readonly memory: Memory;
  readonly workerId: string;
  readonly now: () => number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** What `worker_status` says of the wiring. */
export interface WiringReport {
  readonly wiring: Wiring["name"];
  /** Whether commands or events may be taken by the wrong side, */
  readonly bestEffort: boolean;
  /** and if so, the line of the `.env` that ends it. */
  readonly advice?: string;
}

/**
 * The wiring of the session queue, as this worker knows it. `auto` is undecided until a command has come through the
 * backend's exchange. Whoever reads it remembers that on its disk, and leaves a note on the broker: a worker that comes
 * later, or reads next, must not read the shared queue again. It would carry out copies of what another has done, and
 * hold events of all workers back while the backend gets their successors.
 */
export class SessionWiring {
  readonly #options: SessionWiringOptions;
  readonly #settled = new AbortController();
  #wiring: Wiring;
  #exchangeThere = false;
  #cameBy: string | undefined;
  readonly #seen = new Set<string>();
  #proving: Promise<void> | undefined;
  #said = false;

  constructor(options: SessionWiringOptions) {
    this.#options = options;
    this.#wiring = wiringOf(options.settings, options.names, false);
  }

  /** The wiring now. Its bindings are those of the wiring it may become. */
  get current(): Wiring {
    return this.#wiring;
  }

  /** Aborts when the wiring is undecided no more: the shared queue is the backend's alone then. */
  get settled(): AbortSignal {
    return this.#settled.signal;
  }

  /** Recalls what earlier runs have found out. To be called before anything is read. */
  async recall(): Promise<void> {
    const { memory } = this.#options;
    this.#cameBy = await memory.recall(MEMORY_KEY.cameBy);
    if (this.#isUndecided() && await memory.recall(MEMORY_KEY.proven) !== undefined) this.#settle();
  }

  /** A role of the connection: says once where the wiring stands, and learns of a proof that another worker has. */
  readonly role = async (link: Link): Promise<void> => {
    const open = await openChannel(link);
    const ended = AbortSignal.any([open.closed, this.#options.signal]);
    try {
      while (this.#isUndecided() && !ended.aborted) {
        if (await this.#isNoted(open)) await this.#learn();
        else {
          this.#say();
          await pause(NOTE_PAUSE_MS, AbortSignal.any([ended, this.settled]));
        }
      }
      this.#say();
      await whenAborted(ended);
    } finally {
      await closeChannel(open);
    }
  };

  /** For whoever becomes the reader, before it reads: makes the worker and the note on the broker agree. */
  async agree(open: ConfirmedChannel): Promise<void> {
    const { SESSION_WIRING } = this.#options.settings;
    if (SESSION_WIRING !== "auto" || this.#wiring.name === "queue") return;
    const noted = await this.#isNoted(open);
    if (noted && this.#isUndecided()) await this.#learn();
    else if (!noted && !this.#isUndecided()) await this.#note(open);
  }

  /** A command has come through the exchange. Resolves when that is remembered; the command is acted on after that. */
  async prove(open: ConfirmedChannel): Promise<void> {
    if (!this.#isUndecided()) return;
    this.#proving ??= this.#prove(open).finally(() => this.#proving = undefined);
    await this.#proving;
  }

  /** Resolves when a proof that is being remembered is. */
  async decided(): Promise<void> {
    await this.#proving;
  }

  /** A command was on the shared queue, published to `exchange`; `""`: straight to the queue. */
  async saw(exchange: string): Promise<void> {
    const { memory, settings, log } = this.#options;
    if (this.#seen.has(exchange)) return;
    this.#seen.add(exchange);
    this.#cameBy = exchange;
    if (exchange !== settings.RABBITMQ_EXCHANGE) {
      log.warn(
        { queue: settings.QUEUE_SESSION_UPDATE, exchange, advice: this.report().advice },
        exchange === ""
          ? "the backend publishes commands straight to the queue it reads events from: those it takes itself are lost"
          : "the backend publishes commands through another exchange than RABBITMQ_EXCHANGE",
      );
    }
    await memory.remember(MEMORY_KEY.cameBy, exchange);
  }

  /** Whether the backend's exchange is there. */
  sawExchange(there: boolean): void {
    this.#exchangeThere = there;
  }

  /** How the wiring stands. */
  report(): WiringReport {
    const { name, sharedQueue } = this.#wiring;
    if (sharedQueue === undefined) return { wiring: name, bestEffort: false };
    const sightings = { exchangeThere: this.#exchangeThere, cameBy: this.#cameBy };
    return {
      wiring: name,
      bestEffort: true,
      advice: adviceFor(this.#wiring, this.#options.settings, sightings),
    };
  }

  #isUndecided(): boolean {
    return this.#wiring.name === "undecided";
  }

  async #prove(open: ConfirmedChannel): Promise<void> {
    await this.#learn();
    await this.#note(open);
  }

  async #learn(): Promise<void> {
    const { memory, now, settings, log } = this.#options;
    await memory.remember(MEMORY_KEY.proven, new Date(now()).toISOString());
    this.#settle();
    const { RABBITMQ_EXCHANGE: exchange, QUEUE_SESSION_UPDATE: queue } = settings;
    const { wiring } = this.report();
    log.info(
      { wiring, exchange, queue },
      "commands come through the exchange: the queue is not read any more",
    );
  }

  #settle(): void {
    this.#wiring = wiringOf(this.#options.settings, this.#options.names, true);
    this.#settled.abort();
  }

  async #isNoted({ channel }: Pick<ConfirmedChannel, "channel">): Promise<boolean> {
    return (await channel.checkQueue(this.#options.names.wiringNote)).messageCount > 0;
  }

  async #note(open: ConfirmedChannel): Promise<void> {
    const { names, workerId, now } = this.#options;
    const note = { wiring: this.#wiring.name, workerId, timestamp: now() };
    await open.publish("", names.wiringNote, Buffer.from(JSON.stringify(note)), {
      contentType: "application/json",
      appId: APP_ID,
    });
  }

  #say(): void {
    const { wiring, bestEffort, advice } = this.report();
    if (this.#said || !bestEffort) return;
    this.#said = true;
    this.#options.log.warn(
      { wiring, bestEffort, queue: this.#wiring.sharedQueue, advice },
      wiring === "undecided"
        ? "no command has come through the exchange yet: until one does, the backend and the worker may take each other's messages"
        : "commands and events go through one queue: the backend and the worker take each other's messages",
    );
  }
}
