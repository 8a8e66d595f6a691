/** What a session does when its socket is closed. */
export type Reaction =
  /** Open a new socket with the same credentials at once: WhatsApp asks for it after pairing. */
  | "restart"
  /** Open a new socket after a pause, for ever. */
  | "reconnect"
  /** Nobody scanned: count the attempt, then show another QR or give up. */
  | "next_qr_attempt"
  /** Another connection took over: do not fight, come back much later. */
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
}

/** Baileys' word for "all QR refs were shown"; it shares its code with a lost link. */
const REFS_ENDED = "QR refs attempts ended";

const CLOSURES: Readonly<Record<number, Omit<Closure, "code">>> = {
  400: { reason: "untrusted_server", reaction: "reconnect" },
  401: { reason: "logged_out", reaction: "logged_out" },
  403: { reason: "banned", reaction: "banned" },
  405: { reason: "client_outdated", reaction: "reconnect" },
  408: { reason: "connection_lost", reaction: "reconnect" },
  411: { reason: "multidevice_mismatch", reaction: "reconnect" },
  419: { reason: "credentials_void", reaction: "logged_out" },
  428: { reason: "connection_closed", reaction: "reconnect" },
  440: { reason: "connection_replaced", reaction: "yield" },
  500: { reason: "bad_session", reaction: "reconnect" },
  503: { reason: "service_unavailable", reaction: "reconnect" },
  515: { reason: "restart_required", reaction: "restart" },
};

/** What to do about a socket that was closed with `code` and `message`. A code nobody knows is treated as a lost link. */
export function closureOf(code: number, message: string): Closure {
  if (code === 408 && message.includes(REFS_ENDED)) {
    return { code, reason: "qr_expired", reaction: "next_qr_attempt" };
  }
  return { code, ...(CLOSURES[code] ?? { reason: "connection_failed", reaction: "reconnect" }) };
}
