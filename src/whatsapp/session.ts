import { setTimeout as delay } from "node:timers/promises";
import type { proto } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { EventFields } from "../announcer.ts";
import { phoneOfJid } from "../contract/addresses.ts";
import type { Statement } from "../store/database.ts";
import type { SessionRecord } from "../store/session_records.ts";
import { CredentialsUnreadable, isLinked, loadAuthState, type StoredAuthState } from "./auth_state.ts";
import { Backoff } from "./backoff.ts";
import type { Closure } from "./close_codes.ts";
import { type Invitation, Pairing, type PairingMethod } from "./pairing.ts";
import { type LinkedAccount, openSocket, type Socket } from "./socket.ts";
import { Standing, type StandingContext } from "./standing.ts";
import { healthOf, type SessionState } from "./states.ts";
import { Traffic, type TrafficContext } from "./traffic.ts";
import type { Transmission, TransmitOptions } from "./transmissions.ts";

/** How long a session that was told to keep away does so. */
const YIELD_PAUSE_MS = 15 * 60_000;

/** What every session of a worker is given. */
export interface SessionContext extends TrafficContext, StandingContext {
  readonly webUrl: string;
  /** Runs of QR refs before a session is given up. */
  readonly maxQrAttempts: number;
  /** How long a session that is opened may stay without a linked phone. */
  readonly sessionTimeoutMs: number;
  /** How long each QR lives; WhatsApp's own times when absent. */
  readonly qrLifetimeMs?: number | undefined;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** The session is over and its credentials are forgotten. */
  readonly onEnded: (session: Session) => void;
}

/**
 * One number's life with WhatsApp: a state machine over sockets that come and go. Commands of the backend start and end
 * a **run**; within a run one socket follows the other, as the table in `close_codes.ts` says. What a socket tells is
 * handled in the order it came, and nothing of an earlier run moves the state of a later one.
 */
export class Session {
  readonly #context: SessionContext;
  readonly #traffic: Traffic;
  readonly #standing: Standing;
  readonly #backoff: Backoff;
  /** Aborted when the run is over. */
  #run = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #socket: Socket | undefined;
  #account: LinkedAccount | undefined;
  #pairing: Pairing | undefined;
  #toldCloseCode: number | undefined;

  constructor(record: SessionRecord, context: SessionContext) {
    this.#context = context;
    this.#backoff = new Backoff(context);
    this.#standing = new Standing(record, context);
    this.#traffic = new Traffic(context, this);
  }

  get record(): SessionRecord {
    return this.#standing.record;
  }

  get state(): SessionState {
    return this.#standing.state;
  }

  get log(): Logger {
    return this.#standing.log;
  }

  /** Takes over what a new command says of the session: who asked, and the backend's own id. */
  async update(changes: Partial<Omit<SessionRecord, "numberId">>): Promise<void> {
    await this.#standing.update(changes);
  }

