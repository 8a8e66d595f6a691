import { setTimeout as delay } from "node:timers/promises";
import type { proto } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { EventOptions } from "../../announcer.ts";
import type { Statement } from "../../store/database.ts";
import type { PairingMethod, SessionRecord } from "../../store/session_records.ts";
import { deadlineIn } from "../../waiting.ts";
import { CredentialsUnreadable, loadCreds } from "../signal/auth_state.ts";
import type { Invitation } from "../pairing/pairing.ts";
import { Run, type RunContext } from "./run.ts";
import type { Socket } from "../socket/socket.ts";
import { type HealthReport, Standing } from "./standing.ts";
import type { SessionState } from "./states.ts";
import { Traffic, type TrafficContext } from "../traffic.ts";
import type { Transmission, TransmitOptions } from "../outbound/transmissions.ts";

/** What every session of a worker is given. */
export interface SessionContext extends TrafficContext, RunContext {
  /** How long a session that is opened may stay without a linked phone. */
  readonly sessionTimeoutMs: number;
  /** The session is over and its credentials are forgotten. */
  readonly onEnded: (session: Session) => void;
}

/** What a command changes of a session's record. */
export type Changes = Partial<Omit<SessionRecord, "numberId">>;

/**
 * One number's life with WhatsApp. Commands of the backend start and end a {@link Run} of sockets, which moves the session
 * from state to state.
 */
export class Session {
  readonly #context: SessionContext;
  readonly #traffic: Traffic;
  readonly #standing: Standing;
  #run: Run | undefined;
  /** Aborted when the run is over. */
  #running = new AbortController();

  constructor(record: SessionRecord, context: SessionContext) {
    this.#context = context;
    this.#standing = new Standing(record, context);
    this.#traffic = new Traffic(context, this, this.#standing.vitals);
  }

  get record(): SessionRecord {
    return this.#standing.record;
  }

  get state(): SessionState {
    return this.#standing.state;
  }

  /** How the number is. */
  get health(): HealthReport {
    return this.#standing.health;
  }

  /** Until when the number may write to nobody new, in ms since the epoch; `Infinity`: nobody knows; 0: it may. */
  get restrictedUntilMs(): number {
    return this.#standing.vitals.restrictedUntilMs;
  }

  get log(): Logger {
    return this.#standing.log;
  }

  /**
   * Takes over what a new command says of the session: who asked, and the backend's own id. `further` becomes durable
   * together with it.
   */
  async update(changes: Changes, further: readonly Statement[] = []): Promise<void> {
    await this.#standing.update(changes, further);
  }

  /** Recalls what was known of its health before the restart. */
  async recall(): Promise<void> {
    await this.#standing.vitals.load();
  }

  /** The event that says how the number is. */
  tellingHealth(options?: EventOptions): Statement[] {
    return this.#standing.tellingHealth(options);
  }

