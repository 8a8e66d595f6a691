import makeWASocket, {
  type BinaryNode,
  Browsers,
  type CacheStore,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  type GroupMetadata,
  jidNormalizedUser,
  type proto,
  type WAMessageKey,
  type WAVersion,
} from "@whiskeysockets/baileys";
import type { Logger } from "pino";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import type { StoredAuthState } from "../signal/auth_state.ts";
import { Backlog } from "./backlog.ts";
import { baileysLogger } from "./baileys_logger.ts";
import { socketCaches, spareRecentMessages } from "./caches.ts";
import {
  type Closure,
  closureOf,
  closureOfError,
  closureOfUpgrade,
  closureOfVerdict,
} from "./close_codes.ts";
import { Identities } from "../identities.ts";
import { forgetUnused, isFirstHistory } from "./history.ts";
import { Stanzas } from "../inbound/stanzas.ts";
import { forgetDevices, takeKeyless } from "./keyless.ts";
import { MarkedResends } from "./marked_resends.ts";
import type { LinkedAccount, SocketEvents } from "./socket_events.ts";
import { takeStanzas } from "./stanza_intake.ts";
import { Probe, type ProbeTimings } from "../vitals/probe.ts";
import { watchReachout } from "../vitals/reachout.ts";
import { limitRequests, MAX_RETRY_COUNT } from "./retry_limits.ts";
import { MediaHosts } from "../media/media_hosts.ts";
import { effectOf } from "../signal/signal_keys.ts";
import { durableSignalRepository } from "../signal/signal_repository.ts";

const CONNECT_TIMEOUT_MS = 20_000;
/** How long it may take to answer a query. Baileys goes on after that, as if it had answered with nothing. */
export const QUERY_TIMEOUT_MS = 20_000;
/**
 * How long a socket may take until it shows a QR, is open or is closed. More than Baileys' own patience with each step,
 * for the cases it has none for: a link that dies during the login, for one.
 */
const WATCHDOG_MS = 90_000;
/** Of Baileys' own keepalive, which is for the time before the login: after that the probe asks more often. */
const KEEP_ALIVE_INTERVAL_MS = 60_000;
/** How long the server may take to agree to a close; `ws` would give it 30 s. */
const END_PATIENCE_MS = 2_000;

