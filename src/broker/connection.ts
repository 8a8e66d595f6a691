import amqp, { type ChannelModel, type ConfirmChannel } from "amqplib";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";

/** How long a connection attempt may take, and how long the broker may be silent before it counts as gone. */
const CONNECT_TIMEOUT_MS = 10_000;
const HEARTBEAT_S = 10;
/** Pauses between attempts: doubled from the first to the last, each drawn at random from its upper half. */
const FIRST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 15_000;

/** The broker could not be reached, or refused the login. Ends the program at start with exit code 69. */
export class BrokerUnavailable extends Error {
  override readonly name = "BrokerUnavailable";
  readonly code = "broker_unavailable";
  readonly remedy =
    "Check RABBITMQ_URL (host, port, user, password, vhost) and that the broker runs: ./worker --check";
}

/** One living connection. */
export interface Link {
  readonly model: ChannelModel;
  /** Aborts when the connection is gone; the reason says why. */
  readonly signal: AbortSignal;
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
  /** How the broker's own tools name this connection. */
  readonly name: string;
  readonly log: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Done on every new connection before any role starts; a throw counts as a failed attempt to connect. */
  readonly prepare: (link: Link) => Promise<void>;
}

/** The one connection to the broker, made again for ever; what runs over it are roles. */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #stopping = new AbortController();
  #state: BrokerState = "connecting";
  #link: PromiseWithResolvers<Link> = Promise.withResolvers();
  #model: ChannelModel | undefined;
  #supervision: Promise<void> = Promise.resolve();

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get state(): BrokerState {
    return this.#state;
  }

  /**
   * Connects for the first time and keeps connected from then on. A broker that is only just starting is waited for.
   *
   * @throws {BrokerUnavailable} when there is no connection after `patienceMs`, or the login is refused.
   */
  async open(patienceMs: number): Promise<void> {
    const deadline = Date.now() + patienceMs;
    for (let attempt = 0;; attempt++) {
      try {
        this.#supervision = this.#supervise(await this.#connect());
        return;
      } catch (error) {
        const refused = error instanceof Error && /ACCESS.REFUSED|NOT_ALLOWED|40[23]/i.test(error.message);
        const pauseMs = this.#pauseMs(attempt);
        if (refused || Date.now() + pauseMs > deadline) {
          throw new BrokerUnavailable(`Cannot connect to RabbitMQ: ${messageOf(error)}`, { cause: error });
        }
        this.#options.log.info({ err: messageOf(error) }, "the broker is not there yet, trying again");
        await delay(pauseMs, undefined, { signal: this.#stopping.signal });
      }
    }
  }

  /** Keeps `role` running on every connection until `signal` aborts. */
  async keep(name: string, role: Role, signal: AbortSignal): Promise<void> {
    const ended = AbortSignal.any([signal, this.#stopping.signal]);
    for (let attempt = 0; !ended.aborted; attempt++) {
      const link = await Promise.race([this.#link.promise, whenAborted(ended)]);
      if (link === undefined) return;
      const startedAt = Date.now();
      try {
        await role(link);
      } catch (error) {
        if (!link.signal.aborted && !ended.aborted) {
          this.#options.log.warn(
            { role: name, err: messageOf(error) },
            "a role on the broker failed and is set up again",
          );
        }
      }
      if (Date.now() - startedAt > LONGEST_PAUSE_MS) attempt = 0;
      // A role that ends while its connection lives lost only its channel: a pause keeps a lasting fault from spinning.
      if (!link.signal.aborted && !ended.aborted) {
        await delay(this.#pauseMs(attempt), undefined, { signal: ended }).catch(() => {});
      }
    }
  }

  /** Ends all roles' connection after a clean close of the protocol, and never connects again. */
  async close(): Promise<void> {
    this.#stopping.abort(new Error("Shutting down"));
    this.#state = "closed";
    await this.#model?.close().catch((error) => {
      this.#options.log.debug(
        { err: messageOf(error) },
        "the broker was gone before the connection was closed",
      );
    });
    await this.#supervision;
  }

  async #supervise(first: Link): Promise<void> {
    for (let link: Link | undefined = first; link !== undefined;) {
      this.#state = "connected";
      this.#link.resolve(link);
      await whenAborted(link.signal);
      this.#model = undefined;
      if (this.#stopping.signal.aborted) return;
      this.#state = "connecting";
      this.#link = Promise.withResolvers();
      this.#options.log.warn(
        { err: messageOf(link.signal.reason) },
        "the connection to the broker is gone",
      );
      link = await this.#reconnect();
    }
  }

  async #reconnect(): Promise<Link | undefined> {
    for (let attempt = 0; !this.#stopping.signal.aborted; attempt++) {
      try {
        await delay(this.#pauseMs(attempt), undefined, { signal: this.#stopping.signal });
        const link = await this.#connect();
        this.#options.log.info("connected to the broker again");
        return link;
      } catch (error) {
        if (this.#stopping.signal.aborted) return undefined;
        this.#options.log.warn({ err: messageOf(error) }, "the broker cannot be reached, trying again");
      }
    }
    return undefined;
  }

  async #connect(): Promise<Link> {
    const url = new URL(this.#options.url);
    if (!url.searchParams.has("heartbeat")) url.searchParams.set("heartbeat", String(HEARTBEAT_S));
    const model = await amqp.connect(url.href, {
      noDelay: true,
      timeout: CONNECT_TIMEOUT_MS,
      clientProperties: { connection_name: this.#options.name },
    });
    const gone = new AbortController();
    let failure: Error | undefined;
    model.on("error", (error) => failure = error);
    model.on("close", (error) => {
      // What is still buffered after a heartbeat timeout must not reach the broker later: those sends count as failed.
      if (!this.#stopping.signal.aborted) resetStream(model);
      gone.abort(failure ?? error ?? new Error("Connection closed by the broker"));
    });
    model.on("blocked", (reason) => {
      this.#state = "blocked";
      this.#options.log.error(
        { reason },
        "the broker takes no messages (memory or disk alarm); events wait on disk",
      );
    });
    model.on("unblocked", () => {
      this.#state = "connected";
      this.#options.log.info("the broker takes messages again");
    });
    this.#model = model;
    if (this.#stopping.signal.aborted) await model.close();
    const link = { model, signal: gone.signal };
    try {
      await this.#options.prepare(link);
    } catch (error) {
      resetStream(model);
      throw error;
    }
    return link;
  }

  #pauseMs(attempt: number): number {
    const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt);
    return ceilingMs * (0.5 + this.#options.random() / 2);
  }
}

/** A channel with its end as a signal: amqplib throws when a dead one is used, so ask {@link closed} first. */
export interface OpenChannel {
  readonly channel: ConfirmChannel;
  /** Aborts when the channel is gone, with the broker's reason. */
  readonly closed: AbortSignal;
}

/** Opens a channel with publisher confirms on `link`. */
export async function openChannel({ model }: Link): Promise<OpenChannel> {
  const channel = await model.createConfirmChannel();
  const gone = new AbortController();
  let failure: Error | undefined;
  channel.on("error", (error) => failure = error);
  channel.on("close", () => gone.abort(failure ?? new Error("Channel closed")));
  return { channel, closed: gone.signal };
}

/** Closes a channel that may be gone already. */
export async function closeChannel({ channel, closed }: OpenChannel): Promise<void> {
  if (closed.aborted) return;
  try {
    await channel.close();
  } catch (error) {
    // It died between the look and the call, which is what was wanted.
    if (!closed.aborted) throw error;
  }
}

/** Resolves (to nothing) when `signal` aborts. */
export function whenAborted(signal: AbortSignal): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  if (signal.aborted) resolve(undefined);
  else signal.addEventListener("abort", () => resolve(undefined), { once: true });
  return promise;
}

function resetStream(model: ChannelModel): void {
  const { stream } = model.connection as unknown as {
    stream?: { resetAndDestroy?(): void; destroy(): void };
  };
  if (stream?.resetAndDestroy) stream.resetAndDestroy();
  else stream?.destroy();
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
