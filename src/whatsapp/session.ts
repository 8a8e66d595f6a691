import { setTimeout as delay } from "node:timers/promises";
import { proto, type WAMessage, type WAMessageUpdate } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Announcer, EventFields, EventOptions } from "../announcer.ts";
import { phoneOfJid } from "../contract/addresses.ts";
import type { Statement } from "../store/database.ts";
import type { SessionRecord } from "../store/session_records.ts";
import type { Store } from "../store/store.ts";
import { CredentialsUnreadable, isLinked, loadAuthState, type StoredAuthState } from "./auth_state.ts";
import type { Closure } from "./close_codes.ts";
import type { Inbound } from "./inbound/inbound.ts";
import { qrDataUrl } from "./qr.ts";
import { type Receipts, statusOf } from "./receipts.ts";
import { type LinkedAccount, openSocket, type Socket } from "./socket.ts";
import { healthOf, type SessionState } from "./states.ts";

/** Pauses between attempts to reach WhatsApp: doubled from the first to the last, each with jitter. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5 * 60_000;
/** How long a session whose credentials another connection uses keeps away. */
const REPLACED_PAUSE_MS = 15 * 60_000;
/** WhatsApp's own lives of a QR: the first, and those after it. */
const FIRST_QR_MS = 60_000;
const NEXT_QR_MS = 20_000;
/** A pairing code dies with its socket, which lives as long as a run of six QR refs. */
const PAIRING_CODE_MS = FIRST_QR_MS + 5 * NEXT_QR_MS;

/** How the phone is asked to link this device. */
export type PairingMethod = "qr" | "code";

/** What became of a message that was handed to the socket. */
export type Transmission =
  /** WhatsApp's server has it. */
  | { readonly outcome: "accepted" }
  /** WhatsApp's server will not take it. */
  | { readonly outcome: "refused"; readonly code: string }
  /** It was written, or may have been, and nothing was heard of it. */
  | { readonly outcome: "unanswered" }
  /** The link was lost before an answer came. */
  | { readonly outcome: "disconnected" }
  /** It could not be made ready for its recipient. */
  | { readonly outcome: "failed"; readonly error: string };

/** What every session of a worker is given. */
export interface SessionContext {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly receipts: Receipts;
  readonly inbound: Inbound;
  readonly webUrl: string;
  /** Runs of QR refs before a session is given up. */
  readonly maxQrAttempts: number;
  /** How long each QR lives; WhatsApp's own times when absent. */
  readonly qrLifetimeMs?: number | undefined;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  /** The session is over and its credentials are forgotten. */
  readonly onEnded: (session: Session) => void;
}

/**
 * One number's life with WhatsApp, as a state machine over sockets that come and go. The commands of the backend move
 * it, and so do closes, as the table in `close_codes.ts` says.
 */
export class Session {
  readonly #context: SessionContext;
  readonly #log: Logger;
  readonly #acks = new Map<string, (transmission: Transmission) => void>();
  #record: SessionRecord;
  #state: SessionState = "closed";
  #stateChanged = Promise.withResolvers<void>();
  /** What the session is doing since it was opened; aborted when it is closed or opened anew. */
  #run = new AbortController();
  #socket: Socket | undefined;
  #account: LinkedAccount | undefined;
  #pairing: PairingMethod = "qr";
  #qrAttempt = 1;
  #qrsShown = 0;
  #failures = 0;
  #lastCloseCode: number | undefined;
  #loggingOut = false;
  /** What arrives is handled in the order it came. */
  #arrivals: Promise<void> = Promise.resolve();

  constructor(record: SessionRecord, context: SessionContext) {
    this.#record = record;
    this.#context = context;
    this.#log = context.log;
  }

  get record(): SessionRecord {
    return this.#record;
  }

  get state(): SessionState {
    return this.#state;
  }

  /** Takes over what a new command says of the session: who asked, and the backend's own id. */
  async update(changes: Partial<Omit<SessionRecord, "numberId">>): Promise<void> {
    this.#record = { ...this.#record, ...changes };
    await this.#context.store.sessions.save(this.#record);
  }

