import type { HealthStatus } from "../contract/events.ts";

/** Where a session stands. */
export type SessionState =
  /** No socket, and none is wanted. */
  | "closed"
  /** A socket is being opened, or logs in. */
  | "connecting"
  /** A QR (or pairing code) is out and waits for the phone. */
  | "awaiting_scan"
  | "connected"
  /** The link was lost; the next attempt is waited for. */
  | "reconnecting"
  /** Another connection uses the credentials; this one keeps away for a while. */
  | "replaced"
  /** WhatsApp banned the number; its credentials are void. */
  | "banned"
  /** The stored credentials cannot be read: a person has to look. */
  | "unusable"
  /** Unlinked or given up: the session is forgotten. */
  | "ended";

/** How a number in `state` is reported. */
export function healthOf(state: SessionState): { status: HealthStatus; reason?: string } {
  switch (state) {
    case "connected":
      return { status: "HEALTHY" };
    case "banned":
      return { status: "BANNED", reason: "banned" };
    case "unusable":
      return { status: "UNHEALTHY", reason: "credentials_unreadable" };
    default:
      return { status: "DISCONNECTED", reason: state };
  }
}
