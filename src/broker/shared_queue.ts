import type { Logger } from "pino";
import { isForNumber, readNumberCommand, readSessionCommand } from "../contract/commands.ts";
import { isEvent } from "../contract/events.ts";
import { decodeBody } from "../contract/json.ts";
import type { Link } from "./connection.ts";
import { consume, type Delivery, type Outcome } from "./consumer.ts";
import type { DeadLetters } from "./dead_letter.ts";
import type { BrokerNames } from "./names.ts";
import { APP_ID, type ConfirmedChannel, forwardedProperties } from "./publishing.ts";
import type { SessionWiring } from "./session_wiring.ts";
import { Twins } from "./twins.ts";
import { pause } from "../waiting.ts";

/**
 * Messages of the shared queue in hand at a time. With one, the reader would be deaf to commands while it holds an
 * event, and the backend would take them.
 */
const PREFETCH = 50;
/**
 * How long an event is held before it goes back: with the prefetch, what bounds the rate at which the same come again.
 * Each time another span between the two: the broker gives every other message to the worker, and at a fixed pace an
 * event and a regular report would take turns for ever, the event always the worker's.
 */
const SHORTEST_PAUSE_MS = 700;
const LONGEST_PAUSE_MS = 1_300;
/** How long a command that came through the exchange waits for its copy on the fleet's own queue. */
const COPY_PATIENCE_MS = 500;

/** Takes a command to where it belongs. */
export type Route = (link: Link, channel: ConfirmedChannel, delivery: Delivery) => Promise<Outcome>;

/** Options of {@link SharedQueue}. */
export interface SharedQueueOptions {
  readonly names: BrokerNames;
  readonly wiring: SessionWiring;
  /** Routes what is a command. */
  readonly route: Route;
  readonly deadLetters: DeadLetters;
  readonly now: () => number;
  /** A number in [0, 1). @default Math.random */
  readonly random?: () => number;
  readonly log: Logger;
}

/**
 * The session queue while the backend reads it too, and the fleet's own copy of what comes through the exchange beside
 * it. Commands are routed, each once; the backend's events are put back.
 */
export class SharedQueue {
  readonly #options: SharedQueueOptions;
  readonly #twins: Twins;
  #reading = false;
  #putBack = 0;

  constructor(options: SharedQueueOptions) {
    this.#options = options;
    this.#twins = new Twins(options.now);
  }

  /** Events that were put back, since the start. */
  get putBack(): number {
    return this.#putBack;
  }

  /** How a queue of nothing but commands is routed. */
  routeOf(queue: string): Route {
    return queue === this.#options.names.sessionCommand ? this.#routeOwn : this.#routeOnce;
  }

  /** The first command that came to the fleet's own queue through an exchange proves the wiring. */
  readonly #routeOwn: Route = async (link, channel, delivery) => {
    const { wiring, route } = this.#options;
    const { message } = delivery;
    const undecided = wiring.current.name === "undecided";
    if (undecided && message.fields.exchange !== "" && isCommand(message.content)) {
      await wiring.prove(channel);
    } else {
      // What comes behind the command that is the proof must not overtake it.
      await wiring.decided();
    }
    const expected = undecided || this.#reading || wiring.current.name === "queue";
    if (!expected && this.#twins.size === 0) return await route(link, channel, delivery);
    return await this.#twins.once("own", message, expected, () => route(link, channel, delivery));
  };

  /** The backend's queue: a copy on the fleet's own may come, or have come. */
  readonly #routeOnce: Route = (link, channel, delivery) =>
    this.#twins.once("shared", delivery.message, true, () => this.#options.route(link, channel, delivery));

  /**
   * Reads the shared queue until `signal` aborts or the wiring is settled. Its channel is its own: what is delivered too
   * late to be handled goes back to its place when that closes, and what is routed goes by `channel`.
   */
  async read(link: Link, channel: ConfirmedChannel, queue: string, signal: AbortSignal): Promise<void> {
    const { wiring, deadLetters, log } = this.#options;
    const leaving = AbortSignal.any([signal, wiring.settled]);
    if (leaving.aborted) return;
    this.#reading = true;
    try {
      await consume(link, {
        queue,
        prefetch: PREFETCH,
        deadLetters,
        log,
        signal: leaving,
        handler: (delivery) => this.#take(link, channel, delivery, { ended: signal, leaving }),
      });
    } finally {
      this.#reading = false;
    }
  }

  async #take(
    link: Link,
    channel: ConfirmedChannel,
    delivery: Delivery,
    { ended, leaving }: { ended: AbortSignal; leaving: AbortSignal },
  ): Promise<Outcome> {
    const { names, wiring } = this.#options;
    const { lost, message: { content, fields } } = delivery;
    if (isWorkers(delivery)) return await this.#return(channel, delivery, leaving);
    if (isCommand(content)) await wiring.saw(fields.exchange);
    if (fields.exchange === names.exchange) {
      // On the fleet's own queue commands are in their order: a copy from here must not overtake the one before it there.
      const over = AbortSignal.any([ended, lost]);
      await pause(COPY_PATIENCE_MS, over);
      if (over.aborted) return "requeue";
    }
    return await this.#routeOnce(link, channel, delivery);
  }

  /** Puts an event back at the tail, where the backend is more likely to get it than at the head. */
  async #return(channel: ConfirmedChannel, delivery: Delivery, leaving: AbortSignal): Promise<Outcome> {
    const { random = Math.random } = this.#options;
    const { queue, message, lost } = delivery;
    const pauseMs = SHORTEST_PAUSE_MS + random() * (LONGEST_PAUSE_MS - SHORTEST_PAUSE_MS);
    await pause(pauseMs, AbortSignal.any([leaving, lost]));
    // Nobody but the backend takes it from now on: its own place is the better one.
    if (leaving.aborted || lost.aborted) return "requeue";
    const { expiration } = message.properties;
    // The broker counts its time from the beginning again: what it was held is taken off, or it would go round for ever.
    const leftMs = expiration === undefined ? undefined : Math.floor(Number(expiration) - pauseMs);
    if (leftMs !== undefined && leftMs <= 0) return "ack";
    const outcome = await channel.publish("", queue, message.content, {
      ...forwardedProperties(message),
      ...(leftMs === undefined ? {} : { expiration: String(leftMs) }),
    });
    if (outcome === "unroutable") return "requeue";
    this.#putBack++;
    return "ack";
  }
}

/** Whether a worker has published it, perhaps a newer one with events that this one does not know. */
function isWorkers({ message: { content, properties } }: Delivery): boolean {
  if (properties.appId === APP_ID) return true;
  const body = decodeBody(content);
  return body.ok && isEvent(body.value);
}

function isCommand(content: Uint8Array): boolean {
  const body = decodeBody(content);
  if (!body.ok || isEvent(body.value)) return false;
  return (isForNumber(body.value) ? readNumberCommand : readSessionCommand)(body.value).ok;
}
