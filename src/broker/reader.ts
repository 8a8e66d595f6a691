import type { Logger } from "pino";
import {
  decodeNumberCommand,
  type HealthCommand,
  isForNumber,
  readHealthCommand,
  readSessionCommand,
} from "../contract/commands.ts";
import type { NumberCommand, SessionCommand } from "../contract/commands.ts";
import { isEvent } from "../contract/events.ts";
import { idText } from "../contract/ids.ts";
import { decodeBody } from "../contract/json.ts";
import type { Parsed, Refusal } from "../contract/parsed.ts";
import { Assignments } from "./assignments.ts";
import type { Connection, Link } from "./connection.ts";
import { consumeOn, type Delivery, type Outcome } from "./consumer.ts";
import type { DeadLetters } from "./dead_letter.ts";
import { ExpiredSends, isExpiredSend } from "./expired_sends.ts";
import { type BrokerNames, routingKey } from "./names.ts";
import { isParkedSend } from "./parking.ts";
import { ConfirmedChannel, forwardedProperties } from "./publishing.ts";
import { holdReaderLock } from "./reader_lock.ts";
import type { SessionWiring } from "./session_wiring.ts";
import { type Route, SharedQueue } from "./shared_queue.ts";
import { unlessAborted } from "../waiting.ts";

const PREFETCH = 50;
/** What the bodies of sends may take of the memory at a time: with media in them, 50 would take all a worker has. */
const MAX_BYTES = 32 * 1024 * 1024;
/** Actions that make a worker take a number. */
const OPENING: readonly string[] = ["create", "pairing_code", "reconnect", "regenerate_qr"];
/** What is done in a number's chats and need not keep its place among the number's sends. */
const WITHOUT_PLACE: ReadonlySet<NumberCommand["type"]> = new Set(
  ["READ", "CHECK_NUMBER", "GROUP_LIST", "GROUP_INFO"] as const,
);
/** How long a command may wait for its worker to appear. */
const ROUTING_PATIENCE_MS = 10 * 60_000;

/** When a send stops being worth delivering, in ms since the epoch: set by the reader, obeyed by whoever holds it. */
export const EXPIRES_AT = "x-expires-at";
/** When the reader put what is for a number into its queue, in ms since the epoch. */
export const ROUTED_AT = "x-routed-at";
/** When the reader first tried to route a command that no worker takes, in ms since the epoch. */
export const FIRST_ROUTED_AT = "x-first-routed-at";

/** What the reader cannot forward it has answered here; each resolves when the answer is durable. */
export interface ReaderAnswers {
  /** A message that cannot be understood. */
  refused(refusal: Refusal, delivery: Delivery, kind: "command" | "send"): Promise<void>;
  /** A command for a worker nobody has seen for ten minutes. */
  workerUnknown(command: SessionCommand | HealthCommand, delivery: Delivery): Promise<void>;
  /** A send for a number that no worker has. */
  noSession(command: NumberCommand, delivery: Delivery): Promise<void>;
  /** A send that waited until it was of no use, and whose number no worker has or one that stays away. */
  expired(command: NumberCommand, delivery: Delivery): Promise<void>;
}

/** Options of {@link Reader}. */
export interface ReaderOptions {
  readonly connection: Connection;
  readonly names: BrokerNames;
  /** Where commands and health requests are read. */
  readonly wiring: SessionWiring;
  readonly deadLetters: DeadLetters;
  readonly answers: ReaderAnswers;
  /** How long a send may wait for its number. */
  readonly sendWaitMs: number;
  /** Messages it forwards at a time, of each queue; it acts on none of them. @default 50 */
  readonly prefetch?: number;
  readonly now: () => number;
  /** A number in [0, 1). @default Math.random */
  readonly random?: () => number;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Takes what the backend sends off the shared queues and routes each message to the worker or number it is for.
 * One worker of the fleet is the reader at a time: the one whose exclusive consumer the broker accepted.
 */
export class Reader {
  readonly #options: ReaderOptions;
  readonly #assignments = new Assignments();
  #reading = false;
  readonly #sharedQueue: SharedQueue;
  readonly #expiredSends: ExpiredSends;
  #strayEvents = 0;

  constructor(options: ReaderOptions) {
    this.#options = options;
    this.#sharedQueue = new SharedQueue({ ...options, route: this.#routeCommand });
    const { answers } = options;
    this.#expiredSends = new ExpiredSends({ ...options, answer: (...send) => answers.expired(...send) });
  }

  /** Whether this worker is the reader now. */
  get reading(): boolean {
    return this.#reading;
  }

