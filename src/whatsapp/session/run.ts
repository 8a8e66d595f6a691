import type { BinaryNode } from "@whiskeysockets/baileys";
import type { EventFields } from "../../announcer.ts";
import type { Statement } from "../../store/database.ts";
import { pause } from "../../waiting.ts";
import {
  CredentialsUnreadable,
  hasLoggedIn,
  isLinked,
  loadAuthState,
  type StoredAuthState,
} from "../signal/auth_state.ts";
import { type Closure, isUntrusted } from "../socket/close_codes.ts";
import type { ConnectGate } from "./connect_gate.ts";
import { connectedFields } from "./connected_event.ts";
import { Exchange } from "./exchange.ts";
import type { MediaNews } from "../media/incoming/fetcher.ts";
import { LogOut, NO_ANSWER } from "./log_out.ts";
import { type Invitation, Pairing } from "../pairing/pairing.ts";
import { askPhoneForSign } from "../vitals/phone_sign.ts";
import { PairingCodeRefused } from "../pairing/pairing_code.ts";
import type { ProbeTimings } from "../vitals/probe.ts";
import { Reactions, type ReactionsContext, type RunOwner } from "./reactions.ts";
import { Retries } from "./retries.ts";
import { openSocket, type Socket } from "../socket/socket.ts";
import type { LinkedAccount, QrOffer } from "../socket/socket_events.ts";
import { trafficEvents } from "./traffic_events.ts";
import type { Traffic } from "../traffic.ts";
import type { WebVersion } from "./web_version.ts";

/** How long a socket may take that quietly takes the place of another: then it is news that there is none. */
const EXCHANGE_MS = 15_000;

/** What every run is given. */
export interface RunContext extends ReactionsContext {
  readonly media: MediaNews;
  readonly webUrl: string;
  /** Every connect goes through it. */
  readonly gate: ConnectGate;
  /** Runs of QR refs before a session is given up. */
  readonly maxQrAttempts: number;
  /** How long each QR lives; WhatsApp's own times when absent. */
  readonly qrLifetimeMs?: number | undefined;
  /** When sockets are probed. */
  readonly probe?: Partial<ProbeTimings> | undefined;
  /** Waits until the next socket, or until the signal aborts. @default a timer */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** Options of {@link Run}. */
export interface RunOptions extends RunOwner {
  /** Somebody waits for it: it connects before sessions that come back by themselves. */
  readonly asked: boolean;
  readonly traffic: Traffic;
}

/**
 * The sockets of a session from the command that opens it to the one that closes it: one follows the other, as the table
 * in `close_codes.ts` says. What a socket tells is handled in the order it came, and nothing of a run that is over moves
 * the state of the session.
 */
export class Run {
  readonly #context: RunContext;
  readonly #options: RunOptions;
  readonly #retries: Retries;
  readonly #exchange = new Exchange();
  readonly #reactions: Reactions;
  readonly #pairing: Pairing;
  readonly #logOut: LogOut;
  readonly #finished: Promise<void>;
  #socket: Socket | undefined;
  /** Aborted when the latest socket that was connected is not any more. */
  #connection = new AbortController();
  #watching: Promise<void> = Promise.resolve();
  #account: LinkedAccount | undefined;
  #asked: boolean;
  /** Of the latest socket. */
  #webVersion: WebVersion;
  /** Lets the run go on without its socket. */
  #lose: (closure: Closure) => void = () => {};

  constructor(context: RunContext, options: RunOptions) {
    this.#context = context;
    this.#options = options;
    this.#retries = new Retries(context);
    this.#webVersion = context.webVersions.current;
    this.#asked = options.asked;
    const { maxQrAttempts: maxAttempts, qrLifetimeMs, now } = context;
    const { pairingMethod: method = "qr", phoneNumber } = options.standing.record;
    this.#pairing = new Pairing({ method, phoneNumber, maxAttempts, qrLifetimeMs, now });
    const { standing, signal, onOver } = options;
    const [pairing, retries, exchange] = [this.#pairing, this.#retries, this.#exchange];
    this.#reactions = new Reactions(context, { standing, pairing, retries, exchange, signal, onOver });
    this.#logOut = new LogOut({
      standing,
      signal,
      drop: (socket, closure) => this.#drop(socket, closure),
      connected: (statements) => this.#connected(statements),
    });
    this.#finished = this.#keepConnected();
  }

