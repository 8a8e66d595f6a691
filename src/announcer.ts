import { eventType } from "./contract/events.ts";
import { parseJson, stringifyJson } from "./contract/json.ts";
import type { Id } from "./contract/ids.ts";
import { sessionName } from "./contract/addresses.ts";
import type { CommitOptions, Statement } from "./store/database.ts";
import type { OutboxMessage } from "./store/outbox.ts";
import type { SessionRecord } from "./store/session_records.ts";
import type { Store } from "./store/store.ts";
import type { Health } from "./whatsapp/session/states.ts";
import type { VitalsReport } from "./whatsapp/vitals/vitals.ts";

/** The queues the backend listens on. */
export interface BackendQueues {
  readonly sessionEvent: string;
  readonly messageReceive: string;
  readonly messageStatus: string;
  readonly numberHealth: string;
}

/** How an event is to travel. */
export interface EventOptions {
  /** The command it answers. */
  readonly correlationId?: string | undefined;
  /** AMQP `message_id`; a new one when absent. Give it where the same event may be announced again after a crash. */
  readonly messageId?: string | undefined;
  /** When it is of no use any more, in ms since the epoch. */
  readonly expiresAtMs?: number | undefined;
  /** Replaces what waits under the same key. */
  readonly collapseKey?: string | undefined;
}

/** Fields of an event; those every event carries are added. */
export type EventFields = { readonly action: string } & Record<string, unknown>;

/** A number in an event, as its session record has it. */
export type Subject = Pick<
  SessionRecord,
  "numberIdJson" | "phoneNumber" | "backendSessionIdJson" | "commandId"
>;

/** Options of {@link Announcer}. */
export interface AnnouncerOptions {
  readonly store: Store;
  readonly queues: BackendQueues;
  readonly workerId: string;
  readonly now: () => number;
  /** A unique id. */
  readonly newId: () => string;
  /** Called when something new is durable in the outbox. */
  readonly onNews: () => void;
}

/**
 * Tells the backend: turns facts into the contract's events and puts them into the outbox. The methods that return
 * statements leave the commit to the caller, so that an event becomes durable together with the change it reports.
 */
export class Announcer {
  readonly #options: AnnouncerOptions;

  constructor(options: AnnouncerOptions) {
    this.#options = options;
  }

  /** Makes changes and their events durable together, and gets the events on their way. */
  async commit(statements: readonly Statement[], options?: CommitOptions): Promise<void> {
    await this.#options.store.commit(statements, options);
    this.announced();
  }

  /** Gets events on their way that have become durable in another commit than {@link commit}. */
  announced(): void {
    this.#options.onNews();
  }

  /** An event about one session, correlated with the command the session is carrying out. */
  session(subject: Subject, fields: EventFields, options: EventOptions = {}): Statement[] {
    return this.event({ ...identify(subject), ...fields }, { correlationId: subject.commandId, ...options });
  }

  /** An event of the session queue. */
  event(fields: EventFields, options: EventOptions = {}): Statement[] {
    return this.#options.store.outbox.adding(this.eventMessage(fields, options));
  }

  /** An event of the session queue as it will be published, for one that cannot become durable first. */
  eventMessage({ action, ...fields }: EventFields, options: EventOptions = {}): OutboxMessage {
    const { queues, workerId, now } = this.#options;
    const body = { action, workerId, ...fields, timestamp: now() };
    return this.#message(queues.sessionEvent, eventType(body), stringifyJson(body), options);
  }

  /** A message that came in. */
  received(message: Record<string, unknown>, options: EventOptions): Statement[] {
    return this.#add(
      this.#options.queues.messageReceive,
      { action: "message_received", ...message },
      options,
    );
  }

  /** What has become of the medium of a message that came in. */
  media(fields: Record<string, unknown>, options: EventOptions): Statement[] {
    const { queues, workerId, now } = this.#options;
    const body = { action: "message_media", ...fields, workerId, timestamp: now() };
    return this.#add(queues.messageReceive, body, options);
  }

  /** The JSON of a message status, to be kept as the latest answer and passed to {@link status}. */
  statusBody(fields: Record<string, unknown>): string {
    const { workerId, now } = this.#options;
    return stringifyJson({ action: "message_status", ...fields, workerId, timestamp: now() });
  }

  /** How far a message to send has come. */
  status(body: string, options: EventOptions): Statement[] {
    return this.#addText(this.#options.queues.messageStatus, "message_status", body, options);
  }

  /** How one number is. */
  health(
    number: Subject | { readonly numberId: Id },
    health: Health & { readonly vitals?: VitalsReport },
    options: EventOptions = {},
  ): Statement[] {
    const { queues, workerId, now } = this.#options;
    const subject = "phoneNumber" in number ? identify(number) : number;
    return this.#add(
      queues.numberHealth,
      { action: "number_health", ...subject, ...health, workerId, timestamp: now() },
      options,
    );
  }

  #add(queue: string, body: Record<string, unknown>, options: EventOptions): Statement[] {
    return this.#addText(queue, eventType(body), stringifyJson(body), options);
  }

  #addText(queue: string, type: string, body: string, options: EventOptions): Statement[] {
    return this.#options.store.outbox.adding(this.#message(queue, type, body, options));
  }

  #message(queue: string, type: string, body: string, options: EventOptions): OutboxMessage {
    const { messageId = this.#options.newId(), ...rest } = options;
    return { queue, type, body, messageId, ...rest };
  }
}

function identify({ numberIdJson, phoneNumber, backendSessionIdJson }: Subject): Record<string, unknown> {
  const numberId = parseJson(numberIdJson) as Id;
  return {
    numberId,
    sessionId: sessionName(numberId, phoneNumber),
    ...(backendSessionIdJson === undefined ? {} : { backendSessionId: parseJson(backendSessionIdJson) }),
  };
}
