import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "pino";
import { Announcer } from "./announcer.ts";
import { Connection, type Link } from "./broker/connection.ts";
import type { Delivery, Outcome } from "./broker/consumer.ts";
import { DeadLetters } from "./broker/dead_letter.ts";
import { inboxRole } from "./broker/inbox.ts";
import { Leases } from "./broker/lease.ts";
import { brokerNames, routingKey } from "./broker/names.ts";
import { OutboxPublisher } from "./broker/outbox_publisher.ts";
import { forwardedProperties } from "./broker/publishing.ts";
import { EXPIRES_AT, Reader, readSend } from "./broker/reader.ts";
import { SharedChannel } from "./broker/shared_channel.ts";
import { bindToExchange, declareTopology, type TopologyOptions } from "./broker/shared_topology.ts";
import { wiringOf } from "./broker/wiring.ts";
import type { Settings } from "./config/load.ts";
import { workerIdMatches } from "./contract/addresses.ts";
import {
  type HealthCommand,
  readHealthCommand,
  readSessionCommand,
  type SessionCommand,
} from "./contract/commands.ts";
import { idText } from "./contract/ids.ts";
import { decodeBody } from "./contract/json.ts";
import type { Refusal } from "./contract/parsed.ts";
import { every } from "./health/reports.ts";
import { workerStatus } from "./health/worker_status.ts";
import { Database } from "./store/database.ts";
import { makeStore } from "./store/store.ts";
import { hardenBaileys } from "./whatsapp/hardening.ts";
import { Inbound } from "./whatsapp/inbound/inbound.ts";
import { Sender } from "./whatsapp/outbound/sender.ts";
import { Receipts } from "./whatsapp/receipts.ts";
import { Sessions } from "./whatsapp/sessions.ts";
import { BUNDLED_WEB_VERSION } from "./whatsapp/socket.ts";
import { healthOf } from "./whatsapp/states.ts";

/** How long a broker that is not there yet is waited for at start. */
const BROKER_PATIENCE_MS = 15_000;
/** How long what is in hand may take to finish once the worker is told to stop. */
const STOP_PATIENCE_MS = 20_000;
/** How long a send or a received message is remembered, so that its repeat has no second effect. */
const MEMORY_MS = 7 * 24 * 60 * 60_000;
const PRUNE_INTERVAL_MS = 60 * 60_000;

/** What a worker is made of; time and chance come from outside so that tests need no patching. */
export interface WorkerOptions {
  readonly settings: Settings;
  readonly version: string;
  readonly log: Logger;
  /** Faults of the process that nobody handled, since its start. @default none are counted */
  readonly unhandledFaults?: () => number;
  /** @default Date.now */
  readonly now?: () => number;
  /** A number in [0, 1). @default Math.random */
  readonly random?: () => number;
  /** How long each QR lives. @default WhatsApp's own times: 60 s, then 20 s each */
  readonly qrLifetimeMs?: number;
  /** @default 15 s */
  readonly brokerPatienceMs?: number;
}

/** A running worker. */
export interface Worker {
  /** Takes nothing new, finishes what is in hand, tells the backend all of it, and lets go of everything. */
  stop(): Promise<void>;
}

