import type { Logger } from "pino";
import type { Announcer } from "../../announcer.ts";
import type { SessionAction, SessionCommand } from "../../contract/commands.ts";
import { type Id, idText } from "../../contract/ids.ts";
import { stringifyJson } from "../../contract/json.ts";
import type { PairingMethod, SessionRecord } from "../../store/session_records.ts";
import type { Store } from "../../store/store.ts";
import type { Socket } from "../socket/socket.ts";
import { type Changes, Session, type SessionContext } from "./session.ts";

/** Who may open a number. No socket is opened without the lease on its number. */
export interface NumberLeases {
  /**
   * `held`: the number is this worker's alone. `refused`: another worker has it. `pinned`: it is another worker's that is
   * away. `given_up`: this worker is stopping. `own`: this worker's store has the number, so that who holds it may be
   * this worker's own old connection. `onFree`: done when nobody has the number, before that is changed on the broker.
   */
  claim(
    numberId: string,
    options?: { own?: boolean; onFree?: () => Promise<void> },
  ): Promise<"held" | "refused" | "pinned" | "given_up">;
  /**
   * Ends the lease of a number whose credentials are gone, once its waiting sends are answered; `given_up`: this worker
   * is stopping, and it is not done.
   */
  forget(numberId: string): Promise<"forgotten" | "given_up">;
}

/** A session command and where its answers go. */
export interface CommandInHand {
  readonly command: SessionCommand;
  /** `message_id` or `correlation_id` of the command. */
  readonly commandId: string | undefined;
}

/** What became of a command about one number. */
export type CommandOutcome =
  /** Its effect is durable. */
  | "done"
  /** Another worker has the number; nothing was done. */
  | "held_elsewhere"
  /** Another worker, which is away, has the number; nothing was done. */
  | "pinned_elsewhere"
  /** This worker is stopping and does not have the number: the command is to be taken again. */
  | "given_up";

/** Options of {@link Sessions}. */
export interface SessionsOptions extends Omit<SessionContext, "onEnded"> {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly leases: NumberLeases;
  /** There may be more or fewer sessions now. */
  readonly onCount: () => void;
}

/** All sessions of this worker. */
export class Sessions {
  readonly #options: SessionsOptions;
  readonly #log: Logger;
  readonly #sessions = new Map<string, Session>();
  /** Numbers whose sessions had ended before the restart. */
  readonly #ending = new Set<string>();
  /** Numbers whose sessions have ended and whose queues are being removed. */
  readonly #departing = new Map<string, Promise<void>>();

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

  /** The sockets of the numbers that are connected. */
  get sockets(): ReadonlyMap<string, Socket> {
    const open = this.all().map(({ record, openSocket }) => [record.numberId, openSocket] as const);
    return new Map(open.filter((entry): entry is [string, Socket] => entry[1] !== undefined));
  }

  /** Reads the sessions of before the restart, so that the first command finds them. */
  async load(): Promise<void> {
    for (const record of await this.#options.store.sessions.all()) {
      if (record.atStart === "forget") this.#ending.add(record.numberId);
      else await this.#add(record).recall();
    }
  }

