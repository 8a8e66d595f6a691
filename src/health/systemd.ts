/** What systemd is told, and how it is spoken to: the protocol of sd_notify(3), without a helper. */
import { fstatSync } from "node:fs";
import type { Logger } from "pino";
import type { SupervisingEnvironment } from "../config/environment.ts";
import { every, unlessAborted } from "../waiting.ts";
import type { Pulse } from "./pulse.ts";

/** How often the status is told, and the watchdog fed unless it wants to be fed more often. */
const BEAT_MS = 5_000;
/** How much more time a start is given, again and again, while it waits: longer than the broker takes to answer. */
const MORE_TIME_MS = 120_000;
/** How long the end of the worker waits for a systemd that reads nothing. */
const LAST_WORDS_PATIENCE_MS = 1_000;

/** The worker as systemd is told of it. */
export interface Supervised {
  /** Resolves when it does its work: store and broker are up, and no other process has its WORKER_ID. */
  readonly ready: Promise<unknown>;
  readonly pulse: () => Promise<Pulse>;
}

/** Tells systemd how the worker fares. What cannot be told is logged once, and harms nothing else. */
export class Systemd {
  readonly #path: string;
  readonly #watchdogMs: number | undefined;
  readonly #log: Logger;
  #unheard = false;
  #stopping = false;

  constructor(path: string, watchdogMs: number | undefined, log: Logger) {
    // The names of abstract sockets begin with a zero byte, which a variable cannot hold.
    this.#path = path.replace(/^@/, "\0");
    this.#watchdogMs = watchdogMs;
    this.#log = log;
  }

  /** The systemd that started this process, if one did and wants to hear of it. */
  static of(environment: SupervisingEnvironment, log: Logger): Systemd | undefined {
    const { NOTIFY_SOCKET: path, WATCHDOG_USEC: watchdogUs, WATCHDOG_PID: watched } = environment;
    if (!path) return undefined;
    const isWatched = Number(watchdogUs) > 0 && (watched === undefined || watched === String(Deno.pid));
    return new Systemd(path, isWatched ? Number(watchdogUs) / 1_000 : undefined, log);
  }

  /** How a worker is to start: it waits for state and broker as long as it takes, and says so. */
  readonly patience = {
    brokerPatienceMs: Infinity,
    onStateAwaited: (why: string) => void this.#tell(`STATUS=waiting: ${why}`, MORE_TIME),
    onBrokerAwaited: (why: string) => void this.#tell(`STATUS=waiting for the broker: ${why}`, MORE_TIME),
  };

  /** Tells how the worker is until `signal` aborts; the watchdog is fed while it gets on with its work. */
  async attend({ ready, pulse }: Supervised, signal: AbortSignal): Promise<void> {
    let isReady = false;
    const beat = async () => {
      const taken = await pulse();
      if (signal.aborted) return;
      const status = isReady ? [`STATUS=${inWords(taken)}`] : [`STATUS=${waitsFor(taken)}`, MORE_TIME];
      const lines = [...(this.#stopping ? [] : status), ...(taken.alive ? ["WATCHDOG=1"] : [])];
      await unlessAborted(this.#tell(...lines), signal);
    };
    const becomeReady = async () => {
      if (await unlessAborted(ready.then(() => true), signal) === undefined) return;
      isReady = true;
      await unlessAborted(this.#tell("READY=1"), signal);
      await beat();
    };
    const beatMs = Math.min(BEAT_MS, (this.#watchdogMs ?? Infinity) / 3);
    await beat();
    await Promise.all([becomeReady(), every(beatMs, beat, signal)]);
  }

  /** The worker ends, as it was told to or because of a fault. */
  async stopping(why: string): Promise<void> {
    this.#stopping = true;
    const told = this.#tell("STOPPING=1", `STATUS=${why}`).then(() => true);
    if (await unlessAborted(told, AbortSignal.timeout(LAST_WORDS_PATIENCE_MS)) === undefined) {
      this.#log.warn("systemd does not read what it is told; the worker ends without");
    }
  }

  /** Resolves when it is on its way, which is never where the queue of a socket is full and nobody reads it. */
  async #tell(...lines: string[]): Promise<void> {
    if (lines.length === 0) return;
    // A line of its own would be taken for another message.
    const text = lines.map((line) => line.replaceAll(/\s+/g, " ")).join("\n");
    try {
      const connection = Deno.listenDatagram(SEND_ONLY);
      try {
        await connection.send(new TextEncoder().encode(text), { transport: "unixpacket", path: this.#path });
      } finally {
        connection.close();
      }
    } catch (err) {
      if (!this.#unheard) this.#log.warn({ err }, "systemd cannot be told how the worker is");
      this.#unheard = true;
    }
  }
}

/** Whether standard output (1) or error (2) is the journal, where each line is an entry: see systemd.exec(5). */
export function isJournal(fd: 1 | 2, { JOURNAL_STREAM: journal }: SupervisingEnvironment): boolean {
  if (!journal) return false;
  const { dev, ino } = fstatSync(fd);
  return journal === `${dev}:${ino}`;
}

const MORE_TIME = `EXTEND_TIMEOUT_USEC=${MORE_TIME_MS * 1_000}`;

/** Without a path, which Deno's types ask for, a socket has no name and only sends. */
const SEND_ONLY = { transport: "unixpacket" } as Deno.UnixListenOptions & { transport: "unixpacket" };

const BROKER = {
  connected: "broker ok",
  blocked: "broker takes no messages",
  connecting: "broker away, trying again",
  closed: "broker left",
} as const;

/** `12 numbers, 11 connected; broker ok; outbox 0`. */
function inWords({ numbers, connected, broker, rival, outbox, diskFailing }: Pulse): string {
  return [
    `${numbers} ${numbers === 1 ? "number" : "numbers"}, ${connected} connected`,
    BROKER[broker],
    outbox === undefined ? "the store does not answer" : `outbox ${outbox}`,
    ...(rival ? ["another process has this WORKER_ID"] : []),
    ...(diskFailing ? ["the disk takes nothing"] : []),
  ].join("; ");
}

function waitsFor({ broker, rival }: Pulse): string {
  if (broker !== "connected") return `waiting: ${BROKER[broker]}`;
  return rival ? "waiting for another process with this WORKER_ID to end" : "starting";
}
