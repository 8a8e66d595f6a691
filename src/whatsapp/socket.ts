import makeWASocket, {
  Browsers,
  DEFAULT_CONNECTION_CONFIG,
  jidNormalizedUser,
  type proto,
  type WAMessage,
  type WAMessageKey,
  type WAMessageUpdate,
} from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { StoredAuthState } from "./auth_state.ts";
import { baileysLogger } from "./baileys_logger.ts";
import { type Closure, closureOf } from "./close_codes.ts";

/** How long the server may take to answer the connection attempt, and any query. */
const CONNECT_TIMEOUT_MS = 20_000;

/** The WhatsApp Web version Baileys was published with, as `major.minor.patch`. */
export const BUNDLED_WEB_VERSION = DEFAULT_CONNECTION_CONFIG.version.join(".");

/** Who the phone turned out to be. */
export interface LinkedAccount {
  /** With the number of this device: `221771234567:3@s.whatsapp.net`. */
  readonly jid: string;
  readonly lid: string | null;
  readonly pushName: string | null;
}

/** What happens on a socket. Handlers are called in the order things happened and must not throw. */
export interface SocketEvents {
  /** A QR to show; the first lives longer than those after it. */
  onQr(qr: string): void;
  onOpen(account: LinkedAccount): void;
  /** Called once; nothing follows. */
  onClose(closure: Closure): void;
  onMessages(messages: WAMessage[]): void;
  onUpdates(updates: WAMessageUpdate[]): void;
  /** WhatsApp's server took a message, or refused it with an error code. */
  onAck(whatsappId: string, error: string | undefined): void;
}

/** Options of {@link openSocket}. */
export interface SocketOptions {
  readonly url: string;
  readonly auth: StoredAuthState;
  readonly events: SocketEvents;
  /** Finds what was sent, for a contact that could not decrypt it. */
  readonly findSent: (key: WAMessageKey) => Promise<proto.IMessage | undefined>;
  /** How long each QR lives; WhatsApp's own times when absent. */
  readonly qrLifetimeMs?: number | undefined;
  readonly log: Logger;
}

/** A socket to WhatsApp. */
export interface Socket {
  readonly baileys: ReturnType<typeof makeWASocket>;
  /** Closes it without a word to {@link SocketEvents}. */
  end(): Promise<void>;
}

/** Opens a socket to WhatsApp with the settings of a gateway that keeps nothing but what it must. */
export function openSocket({ url, auth, events, findSent, qrLifetimeMs, log }: SocketOptions): Socket {
  const baileys = makeWASocket({
    waWebSocketUrl: url,
    auth,
    logger: baileysLogger(log),
    browser: Browsers.macOS("Chrome"),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    defaultQueryTimeoutMs: CONNECT_TIMEOUT_MS,
    syncFullHistory: false,
    // The phone would stop its own notifications for as long as a companion says it is online.
    markOnlineOnConnect: false,
    getMessage: findSent,
    ...(qrLifetimeMs === undefined ? {} : { qrTimeout: qrLifetimeMs }),
  });
  let ended = false;

  baileys.ev.on("creds.update", () => {
    auth.save().catch((error) => log.error({ err: error }, "credentials could not be saved"));
  });
  baileys.ev.on("connection.update", ({ connection, qr, lastDisconnect }) => {
    if (ended) return;
    if (qr !== undefined) events.onQr(qr);
    if (connection === "open") events.onOpen(linkedAccount(baileys.user));
    if (connection === "close") {
      ended = true;
      const { code, message } = describe(lastDisconnect?.error);
      events.onClose(closureOf(code, message));
    }
  });
  baileys.ev.on("messages.upsert", ({ messages }) => ended || events.onMessages(messages));
  baileys.ev.on("messages.update", (updates) => ended || events.onUpdates(updates));
  baileys.ws.on("CB:ack,class:message", ({ attrs }: { attrs: Record<string, string | undefined> }) => {
    if (!ended && attrs.id !== undefined) events.onAck(attrs.id, attrs.error);
  });

  return {
    baileys,
    end: async () => {
      ended = true;
      await baileys.end(undefined);
    },
  };
}

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

/** Baileys' errors are Booms: their code is in `output`. */
function describe(error: unknown): { code: number; message: string } {
  const { output, message } = (error ?? {}) as { output?: { statusCode?: number }; message?: string };
  return { code: output?.statusCode ?? 428, message: message ?? "" };
}