  /** The socket there is, whether it is open or not. */
  get socket(): Socket | undefined {
    return this.#socket;
  }

  get pairing(): Pairing {
    return this.#pairing;
  }

  /** The fields of the event that says who is connected. */
  get connectedFields(): EventFields {
    return connectedFields(this.#account, this.#options.standing.record.phoneNumber);
  }

  /** Somebody waits to be told that it is connected, were it only that a socket is being exchanged for another. */
  speakUp(): void {
    this.#exchange.speakUp();
  }

  /** Resolves when it is known whether a logout that is under way has ended the session. */
  async settled(): Promise<void> {
    await this.#logOut.underWay;
  }

  /** Has WhatsApp unlink the device, with which the session ends; without a socket that is left to the next one. */
  async logOut(): Promise<void> {
    if (this.#socket !== undefined) await this.#logOut.on(this.#socket);
  }

  /** Closes the socket of a run that was aborted. Resolves when nothing of it is left but the effects it had. */
  async end(): Promise<void> {
    const socket = this.#socket;
    this.#socket = undefined;
    await socket?.end();
    await this.#finished;
    this.#connection.abort();
    await this.#watching;
  }

  /** One socket after the other until the run is over, or there is nothing more to try. Never rejects. */
  async #keepConnected(): Promise<void> {
    const { signal, standing } = this.#options;
    const { pause: wait = pause } = this.#context;
    while (!signal.aborted) {
      let pauseMs: number | undefined;
      try {
        pauseMs = await this.#holdSocket();
      } catch (error) {
        pauseMs = this.#retries.afterFailureMs();
        standing.log.error({ err: error, pauseMs }, "a session failed and is tried again");
      }
      if (pauseMs === undefined) return;
      await wait(pauseMs, signal);
    }
  }

  /** Opens a socket, waits for its end and reacts to it. @returns when to open the next one; `undefined`: never */
  async #holdSocket(): Promise<number | undefined> {
    const { signal, standing } = this.#options;
    const onSettled = await this.#context.gate.pass(signal, {
      urgent: this.#asked || this.#exchange.underWay,
    });
    if (signal.aborted) return undefined;
    let auth: StoredAuthState;
    try {
      auth = await loadAuthState(this.#context.store.credentials, standing.record.numberId, (type) => {
        standing.log.error({ code: "key_unreadable", type }, "a stored key cannot be read and is set aside");
      });
    } catch (error) {
      if (!(error instanceof CredentialsUnreadable)) throw error;
      if (!signal.aborted) await this.#reactions.toUnreadable(error);
      return undefined;
    }
    if (signal.aborted) return undefined;
    const wasLinked = isLinked(auth.creds);
    const closure = await this.#socketsEnd(auth, onSettled);
    if (closure === undefined) return undefined;
    this.#context.telemetry?.closed(closure);
    const level = isUntrusted(closure) ? "error" : "info";
    standing.log[level]({ ...closure }, "the socket to WhatsApp was closed");
    return await this.#reactions.to(closure, {
      wasLinked,
      isLinked: isLinked(auth.creds),
      hasLoggedIn: hasLoggedIn(auth.creds),
      webVersion: this.#webVersion,
    });
  }

  /** Resolves with how the socket was closed, once all it has told is handled; `undefined` when the run was over first. */
  async #socketsEnd(auth: StoredAuthState, onSettled: () => void): Promise<Closure | undefined> {
    const { webUrl, webVersions, qrLifetimeMs, probe, random, telemetry } = this.#context;
    this.#webVersion = webVersions.current;
    const { signal, standing, traffic } = this.#options;
    const closed = Promise.withResolvers<Closure | undefined>();
    this.#lose = closed.resolve;
    this.#pairing.begin();
    const openedAt = performance.now();
    telemetry?.connecting();
    const socket = openSocket({
      url: webUrl,
      version: this.#webVersion.version,
      auth,
      qrLifetimeMs,
      watchdogMs: this.#exchange.underWay ? EXCHANGE_MS : undefined,
      probe,
      random,
      log: standing.log,
      findSent: (key) => traffic.findSent(key, socket),
      retryCounts: traffic.retryCounts,
      events: {
        ...trafficEvents({ traffic, standing, media: this.#context.media, socket: () => socket }),
        onQr: (offer) => {
          onSettled();
          traffic.inTurn("showing a QR", () => this.#invite(offer, socket));
        },
        onOpen: (account) => {
          onSettled();
          telemetry?.connected(performance.now() - openedAt);
          traffic.inTurn("connecting", () => this.#opened(account));
        },
        onClose: (closure) => traffic.inTurn("handling a close", () => closed.resolve(closure)),
        onStanza: (stanza) => this.#heard(stanza, socket),
        onRoundTrip: (ms) => this.#roundTrip(ms, socket),
      },
    });
    this.#socket = socket;
    const over = () => closed.resolve(undefined);
    signal.addEventListener("abort", over);
    const closure = await closed.promise;
    onSettled();
    // A run may outlive thousands of sockets, and would hold on to each by this.
    signal.removeEventListener("abort", over);
    this.#connection.abort();
    if (signal.aborted) return undefined;
    this.#socket = undefined;
    traffic.disconnected();
    return closure;
  }

  async #invite(offer: QrOffer, socket: Socket): Promise<void> {
    const { signal, standing, onOver } = this.#options;
    if (signal.aborted) return;
    let invitation: Invitation | undefined;
    try {
      invitation = await this.#pairing.invite(offer, socket);
    } catch (error) {
      if (signal.aborted) return;
      const refused = error instanceof PairingCodeRefused;
      standing.log.warn({ err: error }, "there is no pairing code to show");
      if (!refused) return await this.#drop(socket, NO_ANSWER);
      await socket.end();
      return await onOver(standing.event({ action: "error", code: error.code, error: error.message }));
    }
    if (invitation === undefined || signal.aborted) return;
    if (standing.state !== "awaiting_scan") this.#retries.opened();
    const { fields, expiresAtMs } = invitation;
    await standing.enter("awaiting_scan", standing.event(fields, { expiresAtMs }));
  }

  async #opened(account: LinkedAccount): Promise<void> {
    const { signal, standing } = this.#options;
    if (signal.aborted) return;
    this.#account = account;
    if (standing.record.atStart === "log_out") {
      // Not waited for here: what the socket tells meanwhile has its turn. It never rejects.
      this.logOut();
    } else await this.#connected();
  }

  async #connected(statements: readonly Statement[] = []): Promise<void> {
    const { standing, traffic } = this.#options;
    this.#asked = false;
    this.#retries.opened();
    standing.vitals.opened();
    const news = this.#exchange.opened() ? [] : standing.event(this.connectedFields);
    const linking = this.#context.store.handovers.linking(standing.record.numberId);
    await standing.enter("connected", [...statements, ...news, ...linking]);
    standing.log.info("connected to WhatsApp");
    const socket = this.#socket;
    // Not waited for: it takes two seconds for each message. It never rejects.
    if (socket !== undefined) traffic.awaitedContent.ask(socket, () => this.#socket !== socket);
    this.#connection.abort();
    const { signal } = this.#connection = new AbortController();
    // Nor this, which lasts as long as the socket.
    if (socket !== undefined) this.#watching = traffic.watchUnread(socket, signal);
    this.#context.media.opened(standing.record.numberId);
    await this.#context.webVersions.accepted(this.#webVersion);
  }

  #roundTrip(ms: number, { baileys }: Socket): void {
    const { vitals, log } = this.#options.standing;
    vitals.roundTrip(ms);
    if (!vitals.isPhoneDue()) return;
    askPhoneForSign(baileys).catch((error) =>
      log.debug({ err: error }, "the phone could not be asked for a sign")
    );
  }

  #heard(stanza: BinaryNode, socket: Socket): void {
    const { standing, traffic } = this.#options;
    standing.vitals.heard(stanza, socket.account);
    if (!this.#exchange.heard(stanza)) return;
    standing.log.warn({ t: stanza.attrs.t }, "the socket before was deaf: WhatsApp had kept things back");
    traffic.inTurn("telling of a deaf socket", () => standing.tellWasDeaf());
  }

  /** Ends a socket as if it had been closed like this, after all that it has told; one that was closed by itself is left. */
  async #drop(socket: Socket, closure: Closure): Promise<void> {
    if (socket !== this.#socket) return;
    const lose = this.#lose;
    await socket.end();
    this.#options.traffic.inTurn("dropping a socket", () => lose(closure));
    if (closure.reaction === "logged_out") await this.#finished;
  }
}
