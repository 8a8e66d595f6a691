import type { WiringReport } from "../broker/session_wiring.ts";
import type { Outbox } from "../store/outbox.ts";
import type { PacingReport } from "../whatsapp/pacing/pacing.ts";
import type { Session } from "../whatsapp/session/session.ts";

/** What a worker knows of itself. */
export interface WorkerStatusSources {
  readonly workerId: string;
  readonly name: string;
  readonly version: string;
  /** The WhatsApp Web version it connects with, and where it knows it from. */
  readonly whatsappVersion: () => { readonly text: string; readonly source: string };
  /** The root of the stand-in it trusts instead of WhatsApp's: only ever in tests. */
  readonly rootKeyHex: string | undefined;
  readonly startedAtMs: number;
  readonly sessions: () => readonly Session[];
  readonly outbox: Outbox;
  /** The sends that wait for their number's pace. */
  readonly pacing: () => Promise<PacingReport>;
  /** For how long nothing could be written; `undefined` while all is well. */
  readonly diskFailingForMs: () => number | undefined;
  readonly brokerState: () => string;
  readonly isReader: () => boolean;
  /** Events of the backend found on command queues. */
  readonly strayEvents: () => number;
  /** Events of the backend that were taken from a queue it shares with the workers, and put back. */
  readonly eventsPutBack: () => number;
  readonly wiring: () => WiringReport;
  /** Faults that nobody handled, since the start. */
  readonly unhandledFaults: () => number;
  readonly now: () => number;
}

/** The `data` of a `worker_status`: `uptime` in seconds, `memory` in bytes. */
export type WorkerStatus = Awaited<ReturnType<ReturnType<typeof workerStatus>>>;

/** Makes the `data` of a `worker_status`. */
export function workerStatus(sources: WorkerStatusSources) {
  return async () => {
    const sessions = sources.sessions();
    const connected = sessions.filter((session) => session.state === "connected").length;
    const { depth, oldestAtMs } = await sources.outbox.depth();
    const { text: webVersion, source: versionSource } = sources.whatsappVersion();
    const { rss, heapUsed, heapTotal, external } = Deno.memoryUsage();
    return {
      workerId: sources.workerId,
      name: sources.name,
      version: sources.version,
      totalSessions: sessions.length,
      connectedSessions: connected,
      disconnectedSessions: sessions.length - connected,
      health: countBy(sessions.map(({ health }) => health.status)),
      // A clock that is put back must not make it negative, which a backend may refuse.
      uptime: Math.max(0, Math.floor((sources.now() - sources.startedAtMs) / 1000)),
      memory: { rss, heapUsed, heapTotal, external },
      outbox: {
        depth,
        oldestAgeMs: oldestAtMs === undefined ? null : Math.max(0, sources.now() - oldestAtMs),
      },
      pacing: await sources.pacing(),
      disk: diskStatus(sources.diskFailingForMs()),
      broker: {
        state: sources.brokerState(),
        reader: sources.isReader(),
        ...sources.wiring(),
        strayEvents: sources.strayEvents(),
        eventsPutBack: sources.eventsPutBack(),
      },
      whatsapp: {
        version: webVersion,
        versionSource,
        ...(sources.rootKeyHex === undefined ? {} : { rootKey: sources.rootKeyHex }),
      },
      unhandledFaults: sources.unhandledFaults(),
    };
  };
}

function countBy(words: readonly string[]): Record<string, number> {
  const groups = Object.groupBy(words, (word) => word);
  return Object.fromEntries(Object.entries(groups).map(([word, all = []]) => [word, all.length]));
}

function diskStatus(failingForMs: number | undefined) {
  return failingForMs === undefined
    ? { state: "ok" } as const
    : { state: "failing", failingForMs: Math.floor(failingForMs) } as const;
}
