import { setTimeout as delay } from "node:timers/promises";
import { adoptAuthFolders } from "./adoption/adopt.ts";
import type { Role } from "./broker/connection.ts";
import { bindToExchange } from "./broker/shared_topology.ts";
import { every, unlessAborted } from "./waiting.ts";
import type { Pulse } from "./health/pulse.ts";
import { buildParts, type Parts } from "./parts.ts";
import type { WorkerOptions } from "./worker_options.ts";
import { Database, StoreError } from "./store/database.ts";
import { prune } from "./store/retention.ts";
import { hardenBaileys } from "./whatsapp/socket/hardening.ts";
import { spareBaileysStackTraces } from "./whatsapp/socket/stack_traces.ts";

/** How long a broker that is not there yet is waited for at start. */
const BROKER_PATIENCE_MS = 15_000;
/** How long what is in hand may take to finish once the worker is told to stop, */
const FINISH_PATIENCE_MS = 12_000;
/** and, of the 20 s in all, how long the sockets may take to close, and what is in the outbox to leave. */
const CLOSE_PATIENCE_MS = 3_000;
/** How often a state that cannot be used yet is tried again. */
const STATE_PAUSE_MS = 5_000;
/** A disk that takes nothing, as systems and SQLite say it. */
const NO_ROOM = /No space left|disk is full|quota|Read-only file system/i;
const PRUNE_INTERVAL_MS = 10 * 60_000;

/** A running worker. */
export interface Worker {
  /** Resolves when it does its work: the broker is there, and no other process with its WORKER_ID. */
  readonly ready: Promise<unknown>;
  /** How it stands. */
  readonly pulse: () => Promise<Pulse>;
  /** Resolves with a fault that leaves nothing but to {@link stop}: a database that turned out to be damaged. */
  readonly failed: Promise<unknown>;
  /** Takes nothing new, finishes what is in hand, tells the backend all of it, and lets go of everything. */
  stop(): Promise<void>;
}

/**
 * Builds a worker and starts it. A message has one way through: the **reader** takes it off the shared queue and
 * routes it to this worker's inbox (commands) or to its number's queue (sends); the **intake** acts on it there, its
 * effect and the event that reports it are committed to the **store** together, it is acknowledged, and the event
 * leaves through the **outbox**.
 *
 * @throws {StoreError} when the state folder cannot be used
 * @throws {BrokerUnavailable} when there is no broker
 */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  hardenBaileys(options.settings.WHATSAPP_ROOT_KEY, options.now);
  spareBaileysStackTraces();
  const database = await openDatabase(options);
  const parts = buildParts(options, database);
  parts.http?.start();
  try {
    // Before any command is taken, every session of before is known.
    const { settings: { SESSION_DIR: sessionDir }, now = Date.now, log } = options;
    await adoptAuthFolders({ sessionDir, store: parts.store, announcer: parts.announcer, now, log });
    await parts.sessions.load();
    await parts.outgoingMedia.clear();
    await parts.webVersions.recall();
    await parts.wiring.recall();
    await parts.connection.open(options.brokerPatienceMs ?? BROKER_PATIENCE_MS);
  } catch (error) {
    await parts.connection.close();
    await parts.http?.stop();
    database.close();
    throw error;
  }
  return run(parts, options);
}

/** Opens the state. What can pass by itself, a full disk or another process that has it, is waited for if somebody is told. */
async function openDatabase(
  { settings: { SESSION_DIR: sessionDir }, log, onStateAwaited }: WorkerOptions,
): Promise<Database> {
  for (let told = false;; told = true) {
    try {
      return await Database.open(sessionDir);
    } catch (error) {
      if (!(error instanceof StoreError) || onStateAwaited === undefined || !mayPass(error)) throw error;
      if (!told) log.error({ code: error.code, remedy: error.remedy }, error.message);
      onStateAwaited(error.message);
    }
    await delay(STATE_PAUSE_MS);
  }
}

function mayPass({ code, message }: StoreError): boolean {
  return code === "state_locked" || (code === "state_unusable" && NO_ROOM.test(message));
}

/** Starts the parts of a worker whose broker is there, in order, and stops them in reverse. */
function run(parts: Parts, { settings, version, log, now = Date.now }: WorkerOptions): Worker {
  const { store, connection, topology, publisher, shared, leases, sessions, reader, intakeEnded } = parts;
  const { reporter, readiness, metrics, http } = parts;
  const limits = { mediaKeepMs: settings.MEDIA_KEEP, mediaKeepBytes: settings.MEDIA_KEEP_SIZE };
  const ended = new AbortController();
  const keep = (name: string, role: Role, signal = intakeEnded.signal) => connection.keep(name, role, signal);

  const out = [
    keep("outbox", publisher.role, ended.signal),
    keep("shared channel", shared.role, ended.signal),
    every(
      PRUNE_INTERVAL_MS,
      () =>
        prune(store, limits, now(), ended.signal).catch((err) =>
          log.error({ err }, "old records could not be pruned")
        ),
      ended.signal,
    ),
  ];
  if (http !== undefined) out.push(metrics.watchEventLoop(ended.signal));
  const inbox = keep("inbox", parts.inbox);
  // A second process with this worker's id does nothing under its name for as long as the first one lives.
  const working = unlessAborted(parts.alone, intakeEnded.signal).then(async (alone) => {
    if (alone === undefined) return;
    readiness.started();
    log.info({ version, ...parts.wiring.report() }, "the worker is ready");
    out.push(reporter.run(ended.signal), parts.media.run(intakeEnded.signal));
    await Promise.all([
      // Each session gets its lease while the worker runs already.
      sessions.restore(),
      keep("unassigned", parts.unassigned.role),
      keep("wiring", parts.wiring.role),
      keep("reader", reader.role),
      keep("exchange", bindToExchange(topology, intakeEnded.signal)),
    ]);
  }).catch(parts.failed.resolve);

  return {
    ready: parts.alone,
    pulse: parts.pulse,
    failed: parts.failed.promise,
    stop: async () => {
      readiness.stopping();
      log.info("stopping: taking nothing new, finishing what is in hand");
      intakeEnded.abort();
      // What a full disk keeps waiting now comes again: commands from the broker, the rest from WhatsApp.
      store.room.end();
      await within(FINISH_PATIENCE_MS, Promise.all([inbox, leases.releaseAll(), working]));
      await within(CLOSE_PATIENCE_MS, sessions.shutDown());
      await publisher.drained(AbortSignal.timeout(CLOSE_PATIENCE_MS));
      ended.abort();
      await connection.close();
      await Promise.all(out);
      await http?.stop();
      store.close();
      log.info("stopped");
    },
  };
}

/** Waits for `work`, but no longer than its patience. */
async function within(patienceMs: number, work: Promise<unknown>): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, delay(patienceMs, undefined, { signal: over.signal }).catch(() => {})]);
  over.abort();
}
