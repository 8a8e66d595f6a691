import { Announcer } from "./announcer.ts";
import { Answers } from "./answers.ts";
import { Connection } from "./broker/connection.ts";
import type { Outcome } from "./broker/consumer.ts";
import { DeadLetters } from "./broker/dead_letter.ts";
import { inboxRole } from "./broker/inbox.ts";
import { Leases } from "./broker/lease.ts";
import { brokerNames, routingKey } from "./broker/names.ts";
import { OutboxPublisher } from "./broker/outbox_publisher.ts";
import { parkSend } from "./broker/parking.ts";
import { forwardedProperties } from "./broker/publishing.ts";
import { Reader } from "./broker/reader.ts";
import { Unassigned } from "./broker/unassigned.ts";
import { SharedChannel } from "./broker/shared_channel.ts";
import { declareTopology, type TopologyOptions } from "./broker/shared_topology.ts";
import { readTlsFiles } from "./broker/tls.ts";
import { SessionWiring } from "./broker/session_wiring.ts";
import { watchDisk, whileWritable } from "./disk_gate.ts";
import { HttpServer } from "./health/http.ts";
import { mediaFolder } from "./health/media_folder.ts";
import { Metrics } from "./health/metrics.ts";
import { pages } from "./health/pages.ts";
import { makePulse } from "./health/pulse.ts";
import { Readiness } from "./health/readiness.ts";
import { Reporter } from "./health/reporter.ts";
import { workerStatus } from "./health/worker_status.ts";
import { Intake } from "./intake.ts";
import { buildSending } from "./sending.ts";
import { Database } from "./store/database.ts";
import { makeStore } from "./store/store.ts";
import { ConnectGate } from "./whatsapp/session/connect_gate.ts";
import { Inbound } from "./whatsapp/inbound/inbound.ts";
import { MediaFetcher } from "./whatsapp/media/incoming/fetcher.ts";
import { Receipts } from "./whatsapp/receipts/receipts.ts";
import { Sessions } from "./whatsapp/session/sessions.ts";
import { WebVersions } from "./whatsapp/session/web_version.ts";
import type { WorkerOptions } from "./worker_options.ts";

/** More sessions than any worker has. */
const NO_ROOM_LOAD = 1_000_000;

/** Everything a worker consists of, wired and at rest. */
export type Parts = ReturnType<typeof buildParts>;

