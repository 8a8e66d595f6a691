import type { Logger } from "pino";
import type { Link } from "./connection.ts";
import type { BrokerNames } from "./names.ts";
import { declareInbox } from "./inbox.ts";
import {
  declareExclusiveQueue,
  declareOwnQueue,
  ensureBackendQueue,
  exchangeExists,
  onThrowAwayChannel,
} from "./topology.ts";
import { parkedArguments } from "./parking.ts";
import { pause } from "../waiting.ts";
import type { Binding } from "./wiring.ts";

/**
 * How often the backend's exchange is looked for. While it is missing, often: what is published between its birth and
 * the binding reaches nobody. Then seldom: it may have been deleted and made anew.
 */
const MISSING_EXCHANGE_PAUSE_MS = 250;
const BOUND_EXCHANGE_PAUSE_MS = 5_000;
/** How long a command that could not be routed rests before the reader tries again. */
const RETRY_PAUSE_MS = 2_000;

/** Options of {@link declareTopology}. */
export interface TopologyOptions {
  readonly names: BrokerNames;
  /** Whose inbox is made ready, so that what is routed to it waits there. */
  readonly workerId: string;
  /** Every queue of the backend's that is read or written. */
  readonly backendQueues: readonly string[];
  /** What the backend's exchange is to bring: queue and routing key. Only what the worker reads. */
  readonly bindings: readonly Binding[];
  /** What it is not to bring any more. */
  readonly staleBindings: readonly Binding[];
  /** Declare the exchange with this type when it is absent; without it the worker waits for the backend to do so. */
  readonly exchangeType: string | undefined;
  /** Told, again and again, whether the backend's exchange is there. @default nobody is told */
  readonly onExchange?: (there: boolean) => void;
  readonly log: Logger;
}

/** Makes sure that everything the workers share exists. Idempotent: every worker does it on every connection. */
export async function declareTopology(link: Link, options: TopologyOptions): Promise<void> {
  const { names, workerId, backendQueues, log } = options;
  for (const queue of backendQueues) await ensureBackendQueue(link, queue);
  await own(names.routerLock, {}, declareExclusiveQueue);
  const plain = [
    names.sessionCommand,
    names.healthCommand,
    names.unassigned,
    names.pending,
    names.wiringNote,
    names.expired,
    names.deadLetter,
  ];
  for (const queue of plain) await own(queue);
  await own(names.retry, {
    "x-message-ttl": RETRY_PAUSE_MS,
    "x-dead-letter-exchange": "",
    "x-dead-letter-routing-key": names.pending,
  });
  await own(names.parked, parkedArguments(names));
  await onThrowAwayChannel(
    link,
    (channel) => channel.assertExchange(names.router, "direct", { durable: true }),
  );
  await declareInbox(link, names, workerId);
  // A worker that says it is ready misses nothing that is published from then on.
  await bindIfThere(link, options);

  async function own(
    queue: string,
    queueArguments?: Record<string, unknown>,
    declare = declareOwnQueue,
  ): Promise<void> {
    if (await declare(link, queue, queueArguments) === "used_as_is") {
      log.warn({ queue }, "a queue of the worker's own exists with other arguments and is used as it is");
    }
  }
}

/**
 * A role of the connection: binds the queues to the backend's exchange as soon as there is one, and again when the
 * backend has made it anew.
 */
export function bindToExchange(options: TopologyOptions, signal: AbortSignal) {
  return async (link: Link): Promise<void> => {
    const { names: { exchange }, log } = options;
    const ended = AbortSignal.any([link.signal, signal]);
    let missed = false;
    while (!ended.aborted) {
      const bound = await bindIfThere(link, options);
      if (bound && missed) log.info({ exchange }, "the backend's exchange is there now, and bound");
      if (!bound && !missed) {
        log.warn(
          { exchange },
          "the backend's exchange does not exist yet; its commands cannot arrive before it does",
        );
      }
      missed = !bound;
      await pause(bound ? BOUND_EXCHANGE_PAUSE_MS : MISSING_EXCHANGE_PAUSE_MS, ended);
    }
  };
}

async function bindIfThere(link: Link, options: TopologyOptions): Promise<boolean> {
  const { names: { exchange }, bindings, staleBindings, exchangeType, onExchange = () => {} } = options;
  const there = await exchangeExists(link, exchange);
  onExchange(there || exchangeType !== undefined);
  if (!there) {
    if (exchangeType === undefined) return false;
    await onThrowAwayChannel(
      link,
      (channel) => channel.assertExchange(exchange, exchangeType, { durable: true }),
    );
  }
  await onThrowAwayChannel(link, async (channel) => {
    for (const { queue, key } of bindings) await channel.bindQueue(queue, exchange, key);
    for (const { queue, key } of staleBindings) await channel.unbindQueue(queue, exchange, key);
  });
  return true;
}
