import type { Logger } from "pino";
import type { Announcer, EventFields, EventOptions } from "../announcer.ts";
import { sessionName } from "../contract/addresses.ts";
import type { Id } from "../contract/ids.ts";
import { parseJson } from "../contract/json.ts";
import type { Statement } from "../store/database.ts";
import type { SessionRecord } from "../store/session_records.ts";
import type { Store } from "../store/store.ts";
import { healthOf, type SessionState } from "./states.ts";

/** What a session's standing is written and told with. */
export interface StandingContext {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly log: Logger;
}

/** A session as the backend sees it: its record, its state, and the events that say so. */
export class Standing {
  readonly #context: StandingContext;
  #record: SessionRecord;
  #log: Logger;
  #state: SessionState;
  #changed = Promise.withResolvers<void>();

  constructor(record: SessionRecord, context: StandingContext) {
    this.#context = context;
    this.#record = record;
    this.#state = record.atStart === "banned" ? "banned" : "closed";
    this.#log = this.#logOf(record);
  }

  get record(): SessionRecord {
    return this.#record;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Every line of it names the session. */
  get log(): Logger {
    return this.#log;
  }

  /** Changes the record, durably; that of a session that has ended is gone and stays so. */
  async update(changes: Partial<Omit<SessionRecord, "numberId">>): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    this.#log = this.#logOf(this.#record);
    if (this.#state !== "ended") await this.#context.store.sessions.save(this.#record);
  }

  /** Enters a state; `statements` become durable together with the news of it. */
  async enter(state: SessionState, statements: readonly Statement[] = []): Promise<void> {
    const before = healthOf(this.#state);
    const after = healthOf(state);
    this.#state = state;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    const news = before.status !== after.status || before.reason !== after.reason;
    const { announcer } = this.#context;
    await announcer.commit([...statements, ...(news ? announcer.health(this.#record, after) : [])]);
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