  /**
   * Starts a run, ending the one there is: with the stored credentials, or to pair.
   *
   * @param asked somebody waits for it, as for all that a command opens
   */
  async open({ asked = true }: { asked?: boolean } = {}): Promise<void> {
    const signal = await this.#leave();
    if (signal.aborted) return;
    await this.#standing.enter("connecting");
    if (signal.aborted) return;
    this.#run = new Run(this.#context, {
      asked,
      standing: this.#standing,
      traffic: this.#traffic,
      signal,
      onOver: (statements) => this.#end(statements),
    });
    this.#closeUnlinked(signal).catch((error) =>
      this.log.error({ err: error }, "a session could not be timed out")
    );
  }

  /** Closes the socket and keeps the credentials. A ban outlasts that. */
  async close(reason: string): Promise<void> {
    const signal = await this.#leave();
    if (signal.aborted) return;
    const state = this.state === "banned" ? "banned" : "closed";
    await this.#standing.enter(state, this.#standing.event({ action: "closed", reason }));
  }

  /** Closes the socket because the process ends: the session is as it was when it comes back. */
  async shutDown(): Promise<void> {
    await this.#leave();
  }

  /**
   * Unlinks this device at WhatsApp and forgets the credentials, in this order. A session that is not connected connects for
   * it, however long that takes; its record says so, for the next start and for the commands that come meanwhile.
   */
  async logOut(): Promise<void> {
    if (this.state === "connected") return await this.#run?.logOut();
    const signal = await this.#leave();
    if (signal.aborted || this.state === "ended") return;
    if (await this.#isLinked()) await this.open();
    else await this.#end(this.#standing.event({ action: "logged_out", reason: "logout" }));
  }

  /** Resolves when it is known whether a logout that is under way has ended the session. */
  async settled(): Promise<void> {
    await this.#run?.settled();
  }

  /**
   * Tells the backend again what it has to know: that the session is connected, or which QR is to be scanned. One that is
   * on its way there tells so by itself.
   */
  async repeat(message: string): Promise<void> {
    const invitation = this.#invitation;
    if (invitation !== undefined) {
      await this.#standing.tell(invitation.fields, { expiresAtMs: invitation.expiresAtMs });
    } else if (this.state === "connected") {
      await this.#standing.tell({ ...this.#run!.connectedFields, message });
    } else this.#run?.speakUp();
  }

  /** Whether a wish to be linked by `method` is fulfilled or being fulfilled, or its QR or code waits for the phone. */
  isOpenFor(method: PairingMethod): boolean {
    if (this.state === "connected") return true;
    const underWay = this.state === "connecting" || this.#invitation !== undefined;
    return underWay && this.#run?.pairing.isFor(method, this.record.phoneNumber) === true;
  }

  /** Answers the `status` command with this id. */
  async reportStatus(correlationId: string | undefined): Promise<void> {
    const fields = { action: "session_status", ...this.health, state: this.state };
    await this.#standing.tell(fields, { correlationId });
  }

  /** The event that another command has taken the place of a logout that waited for a connection, if there is one. */
  withdrawingLogout(action: string): Statement[] {
    if (this.record.atStart !== "log_out") return [];
    return this.#standing.event({
      action: "error",
      code: "logout_withdrawn",
      error: `The logout was not carried out: WhatsApp could not be told before '${action}' took its place`,
    });
  }

  /** Resolves with true once connected; with false when `signal` aborts or the session has no way to get there. */
  async connected(signal: AbortSignal): Promise<boolean> {
    return await this.#standing.connected(signal);
  }

  /** The socket, while the session is connected. */
  get openSocket(): Socket | undefined {
    return this.state === "connected" ? this.#run?.socket : undefined;
  }

  /** Hands a message to WhatsApp and waits for the server's word. */
  async transmit(jid: string, message: proto.IMessage, options: TransmitOptions): Promise<Transmission> {
    const socket = this.openSocket;
    if (socket === undefined) return { outcome: "disconnected" };
    const transmission = await this.#traffic.transmit(socket, jid, message, options);
    if (transmission.outcome === "unanswered") socket.doubt();
    return transmission;
  }

  /**
   * Until when WhatsApp lets the number write to nobody new, in ms since the epoch, as it has said since `sinceMs`: waits up
   * to `patienceMs` for that. `undefined` when it may, or that is not known.
   */
  async restrictionEndMs(
    sinceMs: number,
    { patienceMs, signal }: { readonly patienceMs: number; readonly signal: AbortSignal },
  ): Promise<number | undefined> {
    using patience = deadlineIn(patienceMs);
    return await this.#standing.vitals.timelockUntilMs(sinceMs, AbortSignal.any([patience.signal, signal]));
  }

  /** Closes a session nobody pairs, however its sockets come and go. */
  async #closeUnlinked(signal: AbortSignal): Promise<void> {
    await delay(this.#context.sessionTimeoutMs, undefined, { signal }).catch(() => {});
    const settled = this.state === "unusable" || this.state === "banned" || await this.#isLinked();
    if (signal.aborted || settled) return;
    const next = await this.#leave();
    if (next.aborted) return;
    // The phone may have scanned in the very last moment.
    if (await this.#isLinked()) await this.open();
    else {
      await this.#standing.enter("closed", [
        ...this.#standing.updating({ atStart: "closed" }),
        ...this.#standing.event({ action: "closed", reason: "session_timeout" }),
      ]);
    }
  }

  /** The session is over: its record and credentials are gone together with the event that says so. */
  async #end(statements: readonly Statement[]): Promise<void> {
    const { store, onEnded } = this.#context;
    const { numberId } = this.record;
    this.#running.abort();
    await this.#standing.enter("ended", [
      ...statements,
      ...store.credentials.forgetting(numberId),
      ...store.media.forgetting(numberId),
      ...store.sessions.ending(numberId),
    ]);
    // Before anything else is awaited: a command that comes meanwhile would find a session that has ended, and no answer.
    onEnded(this);
    await store.media.sweep().catch((err) =>
      this.log.warn({ err }, "the media of a number that is gone could not be removed; the next start does")
    );
  }

  get #invitation(): Invitation | undefined {
    return this.state === "awaiting_scan" ? this.#run?.pairing.latest : undefined;
  }

  /**
   * Ends the run: its pause, its pairing, its socket. Resolves when nothing of it is left but the effects it had.
   *
   * @returns the signal of the next run, aborted already when another command has begun one meanwhile
   */
  async #leave(): Promise<AbortSignal> {
    this.#running.abort();
    const { signal } = this.#running = new AbortController();
    await this.#run?.end();
    await this.#traffic.settled;
    this.#traffic.disconnected();
    return signal;
  }

  async #isLinked(): Promise<boolean> {
    try {
      return await loadCreds(this.#context.store.credentials, this.record.numberId) !== undefined;
    } catch (error) {
      if (error instanceof CredentialsUnreadable) return false;
      throw error;
    }
  }
}