/** Wires everything a worker consists of. */
export function buildParts(options: WorkerOptions, database: Database) {
  const { settings, log, now = Date.now, random = Math.random, unhandledFaults = () => 0 } = options;
  const { WORKER_ID: workerId, SEND_WAIT: sendWaitMs } = settings;
  const newId = () => crypto.randomUUID();
  const intakeEnded = new AbortController();

  const names = brokerNames(settings.RABBITMQ_PREFIX, {
    messageSend: settings.QUEUE_MESSAGE_SEND,
    sessionUpdate: settings.QUEUE_SESSION_UPDATE,
    exchange: settings.RABBITMQ_EXCHANGE,
  });

  const startedAtMs = now();
  const telemetry: Metrics = new Metrics({
    workerId,
    workerStatus: () => status(),
    sessions: () => sessions.all(),
    media: () => store.media.count(),
    isReady: () => readiness.obstacles().length === 0,
    startedAtMs,
  });

  // Out: events become durable in the outbox, and leave it when the broker has confirmed them.
  const store = makeStore(database, now);
  const contentType = settings.EVENT_CONTENT_TYPE;
  const publisher = new OutboxPublisher({
    outbox: store.outbox,
    deadLetterQueue: names.deadLetter,
    contentType,
    workerId,
    now,
    telemetry,
    log,
  });
  const queues = {
    sessionEvent: settings.QUEUE_SESSION_EVENT,
    messageReceive: settings.QUEUE_MESSAGE_RECEIVE,
    messageStatus: settings.QUEUE_MESSAGE_STATUS,
    numberHealth: settings.QUEUE_NUMBER_HEALTH,
  };
  const announcer = new Announcer({ store, queues, workerId, now, newId, onNews: () => publisher.wake() });

  // The bridge: one connection, and what runs over it.
  const wiring = new SessionWiring({
    settings,
    names,
    memory: store.memory,
    workerId,
    now,
    log,
    signal: intakeEnded.signal,
  });
  const { backendQueues, bindings, staleBindings } = wiring.current;
  const topology: TopologyOptions = {
    names,
    workerId,
    backendQueues: [...new Set([...Object.values(queues), names.messageSend, ...backendQueues])],
    bindings,
    staleBindings,
    exchangeType: settings.RABBITMQ_EXCHANGE_TYPE,
    onExchange: (there) => wiring.sawExchange(there),
    log,
  };
  const connection = new Connection({
    url: settings.RABBITMQ_URL,
    tls: () => readTlsFiles(settings),
    name: `whatsapp-worker ${workerId}`,
    log,
    random,
    prepare: (link) => declareTopology(link, topology),
    onAwaited: options.onBrokerAwaited,
  });
  const shared = new SharedChannel();
  const deadLetters = new DeadLetters({ channel: shared, queue: names.deadLetter, workerId, now, telemetry });
  const leases: Leases = new Leases({
    connection,
    names,
    workerId,
    // The intake is made of the sessions, which need the leases; no send arrives before it is there.
    handler: (delivery): Promise<Outcome> => takeSend(delivery),
    deadLetters,
    onLost: (numberId) => {
      sessions.lost(numberId).catch((err) =>
        log.error({ numberId, err }, "a lost number could not be closed")
      );
    },
    log,
  });

  // WhatsApp.
  const receipts = new Receipts(store, announcer, newId, telemetry);
  const webVersions = new WebVersions({
    webUrl: settings.WHATSAPP_WEB_URL,
    memory: store.memory,
    pageTimeoutMs: options.webPageTimeoutMs,
    now,
    log,
    signal: intakeEnded.signal,
  });
  const { HTTP_HOST: host, HTTP_PORT: port, HTTP_TOKEN: token } = settings;
  const isServed = host !== undefined && port !== undefined;
  const media: MediaFetcher = new MediaFetcher({
    store,
    announcer,
    sockets: () => sessions.sockets,
    webUrl: settings.WHATSAPP_WEB_URL,
    limits: {
      maxBytes: settings.MEDIA_MAX_SIZE,
      inlineLimitBytes: settings.MEDIA_INLINE_LIMIT,
      timeoutMs: settings.MEDIA_TIMEOUT,
      keepMs: settings.MEDIA_KEEP,
      keepBytes: settings.MEDIA_KEEP_SIZE,
    },
    isServed,
    timings: options.media,
    now,
    telemetry,
    log,
  });
  const sessions: Sessions = new Sessions({
    store,
    announcer,
    receipts,
    inbound: new Inbound({
      store,
      announcer,
      include: settings.RECEIVE_INCLUDE,
      servesMedia: isServed,
      newId,
      now,
    }),
    media,
    leases,
    onCount: () => unassigned.reweigh(),
    webUrl: settings.WHATSAPP_WEB_URL,
    webVersions,
    gate: new ConnectGate(),
    maxQrAttempts: settings.MAX_RETRY_ATTEMPTS,
    sessionTimeoutMs: settings.SESSION_TIMEOUT,
    qrLifetimeMs: options.qrLifetimeMs,
    probe: options.probe,
    undecryptableAfterMs: options.undecryptableAfterMs,
    now,
    random,
    telemetry,
    log,
  });
  const { outgoingMedia, pacing, sender, chatActions } = buildSending({
    ...options,
    store,
    announcer,
    receipts,
    sessionOf: (numberId) => sessions.get(numberId),
    now,
    newId,
    telemetry,
  });

  // In: the reader routes, the intake acts.
  const answers = new Answers(announcer, sender, chatActions);
  const reader = new Reader({
    connection,
    names,
    wiring,
    deadLetters,
    answers,
    sendWaitMs,
    now,
    random,
    log,
    signal: intakeEnded.signal,
  });

  // What it says of itself.
  const readiness = new Readiness({
    brokerState: () => connection.state,
    brokerTrouble: () => connection.trouble,
    diskFailingForMs: () => store.room.failingForMs,
  });
  const status = workerStatus({
    workerId,
    name: settings.WORKER_NAME,
    version: options.version,
    whatsappVersion: () => webVersions.current,
    rootKeyHex: settings.WHATSAPP_ROOT_KEY,
    wiring: () => wiring.report(),
    startedAtMs,
    sessions: () => sessions.all(),
    outbox: store.outbox,
    pacing: () => pacing.report(),
    diskFailingForMs: () => store.room.failingForMs,
    brokerState: () => connection.state,
    isReader: () => reader.reading,
    strayEvents: () => reader.strayEvents,
    eventsPutBack: () => reader.eventsPutBack,
    unhandledFaults,
    now,
  });
  const pulse = makePulse({
    sessions: () => sessions.all(),
    outbox: store.outbox,
    diskFailing: () => store.room.failingForMs !== undefined,
    broker: connection,
    rival: () => readiness.hasRival,
  });
  const http = host === undefined || port === undefined ? undefined : new HttpServer({
    host,
    port,
    token,
    pages: pages({ pulse, readiness, metrics: telemetry }),
    folders: { "/media/": mediaFolder(store) },
    retryPauseMs: options.httpRetryPauseMs,
    log,
  });
  const reporter: Reporter = new Reporter({
    announcer,
    publishNow: publisher.publishNow,
    sessions: () => sessions.all(),
    workerStatus: status,
    statusIntervalMs: settings.STATUS_INTERVAL,
    healthIntervalMs: settings.HEALTH_CHECK_INTERVAL,
    now,
    log,
  });
  const intake: Intake = new Intake({
    workerId,
    sessions,
    sender,
    chatActions,
    answers,
    answerWorker: (commandId) => reporter.answerWorker(commandId),
    forwardToHolder: (numberId, { message }) =>
      shared.publish(
        names.router,
        routingKey.number(numberId),
        message.content,
        forwardedProperties(message),
      ),
    park: (delivery, forMs) => parkSend({ channel: shared, names }, delivery, forMs),
    sendWaitMs,
    now,
    telemetry,
    signal: intakeEnded.signal,
  });

  const takeCommand = whileWritable(store.room, intake.takeCommand, intakeEnded.signal);
  const takeSend = whileWritable(store.room, intake.takeSend, intakeEnded.signal);

  const alone = Promise.withResolvers<true>();
  const inbox = inboxRole({
    names,
    workerId,
    handler: takeCommand,
    numbers: () => leases.bound,
    onHeld: () => {
      readiness.hasRival = false;
      alone.resolve(true);
    },
    onRefused: () => {
      readiness.hasRival = true;
    },
    deadLetters,
    log,
    signal: intakeEnded.signal,
  });
  const unassigned: Unassigned = new Unassigned({
    names,
    handler: takeCommand,
    deadLetters,
    // With a full disk only what no other worker can take.
    load: () => store.room.failingForMs === undefined ? sessions.all().length : NO_ROOM_LOAD,
    log,
    signal: intakeEnded.signal,
  });
  const failed = Promise.withResolvers<unknown>();
  watchDisk({
    room: store.room,
    log,
    onChange: () => {
      unassigned.reweigh();
      reporter.tryToReportWorker();
    },
    onDamaged: failed.resolve,
  });
  return {
    store,
    announcer,
    connection,
    topology,
    wiring,
    publisher,
    shared,
    leases,
    webVersions,
    media,
    sessions,
    outgoingMedia,
    reader,
    reporter,
    pulse,
    inbox,
    alone: alone.promise,
    unassigned,
    failed,
    intakeEnded,
    readiness,
    metrics: telemetry,
    http,
  };
}
