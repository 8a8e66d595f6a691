import type { Logger } from "pino";
import type { Announcer, EventFields, EventOptions } from "../../announcer.ts";
import { sessionName } from "../../contract/addresses.ts";
import type { Id } from "../../contract/ids.ts";
import { parseJson } from "../../contract/json.ts";
import type { Statement } from "../../store/database.ts";
import type { SessionRecord } from "../../store/session_records.ts";
import type { Store } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry.ts";
import { type Health, healthOf, type SessionState } from "./states.ts";
import { Vitals, type VitalsReport } from "../vitals/vitals.ts";

/** What a session's standing is written and told with. */
export interface StandingContext {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
  readonly log: Logger;
}

/** How a state is entered. */
export interface EnterOptions {
  /** The socket before was open, and deaf. */
  readonly deaf?: boolean;
  /** What stands in the way of a connection. */
  readonly obstacle?: string | undefined;
  /** The backend need not know: it is told when it asks, or when the next state is news as well. */
  readonly quietly?: boolean;
}

/** What is told of a session's health. */
export interface HealthReport extends Health {
  readonly vitals: VitalsReport;
}

/** A session as the backend sees it: its record, its state, and the events that say so. */
export class Standing {
  readonly vitals: Vitals;
  readonly #context: StandingContext;
  #record: SessionRecord;
  #log: Logger;
  #state: SessionState;
  #deaf = false;
  #obstacle: string | undefined;
  /** What the backend was told last. */
  #told: Health;
  #changed = Promise.withResolvers<void>();

  constructor(record: SessionRecord, context: StandingContext) {
    this.#context = context;
    this.#record = record;
    this.#state = record.atStart === "banned" ? "banned" : "closed";
    this.#log = this.#logOf(record);
    const { numberId } = record;
    this.vitals = new Vitals({ ...context, numberId, log: () => this.#log });
    this.#told = healthOf(this.#state, { deaf: false, warnings: [] });
  }

  get record(): SessionRecord {
    return this.#record;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** How the number is. */
  get health(): HealthReport {
    const condition = { deaf: this.#deaf, obstacle: this.#obstacle, warnings: this.vitals.warnings };
    return { ...healthOf(this.#state, condition), vitals: this.vitals.report() };
  }

  /** Every line of it names the session. */
  get log(): Logger {
    return this.#log;
  }

  /** Changes the record, durably and together with `further`; that of a session that has ended is gone and stays so. */
  async update(
    changes: Partial<Omit<SessionRecord, "numberId">>,
    further: readonly Statement[] = [],
  ): Promise<void> {
    await this.#context.announcer.commit([...this.updating(changes), ...further]);
  }

  /** Changes the record. @returns the writes that make it durable */
  updating(changes: Partial<Omit<SessionRecord, "numberId">>): Statement[] {
    this.#record = { ...this.#record, ...changes };
    this.#log = this.#logOf(this.#record);
    return this.#state === "ended" ? [] : this.#context.store.sessions.saving(this.#record);
  }

  /** Enters a state; `statements` become durable together with the news of it. */
  async enter(
    state: SessionState,
    statements: readonly Statement[] = [],
    { deaf = false, obstacle, quietly = false }: EnterOptions = {},
  ): Promise<void> {
    this.#state = state;
    this.#deaf = deaf;
    this.#obstacle = obstacle;
    if (state === "ended" || state === "banned") this.vitals.forget();
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    await this.#context.announcer.commit([...statements, ...(quietly ? [] : this.#news())]);
  }

  /** The event that says how the number is. */
  tellingHealth(options?: EventOptions): Statement[] {
    const { health } = this;
    this.#told = health;
    return this.#context.announcer.health(this.#record, health, options);
  }

  /** Tells how the number is if that is news. */
  async tellNews(): Promise<void> {
    const news = this.#news();
    if (news.length > 0) await this.#context.announcer.commit(news);
  }

  /** The socket before the present one was deaf, as is known only now; how the number is since follows. */
  async tellWasDeaf(): Promise<void> {
    const { announcer } = this.#context;
    this.vitals.deafSocket();
    const past = { status: "UNHEALTHY", reason: "deaf" } as const;
    const telling = announcer.health(this.#record, { ...past, vitals: this.vitals.report() });
    this.#told = past;
    await announcer.commit([...telling, ...(this.#state === "connected" ? this.#news() : [])]);
  }

  #news(): Statement[] {
    const { status, reason, warnings = [] } = this.health;
    const told = this.#told;
    const same = status === told.status && reason === told.reason &&
      String(warnings) === String(told.warnings ?? []);
    return same ? [] : this.tellingHealth();
  }

  /** An event about the session, answering the command it is carrying out. */
  event(fields: EventFields, options?: EventOptions): Statement[] {
    return this.#context.announcer.session(this.#record, fields, options);
  }

  /** Tells an event of its own. */
  async tell(fields: EventFields, options?: EventOptions): Promise<void> {
    await this.#context.announcer.commit(this.event(fields, options));
  }

  /** Resolves with true once connected; with false when `signal` aborts or the session has no way to get there. */
  async connected(signal: AbortSignal): Promise<boolean> {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const onAbort = () => resolve();
    signal.addEventListener("abort", onAbort);
    while (
      !signal.aborted && this.#state !== "connected" && this.#state !== "ended" && this.#state !== "banned"
    ) {
      await Promise.race([this.#changed.promise, aborted]);
    }
    signal.removeEventListener("abort", onAbort);
    return !signal.aborted && this.#state === "connected";
  }

  #logOf({ numberId, numberIdJson, phoneNumber }: SessionRecord): Logger {
    const sessionId = sessionName(parseJson(numberIdJson) as Id, phoneNumber);
    return this.#context.log.child({ numberId, sessionId });
  }
}
