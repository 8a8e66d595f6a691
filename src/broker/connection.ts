import amqp, { type ChannelModel } from "amqplib";
import type { Logger } from "pino";
import { amqpCode, isRefusal, messageOf, NOT_FOUND } from "./reply_codes.ts";
import { isCertificateFault, type TlsOptions } from "./tls.ts";
import { UnusableQueue } from "./unusable_queue.ts";
import { goodbye } from "./goodbye.ts";
import { pause, unlessAborted, whenAborted } from "../waiting.ts";

/** How long a connection attempt may take, and how long the broker may be silent before it counts as gone. */
const CONNECT_TIMEOUT_MS = 10_000;
const HEARTBEAT_S = 10;
/** Pauses between attempts: doubled from the first to the last, each drawn at random from its upper half. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 15_000;
/** Nobody leaves a lost connection alone for longer than this and what the broker may take to answer. */
const LONGEST_LULL_MS = 120_000;

/** The broker could not be reached, or refused the login. Ends the program at start with exit code 69. */
export class BrokerUnavailable extends Error {
  override readonly name = "BrokerUnavailable";
  readonly code = "broker_unavailable";
  readonly remedy: string;

  constructor(cause: unknown) {
    super(`Cannot connect to RabbitMQ: ${messageOf(cause)}`, { cause });
    this.remedy = cause instanceof UnusableQueue
      ? cause.remedy
      : isCertificateFault(cause)
      ? "Check that RABBITMQ_URL has the name on the broker's certificate and, where the authority is your own, " +
        "RABBITMQ_CA_FILE (a broker that asks for the worker's certificate: RABBITMQ_CERT_FILE and RABBITMQ_KEY_FILE)"
      : "Check RABBITMQ_URL (host, port, user, password, vhost) and that the broker runs; --check tells which it is";
  }
}

/** One living connection. */
export interface Link {
  readonly model: ChannelModel;
  /** Aborts when the connection is gone; the reason says why. */
  readonly signal: AbortSignal;
  /** The heartbeat asked for: the broker notices a silent client after three of them at most. */
  readonly heartbeatMs: number;
  /** While the broker takes no messages: resolves when it takes them again. A connection that is lost stays blocked. */
  readonly blocked: () => Promise<void> | undefined;
}

/**
 * What is done over a connection, from start to end: it sets up its channel, works until `link.signal` (or its own
 * channel) ends, and returns. It is started anew on the next connection, and after a pause when only its channel died.
 */
export type Role = (link: Link) => Promise<void>;

/** Where the connection stands, as reported in `worker_status`. */
export type BrokerState = "connecting" | "connected" | "blocked" | "closed";

/** Options of {@link Connection}. */
export interface ConnectionOptions {
  readonly url: string;
  /** Read for every connection over `amqps:`; a throw counts as a failed attempt. @default what the machine trusts */
  readonly tls?: () => Promise<TlsOptions>;
  /** How the broker's own tools name this connection. */
  readonly name: string;
  readonly log: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Done on every new connection before any role starts; a throw counts as a failed attempt to connect. */
  readonly prepare: (link: Link) => Promise<void>;
  /** Called with why, each time that {@link Connection.open} has to wait and try again. */
  readonly onAwaited?: ((why: string) => void) | undefined;
}