  /** Events found on a command queue: they are the backend's and only got there through its own bindings. */
  get strayEvents(): number {
    return this.#strayEvents;
  }

  /** Events of the backend's that were taken from a queue it shares with the workers, and put back. */
  get eventsPutBack(): number {
    return this.#sharedQueue.putBack;
  }

  /** A role of the connection: waits to be elected, then reads for as long as the channel and the lock live. */
  readonly role = async (link: Link): Promise<void> => {
    const channel = await ConfirmedChannel.open(link);
    const { names, deadLetters, log, signal } = this.#options;
    try {
      const deposed = await holdReaderLock(channel, { queue: names.routerLock, deadLetters, log, signal });
      if (deposed === undefined) return;
      this.#reading = true;
      log.info("this worker is the reader of the shared queues");
      await this.#options.wiring.agree(channel);
      await this.#read(link, channel, deposed);
    } finally {
      this.#reading = false;
      await channel.close();
    }
  };

  async #read(link: Link, channel: ConfirmedChannel, deposed: AbortSignal): Promise<void> {
    const { names, wiring, deadLetters, prefetch = PREFETCH, log, signal } = this.#options;
    const { commandQueues, sharedQueue, healthQueues } = wiring.current;
    // One consumer that ends (its queue was deleted) ends the others: all are set up again, in the same order.
    const ended = new AbortController();
    const stop = AbortSignal.any([signal, deposed, ended.signal]);
    const from = (queue: string, route: Route, onConsuming = () => {}) =>
      consumeOn(channel, {
        queue,
        prefetch,
        maxBytes: MAX_BYTES,
        deadLetters,
        log,
        signal: stop,
        onConsuming,
        handler: (delivery) => route(link, channel, delivery),
      }).finally(() => ended.abort());
    const ownFirst = Promise.withResolvers<void>();
    const readShared = async (queue: string) => {
      await unlessAborted(ownFirst.promise, stop);
      // What waits on the fleet's own queue is delivered before this is answered; if that decides, nobody reads this one.
      if (!stop.aborted) await channel.channel.checkQueue(names.sessionCommand);
      await wiring.decided();
      await this.#sharedQueue.read(link, channel, queue, stop);
    };
    // The shared queue is the one that may be left while the others are read on.
    const unlessSettled = () => void (wiring.settled.aborted || ended.abort());
    await Promise.all([
      ...commandQueues.map((queue) => from(queue, this.#sharedQueue.routeOf(queue), ownFirst.resolve)),
      ...(sharedQueue === undefined ? [] : [readShared(sharedQueue).finally(unlessSettled)]),
      from(
        names.pending,
        (link, channel, delivery) =>
          isExpiredSend(delivery)
            ? this.#routeExpired(link, channel, delivery)
            : isParkedSend(delivery)
            ? this.#routeSend(link, channel, delivery)
            : this.#routeCommand(link, channel, delivery),
      ),
      ...healthQueues.map((queue) => from(queue, this.#routeHealthRequest)),
      from(names.messageSend, this.#routeSend),
      from(names.expired, this.#routeExpired),
    ]);
  }

  readonly #routeCommand: Route = async (link, channel, delivery) => {
    const body = decodeBody(delivery.message.content);
    if (body.ok && isEvent(body.value)) return this.#ignoreEvent(delivery);
    // What is done in a number's chats keeps its place among the messages that are sent there.
    if (body.ok && isForNumber(body.value)) return await this.#routeSend(link, channel, delivery);
    // Health requests pass here as well on their way back from the retry queue.
    if (body.ok && body.value.action === "health_check") {
      return await this.#routeHealthRequest(link, channel, delivery);
    }
    const command = body.ok ? readSessionCommand(body.value) : body;
    if (!command.ok) return await this.#refuse(command, delivery, "command");
    return await this.#route(channel, delivery, command.value);
  };

  readonly #routeHealthRequest: Route = async (_link, channel, delivery) => {
    const body = decodeBody(delivery.message.content);
    if (body.ok && isEvent(body.value)) return this.#ignoreEvent(delivery);
    const request = body.ok ? readHealthCommand(body.value) : body;
    if (!request.ok) return await this.#refuse(request, delivery, "command");
    return await this.#route(channel, delivery, request.value);
  };

  /** To the worker that is named, else to the one that holds the number, else to the one with the fewest sessions. */
  async #route(
    channel: ConfirmedChannel,
    delivery: Delivery,
    command: SessionCommand | HealthCommand,
  ): Promise<Outcome> {
    const { names } = this.#options;
    const forward = async (exchange: string, key: string) =>
      await channel.publish(
        exchange,
        key,
        delivery.message.content,
        forwardedProperties(delivery.message),
      ) === "routed";
    if (command.workerId !== undefined) {
      if (await forward(names.router, routingKey.worker(command.workerId))) return "ack";
      return await this.#retry(channel, delivery, command);
    }
    if (command.numberId !== undefined) {
      const numberId = idText(command.numberId);
      const toHolder = () => forward(names.router, routingKey.number(numberId));
      const opens = "action" in command && OPENING.includes(command.action);
      const { closed } = channel;
      if (await this.#assignments.handOver(numberId, { opens, toHolder, closed })) return "ack";
    }
    if (await forward("", names.unassigned)) return "ack";
    return await this.#retry(channel, delivery, command);
  }

  async #retry(
    channel: ConfirmedChannel,
    delivery: Delivery,
    command: SessionCommand | HealthCommand,
  ): Promise<Outcome> {
    const { names, now, answers } = this.#options;
    const firstRoutedAtMs = Number(delivery.message.properties.headers?.[FIRST_ROUTED_AT]) || now();
    if (now() - firstRoutedAtMs > ROUTING_PATIENCE_MS) {
      await answers.workerUnknown(command, delivery);
      return { dead: "worker_unknown" };
    }
    const outcome = await channel.publish(
      "",
      names.retry,
      delivery.message.content,
      forwardedProperties(delivery.message, { [FIRST_ROUTED_AT]: firstRoutedAtMs }),
    );
    if (outcome === "routed") return "ack";
    // The broker closes the channel over a queue that is gone, the role ends with that, and the queue is declared again.
    await channel.channel.checkQueue(names.retry);
    return "requeue";
  }

  readonly #routeSend: Route = async (link, channel, delivery) => {
    const { names, now, sendWaitMs, answers } = this.#options;
    const command = readSend(delivery);
    if (!command.ok) return await this.#refuse(command, delivery, "send");
    // What the backend gave it to live in its own queue counts on: forwarded, the message would have all of it again.
    const { expiration } = delivery.message.properties;
    const waitMs = Math.min(sendWaitMs, expiration === undefined ? Infinity : Number(expiration));
    // One that was parked has the deadline that it was given when it came.
    const wasParked = delivery.queue === names.pending && isParkedSend(delivery);
    const expiresAtMs = (wasParked ? deadlineOf(delivery) : undefined) ??
      Math.min(command.value.expiresAtMs ?? Infinity, now() + waitMs);
    if (expiresAtMs <= now()) {
      return await this.#expiredSends.route(link, channel, delivery, command.value);
    }
    const outcome = await channel.publish(
      names.router,
      routingKey.send(idText(command.value.numberId)),
      delivery.message.content,
      {
        ...forwardedProperties(delivery.message, { [EXPIRES_AT]: expiresAtMs, [ROUTED_AT]: now() }),
        priority: command.value.priority ?? delivery.message.properties.priority ??
          ownPriority(command.value),
        expiration: String(expiresAtMs - now()),
      },
    );
    if (outcome === "unroutable") await answers.noSession(command.value, delivery);
    return "ack";
  };

  readonly #routeExpired: Route = async (link, channel, delivery) => {
    const command = readSend(delivery);
    if (!command.ok) return await this.#refuse(command, delivery, "send");
    return await this.#expiredSends.route(link, channel, delivery, command.value);
  };

  async #refuse(refusal: Refusal, delivery: Delivery, kind: "command" | "send"): Promise<Outcome> {
    await this.#options.answers.refused(refusal, delivery, kind);
    return { dead: refusal.code };
  }

  #ignoreEvent(delivery: Delivery): Outcome {
    this.#strayEvents++;
    this.#options.log.debug(
      { queue: delivery.queue },
      "an event turned up on a command queue and was dropped",
    );
    return "ack";
  }
}

/** That of a command which has none: what no send depends on does not wait behind those that keep to a pace. */
function ownPriority({ type }: NumberCommand): 0 | 1 {
  return WITHOUT_PLACE.has(type) ? 1 : 0;
}

/** When a send stops being worth delivering, in ms since the epoch, as the reader has once said; else `undefined`. */
export function deadlineOf({ message }: Delivery): number | undefined {
  const deadlineMs: unknown = message.properties.headers?.[EXPIRES_AT];
  return typeof deadlineMs === "number" && Number.isFinite(deadlineMs) ? deadlineMs : undefined;
}

/** A send as the backend wrote it. */
export function readSend(delivery: Delivery): Parsed<NumberCommand> {
  return decodeNumberCommand(delivery.message.content);
}
