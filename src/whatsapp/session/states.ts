import type { HealthStatus } from "../../contract/events.ts";

/** Where a session stands. */
export type SessionState =
  /** No socket, and none is wanted. */
  | "closed"
  /** A socket is being opened, to pair or to log in. */
  | "connecting"
  /** A QR (or pairing code) is out and waits for the phone. */
  | "awaiting_scan"
  | "connected"
  /** The link was lost; the next attempt is waited for, or under way. */
  | "reconnecting"
  /** Another connection uses the credentials, or WhatsApp wants to be left alone: this one keeps away for a while. */
  | "replaced"
  /** WhatsApp banned the number; its credentials are void. */
  | "banned"
  /** The stored credentials cannot be read: a person has to look. */
  | "unusable"
  /** Unlinked or given up: the session is forgotten. */
  | "ended";

/** What somebody should do something about although the number works. */
export type HealthWarning =
  /** No sign of the phone for 12 days; after 14 WhatsApp unlinks this device. */
  | "phone_unseen"
  /** WhatsApp does not let the number write to people it has not written to before. */
  | "restricted";

/** What beside the state of a session says how its number is. */
export interface Condition {
  /** Its last socket was open, and deaf; none has proved better since. */
  readonly deaf: boolean;
  /** What it cannot be connected for, when that is more than its state says. */
  readonly obstacle?: string | undefined;
  /** The gravest first. */
  readonly warnings: readonly HealthWarning[];
}

/** How a number is. */
export interface Health {
  readonly status: HealthStatus;
  readonly reason?: string;
  /** Only where there are any. */
  readonly warnings?: readonly HealthWarning[];
}

/** How a number in `state` and `condition` is reported. */
export function healthOf(state: SessionState, { deaf, obstacle, warnings }: Condition): Health {
  switch (state) {
    case "connected":
    case "connecting":
    case "reconnecting":
      if (deaf) return { status: "UNHEALTHY", reason: "deaf" };
      if (state !== "connected") return { status: "DISCONNECTED", reason: obstacle ?? state };
      return { status: "HEALTHY", ...(warnings[0] === undefined ? {} : { reason: warnings[0], warnings }) };
    case "replaced":
      return { status: "DISCONNECTED", reason: obstacle ?? state };
    case "banned":
      return { status: "BANNED", reason: "banned" };
    case "unusable":
      return { status: "UNHEALTHY", reason: "credentials_unreadable" };
    default:
      return { status: "DISCONNECTED", reason: state };
  }
}