  /** Takes up the sessions of before the restart. Resolves when each has its lease or was refused it. */
  async restore(): Promise<void> {
    const sessions = this.all();
    await Promise.all([
      ...sessions.map((session) =>
        this.#restore(session).catch((error) => {
          session.log.error({ err: error }, "a session could not be restored");
        })
      ),
      ...[...this.#ending].map((numberId) => this.#forget(numberId)),
    ]);
    this.#ending.clear();
    if (sessions.length > 0) this.#log.info({ sessions: sessions.length }, "sessions restored");
  }

  /** Carries out a command about one number; resolves when its effect is durable. */
  async handle({ command, commandId }: CommandInHand): Promise<CommandOutcome> {
    const { action, numberId } = command;
    if (numberId === undefined) throw new TypeError(`Cannot carry out '${action}' without a number`);
    await this.#sessions.get(idText(numberId))?.settled();
    const session = this.#sessions.get(idText(numberId));
    switch (action) {
      case "create":
      case "pairing_code":
        return await this.#open(command, numberId, commandId);
      case "reconnect":
      case "regenerate_qr":
        // A backend that asks to reconnect what this worker never had means "open it".
        if (session !== undefined || command.phoneNumber !== undefined) {
          return await this.#open(command, numberId, commandId);
        }
    }
    if (session === undefined) await this.#answerNoSession(command, numberId, commandId);
    else await this.#act(session, command, commandId);
    return "done";
  }

  async #act(session: Session, command: SessionCommand, commandId: string | undefined): Promise<void> {
    const changes = { ...changesOf(command, commandId), phoneNumber: session.record.phoneNumber };
    switch (command.action) {
      case "close": {
        const withdrawing = session.withdrawingLogout("close");
        const atStart = session.state === "banned" ? "banned" : "closed";
        await session.update({ ...changes, atStart }, withdrawing);
        return await session.close("command");
      }
      case "logout":
        await session.update({ ...changes, atStart: "log_out" });
        return await session.logOut();
      case "status":
        // What the session is carrying out goes on, and is answered under its own command's id.
        await session.update({ ...changes, commandId: session.record.commandId });
        return await session.reportStatus(commandId);
    }
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

  /** Whatever opens a socket comes through here, because it takes the lease. */
  async #open(
    command: SessionCommand,
    numberId: Id,
    commandId: string | undefined,
  ): Promise<CommandOutcome> {
    const { leases, store } = this.#options;
    const { action } = command;
    const key = idText(numberId);
    await this.#departing.get(key);
    const newcomer: SessionRecord = {
      numberId: key,
      numberIdJson: stringifyJson(numberId),
      phoneNumber: command.phoneNumber ?? "",
      atStart: "forget",
    };
    const own = this.#sessions.has(key) || this.#ending.delete(key);
    // The claim makes the number's queue: a kill before the session is there must not leave one that is nobody's.
    const claim = await leases.claim(key, { own, onFree: () => store.sessions.save(newcomer) });
    if (claim === "refused" || claim === "pinned") {
      if (!own) await store.sessions.forget(key);
      return claim === "refused" ? "held_elsewhere" : "pinned_elsewhere";
    }
    if (claim === "given_up" && !own) return "given_up";
    const session = this.#sessions.get(key) ?? this.#add(newcomer);
    const withdrawing = session.withdrawingLogout(action);
    const method = methodOf(action) ?? session.record.pairingMethod ?? "qr";
    const changes: Changes = { ...changesOf(command, commandId), atStart: "open", pairingMethod: method };
    await session.update(changes, withdrawing);
    // The worker is stopping: it opens the session when it is back.
    if (claim === "given_up") return "done";

    if (session.state === "connected" && action === "regenerate_qr") {
      await session.repeat("Already connected: no QR is needed");
    } else if ((action === "create" || action === "pairing_code") && session.isOpenFor(method)) {
      await session.repeat("Already connected");
    } else await session.open();
    // It ended meanwhile, for reasons of its own: the command is for the session that comes after it.
    return session.state === "ended" ? await this.#open(command, numberId, commandId) : "done";
  }

  async #restore(session: Session): Promise<void> {
    const { numberId } = session.record;
    const claim = await this.#options.leases.claim(numberId, { own: true });
    if (claim === "refused") return await this.#leaseLost(session);
    // A command may have been faster.
    if (claim !== "held" || session.state !== "closed") return;
    if (session.record.atStart === "open") await session.open({ asked: false });
    if (session.record.atStart === "log_out") await session.logOut();
  }

  #add(record: SessionRecord): Session {
    const session = new Session(record, { ...this.#options, onEnded: (ended) => this.#ended(ended) });
    this.#sessions.set(record.numberId, session);
    this.#options.onCount();
    return session;
  }

  #ended(session: Session): void {
    const { numberId } = session.record;
    if (this.#sessions.get(numberId) === session) this.#sessions.delete(numberId);
    this.#options.onCount();
    this.#forget(numberId);
  }

  /** Removes what a number that has no session any more still has on the broker, and then its record. Never rejects. */
  #forget(numberId: string): Promise<void> {
    const departure = this.#depart(numberId).catch((error) => {
      this.#log.error({ numberId, err: error }, "the queue of a number that is gone could not be removed");
    }).finally(() => this.#departing.delete(numberId));
    this.#departing.set(numberId, departure);
    return departure;
  }

  async #depart(numberId: string): Promise<void> {
    const { leases, store } = this.#options;
    // After a restart the lease has to be claimed again: only who holds it may answer what waits for the number.
    const claim = await leases.claim(numberId, { own: true });
    if (claim === "given_up") return;
    // Another worker that has the number meanwhile needs its queue.
    const outcome = claim === "held" ? await leases.forget(numberId) : "forgotten";
    if (outcome === "forgotten") await store.sessions.forget(numberId);
  }

  async #leaseLost(session: Session): Promise<void> {
    const { announcer } = this.#options;
    session.log.error("another worker holds this number; its socket stays closed");
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
}

/** How a command wants a phone to be asked; `undefined`: as before. */
function methodOf(action: SessionAction): PairingMethod | undefined {
  if (action === "reconnect") return undefined;
  return action === "pairing_code" ? "code" : "qr";
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