  /** Opens a socket, closing the one there is: with the stored credentials, or to pair. */
  async open(pairing: PairingMethod = "qr"): Promise<void> {
    await this.#leave();
    this.#pairing = pairing;
    this.#qrAttempt = 1;
    this.#failures = 0;
    this.#lastCloseCode = undefined;
    await this.#setState("connecting");
    await this.#connect();
  }

  /** Closes the socket and keeps the credentials. */
  async close(reason: string): Promise<void> {
    await this.#leave();
    await this.#setState("closed", this.#event({ action: "closed", reason }));
  }

  /** Closes the socket because the process ends: the session is as it was when it comes back. */
  async shutDown(): Promise<void> {
    await this.#leave();
    await this.#arrivals;
  }

  /**
   * Unlinks this device at WhatsApp and forgets the credentials.
   *
   * @returns false when WhatsApp cannot be told now, so that nothing was done
   */
  async logOut(): Promise<boolean> {
    if (this.#state === "connected" && this.#socket !== undefined) {
      this.#loggingOut = true;
      // Ends in a close with 401, as if the phone had unlinked it.
      await this.#socket.baileys.logout();
      return true;
    }
    if (this.#account !== undefined || (await this.#isLinked())) return false;
    await this.#leave();
    await this.#end([...this.#event({ action: "logged_out", reason: "logout" })]);
    return true;
  }

  /** Tells the backend again that the session is connected. */
  async confirmConnected(message: string): Promise<void> {
    await this.#context.announcer.commit(this.#event({ ...this.#connectedFields(), message }));
  }

  /** Answers `status` for this number. */
  async reportStatus(): Promise<void> {
    const fields = { action: "session_status", ...healthOf(this.#state), state: this.#state };
    await this.#context.announcer.commit(this.#event(fields));
  }

  /** Resolves with true once connected; with false when `signal` aborts or the session has ended. */
  async connected(signal: AbortSignal): Promise<boolean> {
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    while (!signal.aborted && this.#state !== "ended") {
      if (this.#state === "connected") return true;
      await Promise.race([this.#stateChanged.promise, aborted]);
    }
    return false;
  }

  /** Hands a message to WhatsApp and waits for the server's word. */
  async transmit(
    jid: string,
    message: proto.IMessage,
    { whatsappId, timeoutMs }: { whatsappId: string; timeoutMs: number },
  ): Promise<Transmission> {
    const socket = this.#socket;
    if (this.#state !== "connected" || socket === undefined) return { outcome: "disconnected" };
    const answer = Promise.withResolvers<Transmission>();
    this.#acks.set(whatsappId, answer.resolve);
    const timer = new AbortController();
    const written = socket.baileys.relayMessage(jid, message, { messageId: whatsappId });
    written.catch((error) => {
      const lost = this.#socket !== socket || this.#state !== "connected";
      answer.resolve(
        lost ? { outcome: "disconnected" } : { outcome: "failed", error: String(error?.message ?? error) },
      );
    });
    try {
      return await Promise.race([
        answer.promise,
        delay(timeoutMs, { outcome: "unanswered" } as const, { signal: timer.signal }),
      ]);
    } finally {
      timer.abort();
      this.#acks.delete(whatsappId);
    }
  }

  async #connect(): Promise<void> {
    const { signal } = this.#run;
    const { store, webUrl, qrLifetimeMs } = this.#context;
    let auth: StoredAuthState;
    try {
      auth = await loadAuthState(store.credentials, this.#record.numberId);
    } catch (error) {
      if (!(error instanceof CredentialsUnreadable)) throw error;
      return await this.#refuseCredentials(error);
    }
    if (signal.aborted) return;
    this.#qrsShown = 0;
    this.#socket = openSocket({
      url: webUrl,
      auth,
      qrLifetimeMs,
      log: this.#log,
      findSent: async ({ id }) => {
        const sent = id ? await store.ledger.findByWhatsappId(this.#record.numberId, id) : undefined;
        return sent?.content && proto.Message.decode(sent.content);
      },
      events: {
        onQr: (qr) => this.#do("showing a QR", () => this.#showQr(qr)),
        onOpen: (account) => this.#do("connecting", () => this.#opened(account)),
        onClose: (closure) => this.#do("handling a close", () => this.#closed(closure, isLinked(auth.creds))),
        onMessages: (messages) => this.#arrived(() => this.#received(messages)),
        onUpdates: (updates) => this.#arrived(() => this.#receipted(updates)),
        onAck: (whatsappId, error) => this.#acknowledged(whatsappId, error),
      },
    });
  }

  async #showQr(qr: string): Promise<void> {
    const { now, qrLifetimeMs, maxQrAttempts, announcer } = this.#context;
    const { signal } = this.#run;
    const first = this.#qrsShown++ === 0;
    if (this.#pairing === "code") return first ? await this.#showPairingCode() : undefined;
    const expiresAt = now() + (qrLifetimeMs ?? (first ? FIRST_QR_MS : NEXT_QR_MS));
    const qrCode = await qrDataUrl(qr);
    if (signal.aborted) return;
    const fields = {
      action: "qr_generated",
      qrCode,
      expiresAt,
      attempt: this.#qrAttempt,
      maxAttempts: maxQrAttempts,
    };
    const statements = this.#event(fields, { expiresAtMs: expiresAt });
    if (this.#state === "awaiting_scan") await announcer.commit(statements);
    else await this.#setState("awaiting_scan", statements);
  }

  async #showPairingCode(): Promise<void> {
    const { signal } = this.#run;
    const pairingCode = await this.#socket?.baileys.requestPairingCode(this.#record.phoneNumber);
    if (signal.aborted || pairingCode === undefined) return;
    const expiresAt = this.#context.now() + PAIRING_CODE_MS;
    const fields = { action: "pairing_code", pairingCode, expiresAt };
    await this.#setState("awaiting_scan", this.#event(fields, { expiresAtMs: expiresAt }));
  }

  async #opened(account: LinkedAccount): Promise<void> {
    this.#account = account;
    this.#failures = 0;
    this.#lastCloseCode = undefined;
    await this.#setState("connected", this.#event(this.#connectedFields()));
    this.#log.info("connected to WhatsApp");
  }

  async #closed(closure: Closure, linked: boolean): Promise<void> {
    this.#socket = undefined;
    for (const answer of this.#acks.values()) answer({ outcome: "disconnected" });
    const { code, reason, reaction } = closure;
    this.#log.info({ code, reason, reaction }, "the socket to WhatsApp was closed");
    switch (reaction) {
      case "restart":
        return await this.#connect();
      case "next_qr_attempt":
        return await this.#nextQrAttempt();
      case "logged_out":
        // Before pairing there is nothing to log out of: WhatsApp only refuses this socket.
        if (!linked) return await this.#reconnect(closure, this.#pauseMs());
        return await this.#end(
          this.#event({ action: "logged_out", reason: this.#loggingOut ? "logout" : reason, code }),
        );
      case "banned":
        return await this.#setState("banned", [
          ...this.#event({ action: "logged_out", reason, code }),
          ...this.#context.store.credentials.forgetting(this.#record.numberId),
        ]);
      case "yield":
        return await this.#reconnect(closure, REPLACED_PAUSE_MS);
      case "reconnect":
        return await this.#reconnect(closure, this.#pauseMs());
    }
  }

  async #reconnect({ code, reason, reaction }: Closure, pauseMs: number): Promise<void> {
    const { signal } = this.#run;
    // Said once for each cause, not at every attempt of a long outage.
    const news = this.#lastCloseCode !== code;
    this.#lastCloseCode = code;
    await this.#setState(
      reaction === "yield" ? "replaced" : "reconnecting",
      news ? this.#event({ action: "disconnected", code, reason, willReconnect: true }) : [],
    );
    await delay(pauseMs, undefined, { signal }).catch(() => {});
    if (!signal.aborted) await this.#connect();
  }