/**
 * Builds a worker and starts it. A message has one way through: the **reader** takes it off the shared queue and
 * routes it to this worker's **inbox** (commands) or to its **number's queue** (sends); there it is acted on, its
 * effect and the event that reports it are committed to the **store** together, it is acknowledged, and the event
 * leaves through the **outbox**.
 *
 * @throws {StoreError} when the state folder cannot be used
 * @throws {BrokerUnavailable} when there is no broker
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { settings, log, now = Date.now, random = Math.random } = options;
  const newId = () => crypto.randomUUID();
  const workerId = settings.WORKER_ID;
  hardenBaileys(settings.WHATSAPP_ROOT_KEY);
  const database = await Database.open(settings.SESSION_DIR);
  const store = makeStore(database, now);

  // Out: events become durable in the outbox, and leave it when the broker has confirmed them.
  const publisher = new OutboxPublisher({
    outbox: store.outbox,
    contentType: settings.EVENT_CONTENT_TYPE,
    workerId,
    now,
    log,
  });
  const queues = {
    sessionEvent: settings.QUEUE_SESSION_EVENT,
    messageReceive: settings.QUEUE_MESSAGE_RECEIVE,
    messageStatus: settings.QUEUE_MESSAGE_STATUS,
    numberHealth: settings.QUEUE_NUMBER_HEALTH,
  };
  const announcer = new Announcer({ store, queues, workerId, now, newId, onNews: () => publisher.wake() });
  const receipts = new Receipts(store, announcer, newId);

  // The bridge: one connection, and what runs over it.
  const names = brokerNames(settings.RABBITMQ_PREFIX, {
    messageSend: settings.QUEUE_MESSAGE_SEND,
    sessionUpdate: settings.QUEUE_SESSION_UPDATE,
    exchange: settings.RABBITMQ_EXCHANGE,
  });
  const wiring = wiringOf(settings, names);
  const topology: TopologyOptions = {
    names,
    workerId,
    backendQueues: [...new Set([...Object.values(queues), names.messageSend, ...wiring.backendQueues])],
    bindings: wiring.bindings,
    exchangeType: settings.RABBITMQ_EXCHANGE_TYPE,
    log,
  };
  const connection = new Connection({
    url: settings.RABBITMQ_URL,
    name: `whatsapp-worker ${workerId}`,
    log,
    random,
    prepare: (link: Link) => declareTopology(link, topology),
  });
  const shared = new SharedChannel();
  const deadLetters = new DeadLetters({ channel: shared, queue: names.deadLetter, workerId, now });
  const leases = new Leases({
    connection,
    names,
    workerId,
    handler: (delivery) => takeSend(delivery),
    deadLetters,
    onLost: (numberId) => {
      sessions.lost(numberId).catch((err) =>
        log.error({ numberId, err }, "a lost number could not be closed")
      );
    },
    log,
  });

  // WhatsApp.
  const inbound = new Inbound({ store, announcer, include: settings.RECEIVE_INCLUDE, now });
  const sessions = new Sessions({
    store,
    announcer,
    receipts,
    inbound,
    leases,
    webUrl: settings.WHATSAPP_WEB_URL,
    maxQrAttempts: settings.MAX_RETRY_ATTEMPTS,
    qrLifetimeMs: options.qrLifetimeMs,
    now,
    random,
    log,
  });
  const sender = new Sender({
    store,
    receipts,
    sessionOf: (numberId) => sessions.get(numberId),
    messageTimeoutMs: settings.MESSAGE_TIMEOUT,
    maxAttempts: settings.MAX_RETRY_ATTEMPTS,
    now,
    newId,
    log,
  });

  // In: the reader routes, the inbox and the number queues act.
  const intake = new AbortController();
  const stopped = new AbortController();

  const takeSend = async (delivery: Delivery): Promise<Outcome> => {
    const command = readSend(delivery);
    if (!command.ok) return await refuse(command, delivery, "send");
    const header = Number(delivery.message.properties.headers?.[EXPIRES_AT]);
    const expiresAtMs = Number.isFinite(header) ? header : now() + settings.SEND_WAIT;
    const outcome = await sender.send(
      { command: command.value, commandId: delivery.commandId, expiresAtMs },
      intake.signal,
    );
    return outcome === "done" ? "ack" : "requeue";
  };

  const takeCommand = async (delivery: Delivery): Promise<Outcome> => {
    const body = decodeBody(delivery.message.content);
    if (body.ok && body.value.action === "health_check") {
      const request = readHealthCommand(body.value);
      if (!request.ok) return await refuse(request, delivery, "command");
      await answerHealth(request.value, delivery);
      return "ack";
    }
    const command = body.ok ? readSessionCommand(body.value) : body;
    if (!command.ok) return await refuse(command, delivery, "command");
    return await carryOut(command.value, delivery);
  };

  const carryOut = async (command: SessionCommand, delivery: Delivery): Promise<Outcome> => {
    const { commandId } = delivery;
    if (command.numberId === undefined) {
      await announceWorkerStatus(commandId);
      return "ack";
    }
    const meant = command.workerId === undefined || workerIdMatches(command.workerId, workerId);
    if (!meant) {
      await answerHeldElsewhere(command, workerId, delivery);
    } else if (await sessions.handle({ command, commandId }) === "held_elsewhere") {
      // Whoever holds the number knows its own name, and answers for it.
      const holder = routingKey.number(idText(command.numberId));
      const { content } = delivery.message;
      const outcome = await shared.publish(
        names.router,
        holder,
        content,
        forwardedProperties(delivery.message),
      );
      if (outcome === "unroutable") await answerHeldElsewhere(command, undefined, delivery);
    }
    return "ack";
  };

  const answerHeldElsewhere = async (
    command: SessionCommand,
    heldBy: string | undefined,
    delivery: Delivery,
  ) => {
    await announcer.commit(announcer.event({
      action: "error",
      ...(command.numberId === undefined ? {} : { numberId: command.numberId }),
      ...(command.backendSessionId === undefined ? {} : { backendSessionId: command.backendSessionId }),
      code: "held_elsewhere",
      error: `Cannot ${command.action} number ${command.numberId} as worker '${
        heldBy ?? "unknown"
      }' holds it`,
      ...(heldBy === undefined ? {} : { heldBy }),
    }, { correlationId: delivery.commandId }));
  };

  const answerHealth = async ({ numberId }: HealthCommand, { commandId }: Delivery): Promise<void> => {
    const session = sessions.get(idText(numberId));
    const options = { correlationId: commandId };
    await announcer.commit(
      session === undefined
        ? announcer.health({ numberId }, { status: "NOT_FOUND" }, options)
        : announcer.health(session.record, healthOf(session.state), options),
    );
  };

  const refuse = async (refusal: Refusal, delivery: Delivery, kind: "command" | "send"): Promise<Outcome> => {
    await answers.refused(refusal, delivery, kind);
    return { dead: refusal.code };
  };

  const answers = {
    refused: async (
      { code, error, field, about }: Refusal,
      { commandId }: Delivery,
      kind: "command" | "send",
    ) => {
      const { numberId, messageId, backendSessionId } = about;
      const fault = { code, error, ...(field === undefined ? {} : { field }) };
      const ids = {
        ...(numberId === undefined ? {} : { numberId }),
        ...(messageId === undefined ? {} : { messageId }),
      };
      const options = { correlationId: commandId };
      if (kind === "send" && messageId !== undefined) {
        const body = announcer.statusBody({ ...ids, status: "FAILED", ...fault, retryable: false });
        await announcer.commit(announcer.status(body, options));
      } else {
        const echo = backendSessionId === undefined ? {} : { backendSessionId };
        await announcer.commit(announcer.event({ action: "error", ...ids, ...echo, ...fault }, options));
      }
    },
    workerUnknown: async (command: SessionCommand | HealthCommand, { commandId }: Delivery) => {
      await announcer.commit(announcer.event({
        action: "error",
        ...(command.numberId === undefined ? {} : { numberId: command.numberId }),
        code: "worker_unknown",
        error: `No worker called '${command.workerId}' has taken its commands for ten minutes`,
      }, { correlationId: commandId }));
    },
    noSession: (command: Parameters<Sender["fail"]>[0], { commandId }: Delivery) =>
      sender.fail(command, commandId, "no_session"),
    expired: (command: Parameters<Sender["fail"]>[0], { commandId }: Delivery) =>
      sender.fail(command, commandId, "expired"),
  };

  const reader = new Reader({
    connection,
    names,
    commandQueues: wiring.commandQueues,
    healthQueues: wiring.healthQueues,
    deadLetters,
    answers,
    workerId,
    sendWaitMs: settings.SEND_WAIT,
    now,
    log,
    signal: intake.signal,
  });

  // Reports.
  const announceWorkerStatus = async (correlationId?: string): Promise<void> => {
    const data = await workerStatus({
      workerId,
      name: settings.WORKER_NAME,
      version: options.version,
      whatsappVersion: BUNDLED_WEB_VERSION,
      rootKeyHex: settings.WHATSAPP_ROOT_KEY,
      startedAtMs,
      sessions: () => sessions.all(),
      outbox: store.outbox,
      brokerState: () => connection.state,
      isReader: () => reader.reading,
      wiring: wiring.name,
      unhandledFaults: options.unhandledFaults ?? (() => 0),
      now,
    });
    const expiresAtMs = now() + 2 * settings.STATUS_INTERVAL;
    const periodic = correlationId === undefined
      ? { collapseKey: "worker_status", expiresAtMs }
      : { correlationId };
    await announcer.commit(announcer.event({ action: "worker_status", data }, periodic));
  };
  const announceHealth = async (): Promise<void> => {
    const expiresAtMs = now() + 2 * settings.HEALTH_CHECK_INTERVAL;
    await announcer.commit(
      sessions.all().flatMap(({ record, state }) =>
        announcer.health(record, healthOf(state), { collapseKey: `health ${record.numberId}`, expiresAtMs })
      ),
    );
  };
  const reported = (report: () => Promise<void>) => () =>
    report().catch((err) => log.error({ err }, "a report could not be written down"));

  const startedAtMs = now();
  try {
    await connection.open(options.brokerPatienceMs ?? BROKER_PATIENCE_MS);
  } catch (error) {
    await connection.close();
    store.close();
    throw error;
  }
  const intakeRoles = [
    connection.keep(
      "inbox",
      inboxRole({ names, workerId, handler: takeCommand, deadLetters, log, signal: intake.signal }),
      intake.signal,
    ),
    connection.keep("reader", reader.role, intake.signal),
    connection.keep("exchange", bindToExchange(topology, intake.signal), intake.signal),
  ];
  const roles = [
    connection.keep("outbox", publisher.role, stopped.signal),
    connection.keep("shared channel", shared.role, stopped.signal),
    every(settings.STATUS_INTERVAL, reported(() => announceWorkerStatus()), stopped.signal),
    every(settings.HEALTH_CHECK_INTERVAL, reported(announceHealth), stopped.signal),
    every(
      PRUNE_INTERVAL_MS,
      reported(async () => {
        await store.ledger.prune(now() - MEMORY_MS);
        await store.received.prune(now() - MEMORY_MS);
      }),
      stopped.signal,
    ),
  ];
  await sessions.restore();
  await announceWorkerStatus();
  log.info({ version: options.version, wiring: wiring.name }, "the worker is ready");

  return {
    stop: async () => {
      log.info("stopping: taking nothing new, finishing what is in hand");
      const patience = AbortSignal.timeout(STOP_PATIENCE_MS);
      intake.abort();
      await within(patience, Promise.all([...intakeRoles, leases.releaseAll()]));
      await within(patience, sessions.shutDown());
      await publisher.drained(patience);
      stopped.abort();
      await connection.close();
      await Promise.all(roles);
      store.close();
      log.info("stopped");
    },
  };
}

/** Waits for `work`, or until `signal` says that patience is over. */
async function within(signal: AbortSignal, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  await Promise.race([work, delay(STOP_PATIENCE_MS, undefined, { signal: ended }).catch(() => {})]);
  over.abort();
}
