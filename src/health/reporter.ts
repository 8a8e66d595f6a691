import type { Logger } from "pino";
import type { Announcer, EventOptions } from "../announcer.ts";
import { PublishFailed } from "../broker/publishing.ts";
import { StoreError } from "../store/database.ts";
import type { OutboxMessage } from "../store/outbox.ts";
import { every } from "../waiting.ts";
import type { Session } from "../whatsapp/session/session.ts";

/** Options of {@link Reporter}. */
export interface ReporterOptions {
  readonly announcer: Announcer;
  /** Publishes an event past the outbox, for a disk that takes nothing. Throws {@link PublishFailed} without a broker. */
  readonly publishNow: (message: OutboxMessage) => Promise<void>;
  readonly sessions: () => readonly Session[];
  /** The `data` of a `worker_status`. */
  readonly workerStatus: () => Promise<Record<string, unknown>>;
  readonly statusIntervalMs: number;
  readonly healthIntervalMs: number;
  readonly now: () => number;
  readonly log: Logger;
}

/** Tells the backend, again and again, how this worker and its numbers are. Only the latest report of each is kept. */
export class Reporter {
  readonly #options: ReporterOptions;

  constructor(options: ReporterOptions) {
    this.#options = options;
  }

  /** Announces how the worker is, in answer to the command with this id, if it had one. */
  async answerWorker(commandId: string | undefined): Promise<void> {
    await this.#announceWorker({ correlationId: commandId });
  }

  /** Announces how the worker is. */
  async reportWorker(): Promise<void> {
    const { statusIntervalMs, now } = this.#options;
    await this.#announceWorker({ collapseKey: "worker_status", expiresAtMs: now() + 2 * statusIntervalMs });
  }

  /** Announces how every number is. */
  async reportNumbers(): Promise<void> {
    const { announcer, sessions, healthIntervalMs, now } = this.#options;
    const expiresAtMs = now() + 2 * healthIntervalMs;
    await announcer.commit(
      sessions().flatMap((session) =>
        session.tellingHealth({ collapseKey: `health ${session.record.numberId}`, expiresAtMs })
      ),
      { patient: false },
    );
  }

  /** As {@link reportWorker}, for whom it does not matter whether that succeeds: the next report comes soon. */
  tryToReportWorker(): void {
    this.#safely(() => this.reportWorker());
  }

  /** Reports at once and then at its intervals, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { statusIntervalMs, healthIntervalMs } = this.#options;
    const reportWorker = () => this.#safely(() => this.reportWorker());
    await reportWorker();
    await Promise.all([
      every(statusIntervalMs, reportWorker, signal),
      every(healthIntervalMs, () => this.#safely(() => this.reportNumbers()), signal),
    ]);
  }

  async #safely(report: () => Promise<void>): Promise<void> {
    try {
      await report();
    } catch (err) {
      // That disk or broker take nothing is said where it is noticed; the next report is as good.
      if (err instanceof StoreError || err instanceof PublishFailed) return;
      this.#options.log.error({ err }, "a report could not be written down");
    }
  }

  async #announceWorker(options: EventOptions): Promise<void> {
    const { announcer, workerStatus, publishNow } = this.#options;
    const status = async () => ({ action: "worker_status", data: await workerStatus() });
    try {
      await announcer.commit(announcer.event(await status(), options), { patient: false });
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      await publishNow(announcer.eventMessage(await status(), options));
    }
  }
}
