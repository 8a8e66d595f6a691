import type { Verdict } from "../vitals/probe.ts";
import { UntrustedServer } from "./server_certificate.ts";

/** What a session does when its socket is closed. */
export type Reaction =
  /** Open a new socket with the same credentials at once: WhatsApp asks for it after pairing. */
  | "restart"
  /** Open a new socket after a pause, for ever. */
  | "reconnect"
  /** WhatsApp takes the client for too old: find a newer version of it, else wait long. */
  | "refresh_version"
  /** Open a new socket at once, without a word as long as that works: nothing is known to be wrong with the old one. */
  | "exchange"
  /** Nobody scanned: count the attempt, then show another QR or give up. */
  | "next_qr_attempt"
  /** Another connection took over, or WhatsApp wants to be left alone: come back much later. */
  | "yield"
  /** The phone unlinked this device: the credentials are void. */
  | "logged_out"
  /** WhatsApp banned the number: the credentials are void. */
  | "banned";

/** What a close means. */
export interface Closure {
  /** As WhatsApp or Baileys numbers it. */
  readonly code: number;
  /** One word for the backend. */
  readonly reason: string;
  readonly reaction: Reaction;
  /** What a person has to know beyond that. */
  readonly message?: string;
}

/** Baileys' word for "all QR refs were shown"; it shares its code with a lost link. */
const REFS_ENDED = "QR refs attempts ended";

/** What Baileys says of a phone's signature that does not verify, and what that means. */
const UNTRUSTED_ACCOUNT: ReadonlyMap<string, string> = new Map([
  [
    "Invalid account signature",
    "The answer to the QR or code is not by the phone it was shown to: nothing was linked",
  ],
  [
    "Failed to verify account signature",
    "The phone's account has not signed this device: nothing was linked",
  ],
]);

/** Baileys' words for what failed below the websocket. Where it has no code for that it makes it one of WhatsApp's. */
const BELOW = "WebSocket Error";

/** The code of whatever is attempted on a socket that is closing or closed. */
export const CONNECTION_CLOSED = 428;

/**
 * Those of Baileys' `DisconnectReason`, and those WhatsApp gives in `<failure reason>`.
 *
 * @see https://github.com/tulir/whatsmeow/blob/main/types/events/events.go ConnectFailureReason, for 400, 402 and 406
 */
const CLOSURES: Readonly<Record<number, Omit<Closure, "code" | "message">>> = {
  400: { reason: "login_failed", reaction: "reconnect" },
  401: { reason: "logged_out", reaction: "logged_out" },
  402: { reason: "temporarily_banned", reaction: "yield" },
  403: { reason: "banned", reaction: "banned" },
  405: { reason: "client_outdated", reaction: "refresh_version" },
  406: { reason: "banned", reaction: "banned" },
  408: { reason: "connection_lost", reaction: "reconnect" },
  411: { reason: "multidevice_mismatch", reaction: "reconnect" },
  419: { reason: "credentials_void", reaction: "logged_out" },
  428: { reason: "connection_closed", reaction: "reconnect" },
  440: { reason: "connection_replaced", reaction: "yield" },
  500: { reason: "bad_session", reaction: "reconnect" },
  503: { reason: "service_unavailable", reaction: "reconnect" },
  515: { reason: "restart_required", reaction: "restart" },
};

/** Every code that has a meaning of its own. */
export const CLOSE_CODES: readonly string[] = Object.keys(CLOSURES);

const UNKNOWN: Omit<Closure, "code"> = { reason: "connection_failed", reaction: "reconnect" };

/** What to do about a socket that was closed with `code` and `message`. A code nobody knows is treated as a lost link. */
export function closureOf(code: number, message: string): Closure {
  if (code === 408 && message.includes(REFS_ENDED)) {
    return { code, reason: "qr_expired", reaction: "next_qr_attempt" };
  }
  if (code === 500 && message.startsWith(BELOW)) return { code, ...UNKNOWN };
  return { code, ...(CLOSURES[code] ?? UNKNOWN) };
}

/** What to do about a socket that ended with `error`. */
export function closureOfError(error: unknown): Closure {
  if (error instanceof UntrustedServer) {
    return { code: 400, reason: error.code, reaction: "reconnect", message: error.message };
  }
  const { code, message } = describe(error);
  const untrusted = UNTRUSTED_ACCOUNT.get(message);
  if (untrusted === undefined) return closureOf(code, message);
  return { code, reason: "untrusted_account", reaction: "reconnect", message: untrusted };
}

/** Whether a socket was closed because somebody is not who they say, which a person has to know of. */
export function isUntrusted({ reason }: Pick<Closure, "reason">): boolean {
  return reason === "untrusted_server" || reason === "untrusted_account";
}

/** What keeps a number away that is neither a lost link nor another connection: its health names it. */
export function obstacleOf(closure: Pick<Closure, "reason">): string | undefined {
  return isUntrusted(closure) || closure.reason === "temporarily_banned" ? closure.reason : undefined;
}

/**
 * What to do when the request for a websocket was answered with an HTTP status. It says something about the way to
 * WhatsApp, never about the account: a proxy's 403 is no ban.
 */
export function closureOfUpgrade(status: number): Closure {
  return { code: status, reason: "upgrade_refused", reaction: "reconnect" };
}

/** What to do about a socket that a probe has judged. Like a link that is lost: nobody has closed it, and so no code came. */
export function closureOfVerdict(verdict: Verdict): Closure {
  return { code: 408, reason: verdict, reaction: verdict === "deaf" ? "reconnect" : "exchange" };
}

/** Code and message of what Baileys throws: a Boom, whose code is in `output`, or an error of a library below it. */
export function describe(error: unknown): { code: number; message: string } {
  const { output, message } = (error ?? {}) as { output?: { statusCode?: number }; message?: string };
  return { code: output?.statusCode ?? 0, message: message ?? String(error) };
}
