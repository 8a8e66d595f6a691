import type { Logger } from "pino";
import type { Announcer } from "../announcer.ts";
import { sessionName } from "../contract/addresses.ts";
import type { SessionCommand } from "../contract/commands.ts";
import { type Id, idText } from "../contract/ids.ts";
import { parseJson, stringifyJson } from "../contract/json.ts";
import type { SessionRecord } from "../store/session_records.ts";
import type { Store } from "../store/store.ts";
import { Session, type SessionContext } from "./session.ts";
import { healthOf } from "./states.ts";

/** Who may open a number. No socket is opened without the lease on its number. */
export interface NumberLeases {
  /** `held`: the number is this worker's alone. `refused`: another worker has it. */
  claim(numberId: string): Promise<"held" | "refused" | "given_up">;
  /** Ends the lease of a number whose credentials are gone, once its waiting sends are answered. */
  forget(numberId: string): Promise<void>;
}

/** A session command and where its answers go. */
export interface CommandInHand {
  readonly command: SessionCommand;
  /** `message_id` or `correlation_id` of the command. */
  readonly commandId: string | undefined;
}

/** Options of {@link Sessions}. */
export interface SessionsOptions extends Omit<SessionContext, "onEnded"> {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly leases: NumberLeases;
}

/** All sessions of this worker. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #log: Logger;
  readonly #sessions = new Map<string, Session>();

  constructor(options: SessionsOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  get(numberId: string): Session | undefined {
    return this.#sessions.get(numberId);
  }

  all(): Session[] {
    return [...this.#sessions.values()];
  }

  /** Takes up the sessions of before the restart. Resolves when each has its lease or was refused it. */
  async restore(): Promise<void> {
    const records = await this.#options.store.sessions.all();
    await Promise.all(records.map(async (record) => {
      const session = this.#add(record);
      const claim = await this.#options.leases.claim(record.numberId);
      if (claim === "refused") return await this.#leaseLost(session);
      if (claim === "held" && record.wanted === "open") await session.open();
    }));
    if (records.length > 0) this.#log.info({ sessions: records.length }, "sessions restored");
  }

  /**
   * Carries out a command about one number; resolves when its effect is durable. `held_elsewhere`: another worker has
   * the number, nothing was done.
   */
  async handle({ command, commandId }: CommandInHand): Promise<"done" | "held_elsewhere"> {
    const { action, numberId } = command;
    if (numberId === undefined) throw new TypeError(`Cannot carry out '${action}' without a number`);
    if (action === "create" || action === "pairing_code") {
      return await this.#create(command, numberId, commandId);
    }

    const session = this.#sessions.get(idText(numberId));
    if (session === undefined) {
      // A backend that asks to reconnect what this worker never had means "open it".
      if (command.phoneNumber !== undefined && (action === "reconnect" || action === "regenerate_qr")) {
        return await this.#create(command, numberId, commandId);
      }
      await this.#answerNoSession(command, numberId, commandId);
      return "done";
    }
    await session.update(changesOf(command, commandId));
    switch (action) {
      case "close":
        await session.update({ wanted: "closed" });
        await session.close("command");
        break;
      case "reconnect":
        await session.update({ wanted: "open" });
        await session.open();
        break;
      case "regenerate_qr":
        await session.update({ wanted: "open" });
        if (session.state === "connected") {
          await session.confirmConnected("Already connected: no QR is needed");
        } else await session.open();
        break;
      case "logout":
        if (!(await session.logOut())) await this.#answerCannotLogOut(session);
        break;
      case "status":
        await session.reportStatus();
        break;
    }
    return "done";
  }

  /** The lease of a number went to another worker while the broker was away. */
  async lost(numberId: string): Promise<void> {
    const session = this.#sessions.get(numberId);
    if (session !== undefined) await this.#leaseLost(session);
  }

  /** Closes all sockets; the sessions come back at the next start. */
  async shutDown(): Promise<void> {
    await Promise.all(this.all().map((session) => session.shutDown()));
  }

  async #create(
    command: SessionCommand,
    numberId: Id,
    commandId: string | undefined,
  ): Promise<"done" | "held_elsewhere"> {
    const { leases } = this.#options;
    const key = idText(numberId);
    if (await leases.claim(key) !== "held") return "held_elsewhere";
    const session = this.#sessions.get(key) ?? this.#add({
      numberId: key,
      numberIdJson: stringifyJson(numberId),
      phoneNumber: command.phoneNumber ?? "",
      wanted: "open",
    });
    await session.update({ ...changesOf(command, commandId), wanted: "open" });
    if (session.state === "connected") await session.confirmConnected("Already connected");
    else await session.open(command.action === "pairing_code" ? "code" : "qr");
    return "done";
  }

  #add(record: SessionRecord): Session {
    const { log } = this.#options;
    const numberId = parseJson(record.numberIdJson) as Id;
    const session = new Session(record, {
      ...this.#options,
      log: log.child({ numberId: record.numberId, sessionId: sessionName(numberId, record.phoneNumber) }),
      onEnded: (ended) => this.#forget(ended),
    });
    this.#sessions.set(record.numberId, session);
    return session;
  }

  #forget(session: Session): void {
    const { numberId } = session.record;
    if (this.#sessions.get(numberId) === session) this.#sessions.delete(numberId);
    this.#options.leases.forget(numberId).catch((error) => {
      this.#log.error({ numberId, err: error }, "the queue of a number that is gone could not be removed");
    });
  }

  async #leaseLost(session: Session): Promise<void> {
    const { announcer } = this.#options;
    this.#log.error(
      { numberId: session.record.numberId },
      "another worker holds this number; its socket stays closed",
    );
    await session.close("lease_lost");
    await announcer.commit(announcer.session(session.record, {
      action: "error",
      code: "lease_lost",
      error: "Another worker holds this number: the session here is closed",
    }));
  }

  async #answerNoSession(command: SessionCommand, numberId: Id, correlationId?: string): Promise<void> {
    const { announcer } = this.#options;
    const echo = {
      numberId,
      ...(command.backendSessionId === undefined ? {} : { backendSessionId: command.backendSessionId }),
    };
    await announcer.commit(
      command.action === "status"
        ? announcer.event({ action: "session_status", ...echo, status: "NOT_FOUND" }, { correlationId })
        : announcer.event({
          action: "error",
          ...echo,
          code: "no_session",
          error: `Cannot ${command.action} number ${
            idText(numberId)
          } as it has no session here: open one with 'create'`,
        }, { correlationId }),
    );
  }

  async #answerCannotLogOut({ record, state }: Session): Promise<void> {
    const { announcer } = this.#options;
    await announcer.commit(announcer.session(record, {
      action: "error",
      code: "not_connected",
      error:
        `Cannot log out while the session is '${state}', as WhatsApp could not be told: 'reconnect' first`,
      ...healthOf(state),
    }));
  }
}

/** What every command brings up to date: where its answers go, and the backend's own spelling of the ids. */
function changesOf(command: SessionCommand, commandId: string | undefined): Partial<SessionRecord> {
  const { numberId, phoneNumber, backendSessionId } = command;
  return {
    commandId,
    ...(numberId === undefined ? {} : { numberIdJson: stringifyJson(numberId) }),
    ...(phoneNumber === undefined ? {} : { phoneNumber }),
    ...(backendSessionId === undefined ? {} : { backendSessionIdJson: stringifyJson(backendSessionId) }),
  };
}
