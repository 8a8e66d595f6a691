import process from "node:process";
import { buildStamp } from "../build_info.ts";
import type { MediaCount } from "../store/media.ts";
import type { Telemetry } from "../telemetry.ts";
import { pause } from "../waiting.ts";
import type { Session } from "../whatsapp/session/session.ts";
import { Instruments } from "./instruments.ts";
import {
  BROKER_STATES,
  counted,
  DELAY_INTERVAL_MS,
  eventLabel,
  gauges,
  PACE_REASONS,
  STATES,
} from "./metric_definitions.ts";
import type { WorkerStatus } from "./worker_status.ts";

/** Options of {@link Metrics}. */
export interface MetricsOptions {
  readonly workerId: string;
  readonly workerStatus: () => Promise<WorkerStatus>;
  readonly sessions: () => readonly Session[];
  readonly media: () => Promise<MediaCount>;
  readonly isReady: () => boolean;
  readonly startedAtMs: number;
}

/** What the worker counts and measures, in the text format of Prometheus. */
export class Metrics implements Telemetry {
  readonly #options: MetricsOptions;
  readonly #instruments = new Instruments();
  readonly #counted = counted(this.#instruments);
  readonly #gauges = gauges(this.#instruments);

  constructor(options: MetricsOptions) {
    this.#options = options;
  }

  /** Every metric, for the documentation. */
  get described(): Instruments["described"] {
    return this.#instruments.described;
  }

  /** The metrics as they are now. */
  async text(): Promise<{ contentType: string; body: string }> {
    this.#read(await this.#options.workerStatus());
    const { pending, bytes } = await this.#options.media();
    this.#gauges.mediaPending({}, pending);
    this.#gauges.mediaBytes({}, bytes);
    return await this.#instruments.text();
  }

  /** Measures until `signal` aborts how late timers are: how long whatever comes next has to wait for the event loop. */
  async watchEventLoop(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const startedAt = performance.now();
      await pause(DELAY_INTERVAL_MS, signal);
      const lateMs = performance.now() - startedAt - DELAY_INTERVAL_MS;
      if (!signal.aborted) this.#counted.eventLoopDelay({}, lateMs);
    }
  }

  connecting(): void {
    this.#counted.connectAttempts({});
  }

  connected(tookMs: number): void {
    this.#counted.connectDuration({}, tookMs);
  }

  closed({ code }: { readonly code: number }): void {
    this.#counted.closes({ code: String(code) });
  }

  command(action: string, outcome: string, tookMs: number): void {
    this.#counted.commands({ action, outcome });
    this.#counted.commandDuration({}, tookMs);
  }

  sent(type: string, result: string): void {
    this.#counted.sends({ type, result });
    if (result === "repeated") this.#counted.duplicates({ direction: "out" });
  }

  paced(reason: string, waitedMs: number): void {
    this.#counted.paceDuration({ reason }, waitedMs);
  }

  acknowledged(tookMs: number): void {
    this.#counted.ackDuration({}, tookMs);
  }

  status(status: string): void {
    this.#counted.statuses({ status });
  }

  received(type: string, outcome: "new" | "repeated"): void {
    if (outcome === "new") this.#counted.received({ type });
    else this.#counted.duplicates({ direction: "in" });
  }

  media(outcome: string): void {
    this.#counted.media({ outcome });
  }

  undecryptable(): void {
    this.#counted.undecryptable({});
  }

  published(type: string, waitedMs: number): void {
    this.#counted.publishDuration({ event: eventLabel(type) }, waitedMs);
  }

  deadLetter(reason: string): void {
    this.#counted.deadLetters({ reason });
  }

  #read({ version, outbox, pacing, broker, disk, memory, whatsapp, unhandledFaults }: WorkerStatus): void {
    const { workerId, sessions, isReady, startedAtMs } = this.#options;
    const set = this.#gauges;
    const all = sessions();
    const countOf = (state: string) => all.filter((session) => session.state === state).length;
    for (const state of STATES) set.sessions({ state }, countOf(state));
    set.undecryptableMessages({}, all.reduce((sum, { health }) => sum + health.vitals.undecryptable, 0));
    for (const reason of PACE_REASONS) set.sendsWaiting({ reason }, pacing.byReason[reason] ?? 0);
    set.outboxEvents({}, outbox.depth);
    set.outboxAge({}, (outbox.oldestAgeMs ?? 0) / 1000);
    for (const state of BROKER_STATES) set.brokerState({ state }, Number(state === broker.state));
    set.reader({}, Number(broker.reader));
    set.ready({}, Number(isReady()));
    set.diskFailing({}, Number(disk.state === "failing"));
    set.unhandledFaults(unhandledFaults);
    set.memory({ area: "heap_used" }, memory.heapUsed);
    set.memory({ area: "heap_total" }, memory.heapTotal);
    set.memory({ area: "external" }, memory.external);
    set.residentMemory({}, memory.rss);
    const { user, system } = process.cpuUsage();
    set.cpuSeconds((user + system) / 1e6);
    set.startTime({}, startedAtMs / 1000);
    set.buildInfo({
      version,
      ...buildStamp(),
      deno: Deno.version.deno,
      whatsapp_web: whatsapp.version,
      worker_id: workerId,
    });
  }
}