  /** Starts a run, ending the one there is: with the stored credentials, or to pair. */
  async open(method: PairingMethod = "qr"): Promise<void> {
    const signal = await this.#leave();
    if (signal.aborted) return;
    const { maxQrAttempts: maxAttempts, qrLifetimeMs, now } = this.#context;
    const { phoneNumber } = this.record;
    this.#pairing = new Pairing({ method, phoneNumber, maxAttempts, qrLifetimeMs, now });
    this.#backoff.reset();
    this.#toldCloseCode = undefined;
    await this.#standing.enter("connecting");
    this.#running = this.#keepConnected(signal);
    this.#closeUnlinked(signal).catch((error) =>
      this.log.error({ err: error }, "a session could not be timed out")
    );
  }

  /** Closes the socket and keeps the credentials. */
  async close(reason: string): Promise<void> {
    const signal = await this.#leave();
    if (!signal.aborted) {
      await this.#standing.enter("closed", this.#standing.event({ action: "closed", reason }));
    }
  }

  /** Closes the socket because the process ends: the session is as it was when it comes back. */
  async shutDown(): Promise<void> {
    await this.#leave();
  }

  /**
   * Unlinks this device at WhatsApp and forgets the credentials.
   *
   * @returns false when WhatsApp cannot be told now, so that nothing was done
   */
  async logOut(): Promise<boolean> {
    const socket = this.#socket;
    if (this.state === "connected" && socket !== undefined) {
      try {
        await socket.baileys.logout();
      } catch (error) {
        this.log.warn({ err: error }, "WhatsApp could not be told of the logout");
        return false;
      }
    } else if (await this.#isLinked()) return false;
    await this.#leave();
    // WhatsApp may have closed the socket as that of an unlinked device already.
    if (this.state !== "ended") {
      await this.#end(this.#standing.event({ action: "logged_out", reason: "logout" }));
    }
    return true;
  }

  /** Tells the backend again what it has to know: that the session is connected, or which QR is to be scanned. */
  async repeat(message: string): Promise<void> {
    const invitation = this.#invitation;
    if (invitation !== undefined) {
      await this.#standing.tell(invitation.fields, { expiresAtMs: invitation.expiresAtMs });
    } else await this.#standing.tell({ ...this.#connectedFields(), message });
  }

  /** Whether a wish to be linked by `method` is fulfilled, or its QR or code waits for the phone already. */
  isOpenFor(method: PairingMethod): boolean {
    if (this.state === "connected") return true;
    return this.#invitation !== undefined && this.#pairing?.isFor(method, this.record.phoneNumber) === true;
  }

  /** Answers `status` for this number. */
  async reportStatus(): Promise<void> {
    const fields = { action: "session_status", ...healthOf(this.state), state: this.state };
    await this.#standing.tell(fields);
  }

  /** Resolves with true once connected; with false when `signal` aborts or the session has no way to get there. */
  async connected(signal: AbortSignal): Promise<boolean> {
    return await this.#standing.connected(signal);
  }

  /** Hands a message to WhatsApp and waits for the server's word. */
  async transmit(jid: string, message: proto.IMessage, options: TransmitOptions): Promise<Transmission> {
    const socket = this.#socket;
    if (this.state !== "connected" || socket === undefined) return { outcome: "disconnected" };
    return await this.#traffic.transmit(socket, jid, message, options);
  }

  /** Closes a session nobody pairs, however its sockets come and go. */
  async #closeUnlinked(signal: AbortSignal): Promise<void> {
    await delay(this.#context.sessionTimeoutMs, undefined, { signal }).catch(() => {});
    const settled = this.state === "unusable" || this.state === "banned" || await this.#isLinked();
    if (signal.aborted || settled) return;
    await this.update({ atStart: "closed" });
    await this.close("session_timeout");
  }

  /** A run: one socket after the other until `signal` aborts, or there is nothing more to try. Never rejects. */
  async #keepConnected(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      let pauseMs: number | undefined;
      try {
        pauseMs = await this.#holdSocket(signal);
      } catch (error) {
        pauseMs = this.#backoff.nextMs();
        this.log.error({ err: error, pauseMs }, "a session failed and is tried again");
      }
      if (pauseMs === undefined) return;
      await delay(pauseMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Opens a socket, waits for its end and reacts to it. @returns when to open the next one; `undefined`: never */
  async #holdSocket(signal: AbortSignal): Promise<number | undefined> {
    const { store } = this.#context;
    let auth: StoredAuthState;
    try {
      auth = await loadAuthState(store.credentials, this.record.numberId);
    } catch (error) {
      if (!(error instanceof CredentialsUnreadable)) throw error;
      if (!signal.aborted) await this.#refuseCredentials(error);
      return undefined;
    }
    if (signal.aborted) return undefined;
    const wasLinked = isLinked(auth.creds);
    const closure = await this.#socketsEnd(auth, signal);
    if (closure === undefined) return undefined;
    const { code, reason, reaction } = closure;
    const level = reason === "untrusted_server" ? "error" : "info";
    this.log[level]({ code, reason, reaction }, "the socket to WhatsApp was closed");
    return await this.#react(closure, { wasLinked, isLinked: isLinked(auth.creds) });
  }

  /** Resolves with how the socket was closed, once all it has told is handled; `undefined` when the run was over first. */
  async #socketsEnd(auth: StoredAuthState, signal: AbortSignal): Promise<Closure | undefined> {
    const { webUrl, qrLifetimeMs } = this.#context;
    const closed = Promise.withResolvers<Closure | undefined>();
    const over = () => closed.resolve(undefined);
    signal.addEventListener("abort", over);
    this.#pairing?.begin();
    const socket = openSocket({
      url: webUrl,
      auth,
      qrLifetimeMs,
      log: this.log,
      findSent: ({ id }) => this.#traffic.findSent(id),
      events: {
        onQr: (qr) => this.#traffic.inTurn("showing a QR", () => this.#invite(qr, socket, signal)),
        onOpen: (account) => this.#traffic.inTurn("connecting", () => this.#opened(account, signal)),
        onClose: (closure) => this.#traffic.inTurn("handling a close", () => closed.resolve(closure)),
        onMessages: (messages) => this.#traffic.messages(messages, socket),
        onDecrypted: (message) => this.#traffic.decrypted(message, socket),
        onReceipt: (receipt) => this.#traffic.receipt(receipt),
        onAck: (whatsappId, error) => this.#traffic.ack(whatsappId, error),
      },
    });
    this.#socket = socket;
    const closure = await closed.promise;
    // A run may outlive thousands of sockets, and would hold on to each by this.
    signal.removeEventListener("abort", over);
    if (signal.aborted) return undefined;
    this.#socket = undefined;
    this.#traffic.disconnected();
    return closure;
  }

  async #react(
    closure: Closure,
    { wasLinked, isLinked }: { wasLinked: boolean; isLinked: boolean },
  ): Promise<number | undefined> {
    const { code, reason, reaction } = closure;
    // However the socket ended that a phone was linked on: the next one logs in.
    if (isLinked && !wasLinked && (reaction === "restart" || reaction === "next_qr_attempt")) {
      await this.#standing.enter("connecting");
      return 0;
    }
    switch (reaction) {
      case "next_qr_attempt":
        return await this.#nextQrAttempt();
      case "logged_out":
        // Before pairing there is nothing to log out of: WhatsApp only refuses this socket.
        if (!isLinked) return await this.#reconnect(closure, this.#backoff.nextMs());
        await this.#end(this.#standing.event({ action: "logged_out", reason, code }));
        return undefined;
      case "banned":
        if (!isLinked) return await this.#reconnect(closure, this.#backoff.nextMs());
        await this.#banned(closure);
        return undefined;
      case "yield":
        return await this.#reconnect(closure, YIELD_PAUSE_MS);
      case "restart":
      case "reconnect":
        return await this.#reconnect(closure, this.#backoff.nextMs());
    }
  }

  async #invite(qr: string, socket: Socket, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    let invitation: Invitation | undefined;
    try {
      invitation = await this.#pairing?.invite(qr, socket);
    } catch (error) {
      // Its socket is gone, or about to go: the next one asks again.
      this.log.warn({ err: error }, "WhatsApp could not be asked for a pairing code");
    }
    if (invitation === undefined || signal.aborted) return;
    const { fields, expiresAtMs } = invitation;
    await this.#standing.enter("awaiting_scan", this.#standing.event(fields, { expiresAtMs }));
  }

  async #opened(account: LinkedAccount, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#account = account;
    this.#backoff.opened();
    this.#toldCloseCode = undefined;
    await this.#standing.enter("connected", this.#standing.event(this.#connectedFields()));
    this.log.info("connected to WhatsApp");
  }

  async #reconnect({ code, reason, reaction }: Closure, pauseMs: number): Promise<number> {
    // Said once for each cause, not at every attempt of a long outage.
    const news = this.#toldCloseCode !== code;
    this.#toldCloseCode = code;
    await this.#standing.enter(
      reaction === "yield" ? "replaced" : "reconnecting",
      news ? this.#standing.event({ action: "disconnected", code, reason, willReconnect: true }) : [],
    );
    return pauseMs;
  }

  async #nextQrAttempt(): Promise<number | undefined> {
    const { fields, givenUp } = this.#pairing!.missed();
    if (givenUp) {
      await this.#end(this.#standing.event(fields));
      return undefined;
    }
    await this.#standing.tell(fields);
    return 0;
  }

  async #banned({ code, reason }: Closure): Promise<void> {
    // A restart would show a QR for a number that nobody can link.
    await this.update({ atStart: "banned" });
    await this.#standing.enter("banned", [
      ...this.#standing.event({ action: "logged_out", reason, code }),
      ...this.#context.store.credentials.forgetting(this.record.numberId),
    ]);
  }

  async #refuseCredentials(error: CredentialsUnreadable): Promise<void> {
    this.log.error({ err: error }, "the stored credentials cannot be used and are left as they are");
    await this.#standing.enter(
      "unusable",
      this.#standing.event({
        action: "error",
        code: error.code,
        error: `${error.message}: they are kept for a person to look at, 'logout' forgets them`,
      }),
    );
  }

  /** The session is over: its record and credentials are gone together with the event that says so. */
  async #end(statements: readonly Statement[]): Promise<void> {
    const { store, onEnded } = this.#context;
    const { numberId } = this.record;
    this.#run.abort();
    await this.#standing.enter("ended", [
      ...statements,
      ...store.credentials.forgetting(numberId),
      ...store.sessions.ending(numberId),
    ]);
    onEnded(this);
  }

  get #invitation(): Invitation | undefined {
    return this.state === "awaiting_scan" ? this.#pairing?.latest : undefined;
  }

  #connectedFields(): EventFields {
    const jid = this.#account?.jid ?? "";
    const phoneNumber = phoneOfJid(jid);
    return {
      action: "connected",
      phoneNumber,
      ...(phoneNumber === `+${this.record.phoneNumber}` ? {} : { phoneMismatch: true }),
      jid,
      lid: this.#account?.lid ?? null,
      pushName: this.#account?.pushName ?? null,
    };
  }

  /**
   * Ends the run: its pause, its pairing, its socket. Resolves when nothing of it is left but the effects it had.
   *
   * @returns the signal of the next run, aborted already when another command has begun one meanwhile
   */
  async #leave(): Promise<AbortSignal> {
    this.#run.abort();
    const { signal } = this.#run = new AbortController();
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.end();
    await this.#running;
    await this.#traffic.settled;
    this.#traffic.disconnected();
    return signal;
  }

  async #isLinked(): Promise<boolean> {
    try {
      return isLinked((await loadAuthState(this.#context.store.credentials, this.record.numberId)).creds);
    } catch (error) {
      if (error instanceof CredentialsUnreadable) return false;
      throw error;
    }
  }
}