  async #nextQrAttempt(): Promise<void> {
    const { maxQrAttempts, announcer } = this.#context;
    if (this.#qrAttempt >= maxQrAttempts) {
      return await this.#end(this.#event({
        action: "error",
        code: "qr_attempts_exhausted",
        error:
          `Nobody scanned the QR in ${maxQrAttempts} attempts: the session is removed, send 'create' to start again`,
        attempt: this.#qrAttempt,
        maxAttempts: maxQrAttempts,
      }));
    }
    this.#qrAttempt++;
    await announcer.commit(this.#event({
      action: "qr_regenerating",
      attempt: this.#qrAttempt,
      maxAttempts: maxQrAttempts,
      message: `Nobody scanned the QR in time: attempt ${this.#qrAttempt} of ${maxQrAttempts}`,
    }));
    await this.#connect();
  }

  async #refuseCredentials(error: CredentialsUnreadable): Promise<void> {
    this.#log.error({ err: error }, "the stored credentials cannot be used and are left as they are");
    await this.#setState(
      "unusable",
      this.#event({
        action: "error",
        code: error.code,
        error: `${error.message}: they are kept for a person to look at, 'logout' forgets them`,
      }),
    );
  }

  /** The session is over: its record and credentials are gone together with the event that says so. */
  async #end(statements: readonly Statement[]): Promise<void> {
    const { store, onEnded } = this.#context;
    const { numberId } = this.#record;
    this.#run.abort();
    await this.#setState("ended", [
      ...statements,
      ...store.credentials.forgetting(numberId),
      ...store.sessions.forgetting(numberId),
    ]);
    onEnded(this);
  }

  async #received(messages: readonly WAMessage[]): Promise<void> {
    for (const message of messages) {
      await this.#context.inbound.take(this.#record, message, this.#account?.jid ?? "");
    }
  }

  async #receipted(updates: readonly WAMessageUpdate[]): Promise<void> {
    for (const update of updates) {
      const status = statusOf(update);
      if (status === undefined || !update.key.fromMe || !update.key.id) continue;
      await this.#context.receipts.reached(this.#record.numberId, update.key.id, status);
    }
  }

  #acknowledged(whatsappId: string, error: string | undefined): void {
    const answer = this.#acks.get(whatsappId);
    if (error !== undefined) return answer?.({ outcome: "refused", code: error });
    // Written down here and not by whoever waits: the ack may come after the wait was given up.
    this.#arrived(async () => {
      await this.#context.receipts.reached(this.#record.numberId, whatsappId, "SENT");
      answer?.({ outcome: "accepted" });
    });
  }

  async #setState(state: SessionState, statements: readonly Statement[] = []): Promise<void> {
    const { announcer } = this.#context;
    const before = healthOf(this.#state);
    const after = healthOf(state);
    this.#state = state;
    this.#stateChanged.resolve();
    this.#stateChanged = Promise.withResolvers();
    const changed = before.status !== after.status || before.reason !== after.reason;
    await announcer.commit([...statements, ...(changed ? announcer.health(this.#record, after) : [])]);
  }

  #connectedFields(): EventFields {
    const jid = this.#account?.jid ?? "";
    const phoneNumber = phoneOfJid(jid);
    return {
      action: "connected",
      phoneNumber,
      ...(phoneNumber === `+${this.#record.phoneNumber}` ? {} : { phoneMismatch: true }),
      jid,
      lid: this.#account?.lid ?? null,
      pushName: this.#account?.pushName ?? null,
    };
  }

  #event(fields: EventFields, options?: EventOptions): Statement[] {
    return this.#context.announcer.session(this.#record, fields, options);
  }

  /** Ends whatever the session is doing: its pause, its pairing, its socket. */
  async #leave(): Promise<void> {
    this.#run.abort();
    this.#run = new AbortController();
    const socket = this.#socket;
    this.#socket = undefined;
    for (const answer of this.#acks.values()) answer({ outcome: "disconnected" });
    await socket?.end();
  }

  async #isLinked(): Promise<boolean> {
    try {
      return isLinked((await loadAuthState(this.#context.store.credentials, this.#record.numberId)).creds);
    } catch (error) {
      if (error instanceof CredentialsUnreadable) return false;
      throw error;
    }
  }

  #pauseMs(): number {
    const ceilingMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** this.#failures++);
    return ceilingMs * (0.5 + this.#context.random() / 2);
  }

  /** Runs the reaction to an event of the socket. What fails here has nobody above it to be told. */
  #do(what: string, work: () => Promise<void>): void {
    work().catch((error) => this.#log.error({ err: error }, `a session failed at ${what}`));
  }

  #arrived(work: () => Promise<void>): void {
    this.#arrivals = this.#arrivals.then(work).catch((error) => {
      this.#log.error({ err: error }, "what WhatsApp delivered could not be kept");
    });
  }
}