/** The one connection to the broker, made again for ever; what runs over it are roles. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #url: URL;
  readonly #stopping = new AbortController();
  /** Ends the socket itself, in whatever state: the broker had its chance to say goodbye. */
  readonly #severed = new AbortController();
  #state: BrokerState = "connecting";
  #trouble: string | undefined;
  #link: PromiseWithResolvers<Link> = Promise.withResolvers();
  #model: ChannelModel | undefined;
  #supervision: Promise<void> = Promise.resolve();
  #attemptedAtMs = performance.now();

  constructor(options: ConnectionOptions) {
    this.#options = options;
    const url = URL.parse(options.url);
    // What `new URL` throws quotes the text, password and all.
    if (url === null) throw new TypeError("Cannot read the broker's URL");
    if (!url.searchParams.has("heartbeat")) url.searchParams.set("heartbeat", String(HEARTBEAT_S));
    this.#url = url;
  }

  get state(): BrokerState {
    return this.#state;
  }

  /** Whether the connection stands, or somebody sees to it that it does again, however long the broker is away. */
  get attended(): boolean {
    const patienceMs = LONGEST_LULL_MS + 3 * heartbeatOf(this.#url);
    return this.#state !== "connecting" || performance.now() - this.#attemptedAtMs < patienceMs;
  }

  /** Why there is no connection, in the words of the last failure; `undefined` while there is one, or none was tried. */
  get trouble(): string | undefined {
    return this.#trouble;
  }

  /**
   * Connects for the first time and keeps connected from then on. A broker that is only just starting is waited for.
   *
   * @throws {BrokerUnavailable} when there is no connection after `patienceMs`, or login or certificate are refused.
   */
  async open(patienceMs: number): Promise<void> {
    const deadline = performance.now() + patienceMs;
    for (let attempt = 0;; attempt++) {
      try {
        this.#supervision = this.#supervise(await this.#connect());
        return;
      } catch (error) {
        const pauseMs = this.#pauseMs(attempt);
        const tooLate = this.#stopping.signal.aborted || performance.now() + pauseMs > deadline;
        if (isFinal(error) || tooLate) throw new BrokerUnavailable(error);
        this.#trouble = messageOf(error);
        this.#options.log.info({ err: this.#trouble }, "the broker is not there yet, trying again");
        this.#options.onAwaited?.(this.#trouble);
        await pause(pauseMs, this.#stopping.signal);
      }
    }
  }

  /** Keeps `role` running on every connection until `signal` aborts. */
  async keep(name: string, role: Role, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stopping.signal]);
    for (let attempt = 0, pauseMs = 0; !ended.aborted; attempt++) {
      const link = await unlessAborted(this.#link.promise, ended);
      if (link === undefined) return;
      const startedAt = performance.now();
      try {
        await role(link);
        attempt = 0;
      } catch (error) {
        if (!link.signal.aborted && !ended.aborted) await this.#roleFailed(name, link, error);
      }
      // What counts are failures in a row, on one connection. A role that ended without one, or outlived its last pause,
      // had worked.
      if (link.signal.aborted || performance.now() - startedAt > pauseMs) attempt = 0;
      // A role that ends while its connection lives lost only its channel: a pause keeps a lasting fault from spinning.
      pauseMs = this.#pauseMs(attempt);
      if (!link.signal.aborted) await pause(pauseMs, ended);
    }
  }

  /** Ends all roles' connection after a clean close of the protocol, and never connects again. Hangs with no broker. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error("Shutting down"));
    this.#state = "closed";
    if (this.#model !== undefined) await goodbye(this.#model.close(), this.#severed.signal);
    this.#severed.abort();
    await this.#supervision;
  }

  async #roleFailed(name: string, link: Link, error: unknown): Promise<void> {
    const { log, prepare } = this.#options;
    log.warn({ role: name, err: messageOf(error) }, "a role on the broker failed and is set up again");
    if (amqpCode(error) !== NOT_FOUND) return;
    // Somebody deleted what the role works on.
    try {
      await prepare(link);
    } catch (err) {
      log.warn({ role: name, err: messageOf(err) }, "what is missing on the broker could not be declared");
    }
  }

  async #supervise(first: Link): Promise<void> {
    for (let link: Link | undefined = first, attempt = 0; link !== undefined; attempt++) {
      const connectedAt = performance.now();
      this.#link.resolve(link);
      await whenAborted(link.signal);
      this.#link = Promise.withResolvers();
      if (this.#stopping.signal.aborted) return;
      this.#state = "connecting";
      this.#trouble = messageOf(link.signal.reason);
      this.#options.log.warn({ err: this.#trouble }, "the connection to the broker is gone");
      // A broker that takes connections only to drop them is not asked ever faster.
      if (performance.now() - connectedAt > this.#pauseMs(attempt)) attempt = 0;
      link = await this.#reconnect(attempt);
    }
  }

  async #reconnect(firstAttempt: number): Promise<Link | undefined> {
    for (let attempt = firstAttempt;; attempt++) {
      await pause(this.#pauseMs(attempt), this.#stopping.signal);
      if (this.#stopping.signal.aborted) return undefined;
      try {
        const link = await this.#connect();
        this.#options.log.info("connected to the broker again");
        return link;
      } catch (error) {
        if (this.#stopping.signal.aborted) return undefined;
        this.#trouble = messageOf(error);
        this.#options.log.warn({ err: this.#trouble }, "the broker cannot be reached, trying again");
      }
    }
  }

  async #connect(): Promise<Link> {
    this.#attemptedAtMs = performance.now();
    const { name, prepare, tls } = this.#options;
    const socketOptions = {
      ...(this.#url.protocol === "amqps:" ? await tls?.() : {}),
      noDelay: true,
      timeout: CONNECT_TIMEOUT_MS,
      // Handed on to `net.connect`, which amqplib's types do not tell.
      signal: this.#severed.signal,
      credentials: credentialsOf(this.#url),
      clientProperties: { connection_name: name },
    };
    const model = await amqp.connect(this.#url.href, socketOptions).catch((error) => {
      throw worded(error, this.#url);
    });
    const gone = new AbortController();
    const blocked = this.#watch(model, gone);
    const link = { model, signal: gone.signal, heartbeatMs: heartbeatOf(this.#url), blocked };
    this.#model = model;
    try {
      this.#stopping.signal.throwIfAborted();
      await prepare(link);
      link.signal.throwIfAborted();
    } catch (error) {
      // The protocol's own close would wait for a broker that may be the reason.
      streamOf(model)?.destroy(new Error("Connection given up", { cause: error }));
      throw error;
    }
    if (this.#state === "connecting") this.#state = "connected";
    this.#trouble = undefined;
    return link;
  }

  #watch(model: ChannelModel, gone: AbortController): Link["blocked"] {
    const { log } = this.#options;
    let blocked: PromiseWithResolvers<void> | undefined;
    let failure: Error | undefined;
    model.on("error", (error) => failure = error);
    model.on("close", (error) => {
      if (this.#model === model) this.#model = undefined;
      gone.abort(failure ?? error ?? new Error("Connection closed by the broker"));
      // What is still buffered after a heartbeat timeout must not reach the broker later: those sends count as failed.
      if (!this.#stopping.signal.aborted) reset(streamOf(model));
    });
    model.on("blocked", (reason) => {
      blocked ??= Promise.withResolvers();
      if (this.#model === model) this.#state = "blocked";
      log.error({ reason }, "the broker takes no messages (memory or disk alarm); events wait on disk");
    });
    model.on("unblocked", () => {
      if (this.#model === model && this.#state === "blocked") this.#state = "connected";
      blocked?.resolve();
      blocked = undefined;
      log.info("the broker takes messages again");
    });
    return () => blocked?.promise;
  }

  #pauseMs(attempt: number): number {
    const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
    return ceilingMs * (0.5 + this.#options.random() / 2);
  }
}

/** Whether waiting is of no use: the broker is there and will say the same again. */
function isFinal(error: unknown): boolean {
  return isRefusal(error) || isCertificateFault(error) || error instanceof UnusableQueue;
}

/**
 * How long the broker may still hold what a connection had that is gone: it notices the end of a silent one after three
 * heartbeats at most. Who finds its own queue in use has to wait that long before somebody else is to blame.
 */
export function staleConnectionMs({ heartbeatMs }: Link): number {
  return 4 * heartbeatMs + 2_000;
}

/** amqplib's own reading of the URL takes each byte of an escaped letter for a letter: `%C3%A9` is one é. */
function credentialsOf({ username, password }: URL) {
  if (username === "" && password === "") return amqp.credentials.plain("guest", "guest");
  return amqp.credentials.plain(decodeURIComponent(username), decodeURIComponent(password));
}

/** amqplib drops what the broker says as it refuses a vhost. */
function worded(error: unknown, { pathname }: URL): unknown {
  if (!/Expected ConnectionOpenOk; got <ConnectionClose/.test(messageOf(error))) return error;
  const vhost = decodeURIComponent(pathname.slice(1)) || "/";
  return new Error(`NOT_ALLOWED - vhost '${vhost}' does not exist, or this user may not use it`, {
    cause: error,
  });
}

/** How long the broker takes at most for a silent client: none given in the URL, the broker's own default counts. */
function heartbeatOf({ searchParams }: URL): number {
  return (Number(searchParams.get("heartbeat")) || 60) * 1_000;
}

interface Stream {
  destroy(error?: Error): void;
  resetAndDestroy?(): void;
}

function streamOf(model: ChannelModel): Stream | undefined {
  return (model.connection as unknown as { stream?: Stream }).stream;
}

function reset(stream: Stream | undefined): void {
  if (stream?.resetAndDestroy) stream.resetAndDestroy();
  else stream?.destroy();
}