/** Options of {@link openSocket}. */
export interface SocketOptions {
  readonly url: string;
  /** What it logs in as. @default the version Baileys was published with */
  readonly version?: WAVersion | undefined;
  readonly auth: StoredAuthState;
  readonly events: SocketEvents;
  /** Finds what was sent, for a contact that could not decrypt it. */
  readonly findSent: (key: WAMessageKey) => Promise<proto.IMessage | undefined>;
  /** Where Baileys counts how often messages were asked for again. */
  readonly retryCounts: CacheStore;
  /** How long each QR lives; WhatsApp's own times when absent. */
  readonly qrLifetimeMs?: number | undefined;
  /** How long nothing may come of the socket before it is given up as lost (408). @default 90 s */
  readonly watchdogMs?: number | undefined;
  /** How long the server may take to answer the connection attempt. @default 20 s */
  readonly connectTimeoutMs?: number | undefined;
  /** When it is probed. */
  readonly probe?: Partial<ProbeTimings> | undefined;
  /** A number in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
}

/** A socket to WhatsApp. */
export interface Socket {
  readonly baileys: ReturnType<typeof makeWASocket>;
  /** Who the phone is, as far as it is known: messages of before come in while the socket still opens. */
  readonly account: LinkedAccount;
  readonly identities: Identities;
  /** WhatsApp's media hosts, as its server names them. */
  readonly mediaHosts: MediaHosts;
  /** By JID, while a message to one is written: Baileys takes them from here instead of asking again. */
  readonly groups: Map<string, GroupMetadata>;
  /** The devices of people as Baileys knows them, by the user's part of a JID. */
  readonly devices: CacheStore;
  /** Asks whether the number may write to new people; the answer comes to {@link SocketEvents.onTimelock}. */
  askReachout(): void;
  /** A message was not answered in time: probes the socket at once. */
  doubt(): void;
  /**
   * Closes it without a word to {@link SocketEvents}, but for messages it had already told the server it has.
   * Resolves when it is closed and its credentials are saved.
   */
  end(): Promise<void>;
}

/** Opens a socket to WhatsApp with the settings of a gateway that keeps nothing but what it must. */
export function openSocket(options: SocketOptions): Socket {
  const {
    url,
    version,
    auth,
    events,
    findSent,
    retryCounts,
    qrLifetimeMs,
    watchdogMs = WATCHDOG_MS,
    random,
    log,
  } = options;
  const stanzas = new Stanzas(log);
  const counts: CacheStore = {
    ...retryCounts,
    set: async (request, count) => void await Promise.resolve(retryCounts.set(request, count)).catch(cutOff),
  };
  const groups = new Map<string, GroupMetadata>();
  const caches = socketCaches();
  const identities = new Identities(auth.keys);
  const baileys: Socket["baileys"] = makeWASocket({
    waWebSocketUrl: url,
    ...(version === undefined ? {} : { version }),
    auth,
    logger: baileysLogger(log),
    browser: Browsers.macOS("Chrome"),
    connectTimeoutMs: options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
    defaultQueryTimeoutMs: QUERY_TIMEOUT_MS,
    keepAliveIntervalMs: KEEP_ALIVE_INTERVAL_MS,
    syncFullHistory: false,
    // The phone would stop its own notifications for as long as a companion says it is online.
    markOnlineOnConnect: false,
    ...caches,
    cachedGroupMetadata: (jid) => Promise.resolve(groups.get(jid)),
    getMessage: async (key) => resends.lookedUp(key, await findSent(key).catch(cutOff)),
    msgRetryCounterCache: counts,
    maxMsgRetryCount: MAX_RETRY_COUNT,
    shouldSyncHistoryMessage: isFirstHistory,
    makeSignalRepository: durableSignalRepository(
      { ...auth, commit: (...changes) => auth.commit(...changes).catch(cutOff) },
      (ciphertext, plaintext) =>
        effectOf(stanzas.messagesOf(ciphertext, plaintext, auth.creds.me), events.onDecrypted),
      async (ciphertext) => {
        const message = stanzas.undecrypted(ciphertext, auth.creds.me);
        if (message !== undefined) await events.onUndecryptable(message, "cannot_decrypt").catch(cutOff);
      },
    ),
    ...(qrLifetimeMs === undefined ? {} : { qrTimeout: qrLifetimeMs }),
  });
  const watchdog = setTimeout(() => {
    log.warn({ watchdogMs }, "nothing came of a socket to WhatsApp");
    finish(closureOf(408, "Nothing came of the connection in time"));
  }, watchdogMs);
  limitRequests(baileys);
  spareRecentMessages(baileys.messageRetryManager);
  const resends = new MarkedResends({ baileys, retryCounts: counts, log });
  const probe = new Probe({
    send: (stanza) => baileys.sendNode(stanza),
    newId: () => baileys.generateMessageTag(),
    onRoundTrip: (ms) => events.onRoundTrip(ms),
    timings: options.probe,
    random,
    log,
  });
  let qrsLeft = 0;
  let greeted = false;
  let ended = false;
  let saved: Promise<void> = Promise.resolve();

  /**
   * What cannot become durable must not be acknowledged. Baileys would take it for a message that cannot be decrypted, and
   * turn it down for good after a few attempts.
   */
  const cutOff = (error: unknown): never => {
    if (!ended) websocketOf(baileys)?.terminate();
    throw error;
  };
  /** Nothing but messages that were acknowledged already follows. */
  const stop = async () => {
    clearTimeout(watchdog);
    probe.stop();
    // Baileys holds events back for up to 100 ms and drops what it holds when it ends.
    baileys.ev.flush();
    ended = true;
    auth.seal();
    if (!greeted) await breakOff(baileys);
    await Promise.all([saved, endWithin(END_PATIENCE_MS, baileys)]);
  };
  const finish = (closure: Closure) => {
    if (ended) return;
    const stopped = stop().catch((error) =>
      log.error({ err: error }, "a socket to WhatsApp did not close cleanly")
    );
    // The next socket reads the credentials back, and is not to meet this one.
    Promise.all([saved, stopped]).then(() => events.onClose(closure));
  };

  const askReachout = watchReachout(baileys, {
    onTimelock: (timelock) => events.onTimelock(timelock),
    onRefused: () => events.onRefusedNew(),
    isOver: () => ended,
    log,
  });
  /** It is open to others when the server has proved that it listens. */
  const prove = async () => {
    const verdict = await probe.run(() => {
      events.onOpen(linkedAccount(auth.creds.me));
      askReachout();
    });
    if (verdict !== undefined) finish(closureOfVerdict(verdict));
  };

  baileys.ev.on("creds.update", () => {
    const saving = auth.save().catch((error) => log.error({ err: error }, "credentials could not be saved"));
    saved = Promise.all([saved, saving]).then(() => {});
  });
  baileys.ev.on("connection.update", ({ connection, qr, lastDisconnect }) => {
    if (ended) return;
    if (qr !== undefined || connection !== undefined && connection !== "connecting") greeted = true;
    if (qr !== undefined || connection === "open") clearTimeout(watchdog);
    if (qr !== undefined) events.onQr({ qr, left: --qrsLeft });
    if (connection === "open") {
      prove().catch((error) => log.error({ err: error }, "a socket to WhatsApp could not be probed"));
    }
    if (connection === "close") finish(closureOfError(lastDisconnect?.error));
  });
  // Bytes are the handshake's.
  baileys.ws.on("frame", (frame: BinaryNode | Uint8Array) => {
    if (ended || frame instanceof Uint8Array) return;
    probe.heard(frame);
    events.onStanza(frame);
    const keyless = takeKeyless(frame);
    if (keyless.length === 0) return;
    log.info({ devices: keyless.length }, "WhatsApp has no keys of some devices: they are not written to");
    forgetDevices(keyless, { devices: caches.userDevicesCache, identities }).catch((error) =>
      log.error({ err: error }, "devices without keys could not be forgotten")
    );
  });
  baileys.ev.on("messages.upsert", ({ messages }) => ended || events.onMessages(messages));
  baileys.ev.on("messages.media-update", (updates) => {
    if (!ended) updates.forEach((update) => events.onMediaUpdate(update));
  });
  takeStanzas(baileys.ws, {
    events,
    stanzas,
    resends,
    account: () => linkedAccount(auth.creds.me),
    backlog: new Backlog(() => websocketOf(baileys)),
    isOver: () => ended,
    log,
  });
  baileys.ws.on("CB:iq,type:set,pair-device", (stanza: BinaryNode) => {
    qrsLeft = getBinaryNodeChildren(getBinaryNodeChild(stanza, "pair-device"), "ref").length;
  });
  forgetUnused(baileys.ev);
  baileys.ws.on("CB:ack,class:message", ({ attrs }: { attrs: Record<string, string | undefined> }) => {
    if (!ended && attrs.id !== undefined) events.onAck(attrs.id, attrs.error);
  });
  // Baileys passes this on and does nothing about it; the connection would stay half open.
  baileys.ws.on("unexpected-response", (_request: unknown, { statusCode }: { statusCode: number }) => {
    finish(closureOfUpgrade(statusCode));
  });

  return {
    baileys,
    get account() {
      return linkedAccount(auth.creds.me);
    },
    identities,
    mediaHosts: new MediaHosts((question) => baileys.query(question)),
    groups,
    devices: caches.userDevicesCache,
    askReachout,
    doubt: () => probe.doubt(),
    end: stop,
  };
}

/** Baileys waits for the server to agree to the close, which one that is gone never does. */
async function endWithin(patienceMs: number, baileys: Socket["baileys"]): Promise<void> {
  const impatient = setTimeout(() => websocketOf(baileys)?.terminate(), patienceMs);
  try {
    await baileys.end(undefined);
  } finally {
    clearTimeout(impatient);
  }
}

/**
 * Ends a socket that still greets the server. Told to end at that moment, Baileys would start its keepalive afterwards
 * and never stop it; by the end of its websocket it cannot.
 */
async function breakOff(baileys: Socket["baileys"]): Promise<void> {
  const websocket = websocketOf(baileys);
  if (websocket === null || websocket.readyState === websocket.CLOSED) return;
  // Of the websocket itself: Baileys takes all listeners off its own emitter.
  const closed = new Promise<void>((resolve) => websocket.once("close", resolve));
  websocket.terminate();
  await closed;
}

/** The websocket under Baileys' own; `null` when there is none any more. */
function websocketOf({ ws }: Socket["baileys"]): WebSocket | null {
  return (ws as unknown as { socket: WebSocket | null }).socket;
}

/** Of the credentials: `baileys.user` stays what it was when the socket was made, without what the login tells. */
function linkedAccount(
  user: { id: string; lid?: string | undefined; name?: string | undefined } | undefined,
): LinkedAccount {
  return {
    jid: user?.id ?? "",
    lid: user?.lid === undefined ? null : jidNormalizedUser(user.lid),
    // Baileys writes "~" while it does not know the name.
    pushName: user?.name === undefined || user.name === "~" ? null : user.name,
  };
}
