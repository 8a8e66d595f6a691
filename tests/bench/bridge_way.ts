/** The worker's own way from shared queue to handler, with handlers that only acknowledge. */

import type { Handler } from "../../src/broker/consumer.ts";
import { inboxRole } from "../../src/broker/inbox.ts";
import { Leases } from "../../src/broker/lease.ts";
import { Reader, type ReaderAnswers } from "../../src/broker/reader.ts";
import { SessionWiring } from "../../src/broker/session_wiring.ts";
import { Database } from "../../src/store/database.ts";
import { Memory } from "../../src/store/memory.ts";
import { type Bridge, NAMES, startBridge } from "../bridge/bridge.ts";
import type { OnMessage } from "./plain.ts";

const WORKER_ID = "worker-1";

/** A worker's bridge at work, but for the reader. */
export interface BridgeWay extends AsyncDisposable {
  /** Where commands, and where sends have to be put. */
  readonly queues: { readonly commands: string; readonly sends: string };
  /** Who is told what has arrived, from now on. */
  onMessage: OnMessage;
  /** Starts the reader. @returns what ends it */
  read(prefetch: number): () => Promise<void>;
}

/** Starts inbox and leases of the numbers `1` to `numbers`, on a vhost of their own. */
export async function startBridgeWay(url: string, numbers: number): Promise<BridgeWay> {
  const bridge = await startBridge({
    url,
    topology: { workerId: WORKER_ID, backendQueues: [NAMES.messageSend] },
  });
  const database = Database.inMemory();
  const memory = new Memory(database);
  const way: { onMessage: OnMessage } = { onMessage: () => {} };
  const handler: Handler = ({ message }) => {
    way.onMessage(message);
    return Promise.resolve("ack");
  };
  const { connection, deadLetters, log } = bridge;
  const leases = new Leases({
    connection,
    names: NAMES,
    workerId: WORKER_ID,
    handler,
    deadLetters,
    onLost: () => {},
    log,
  });
  const consuming = Promise.withResolvers<void>();
  bridge.keep(
    "inbox",
    inboxRole({
      names: NAMES,
      workerId: WORKER_ID,
      handler,
      numbers: () => leases.bound,
      onHeld: consuming.resolve,
      deadLetters,
      log,
      signal: bridge.signal,
    }),
  );
  await consuming.promise;
  await Promise.all(Array.from({ length: numbers }, (_, index) => leases.claim(String(index + 1))));
  return Object.assign(way, {
    queues: { commands: NAMES.sessionCommand, sends: NAMES.messageSend },
    read: (prefetch: number) => read(bridge, memory, prefetch),
    [Symbol.asyncDispose]: async () => {
      await leases.releaseAll();
      await bridge[Symbol.asyncDispose]();
      database.close();
    },
  });
}

function read({ connection, deadLetters, log }: Bridge, memory: Memory, prefetch: number) {
  const ended = new AbortController();
  const settings = {
    SESSION_WIRING: "exchange",
    QUEUE_SESSION_UPDATE: NAMES.sessionUpdate,
    QUEUE_SESSION_EVENT: NAMES.sessionUpdate,
    QUEUE_HEALTH_COMMAND: undefined,
    RABBITMQ_EXCHANGE: NAMES.exchange,
    RABBITMQ_PREFIX: "whatsapp",
  } as const;
  const common = { names: NAMES, now: Date.now, log, signal: ended.signal };
  const reader = new Reader({
    ...common,
    connection,
    wiring: new SessionWiring({ ...common, settings, memory, workerId: WORKER_ID }),
    deadLetters,
    answers: NO_ANSWERS,
    sendWaitMs: 3_600_000,
    prefetch,
  });
  const role = connection.keep("reader", reader.role, ended.signal);
  return async () => {
    ended.abort();
    await role;
  };
}

/** All that is measured can be routed. */
function unexpected(): Promise<never> {
  return Promise.reject(new Error("The reader answers a message instead of routing it"));
}

const NO_ANSWERS: ReaderAnswers = {
  refused: unexpected,
  workerUnknown: unexpected,
  noSession: unexpected,
  expired: unexpected,
};
