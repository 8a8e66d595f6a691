/** What each command does in each situation a session can be in. `docs/sessions.md` shows this table. */

export const COMMANDS = [
  "create",
  "pairing_code",
  "reconnect",
  "regenerate_qr",
  "close",
  "disconnect",
  "logout",
  "status",
] as const;

/** A command about one number. */
export type Command = typeof COMMANDS[number];

/** What can come of a command, as the backend sees it. */
export const OUTCOMES = {
  "fresh QR":
    "`qr_generated` of attempt 1 with a QR that was not shown before, on a new socket and with a new identity",
  "same QR": "`qr_generated` with the QR that is out already, for as long as it can be scanned",
  "fresh code": "`pairing_code` with a new code; a QR or code of before links nothing any more",
  "same code": "`pairing_code` with the code that is out already, for as long as it can be entered",
  "connects": "`connected`, on a new socket, with the credentials there are: no QR",
  "is connected": "`connected` with a `message`; the socket is left alone",
  "closed": "`closed`, reason `command`: no socket; the credentials stay. A ban outlasts it",
  "logged out":
    "`logged_out`, reason `logout`: WhatsApp has unlinked the device, and its credentials are gone",
  "forgotten": "`logged_out`, reason `logout`: there was nothing to unlink, or nothing to prove it with",
  "no session": "`error` `no_session`",
  "unreadable": "`error` `credentials_unreadable`; the credentials stay as they are",
  "told": "`session_status` with the state, and the `status` and `reason` of its health",
} as const;

/** One of {@link OUTCOMES}. */
export type Outcome = keyof typeof OUTCOMES;

/** What each command does, in the order of {@link COMMANDS}. */
export type Row = readonly [Outcome, Outcome, Outcome, Outcome, Outcome, Outcome, Outcome, Outcome];

const offline: Row = [
  "connects",
  "connects",
  "connects",
  "connects",
  "closed",
  "closed",
  "logged out",
  "told",
];
const unlinked: Row = [
  "fresh QR",
  "fresh code",
  "fresh QR",
  "fresh QR",
  "closed",
  "closed",
  "forgotten",
  "told",
];
const gone: Row = [
  "fresh QR",
  "fresh code",
  "no session",
  "no session",
  "no session",
  "no session",
  "no session",
  "told",
];

/** Each situation, with what `status` says in it: a state, or `NOT_FOUND`. */
export const SITUATIONS = {
  "no session": { state: "NOT_FOUND", row: gone },
  "closed, never linked": { state: "closed", row: unlinked },
  "closed, linked": { state: "closed", row: offline },
  "connecting to pair": { state: "connecting", row: unlinked },
  "connecting to log in": { state: "connecting", row: offline },
  "connecting after the scan": { state: "connecting", row: offline },
  "a QR is out": {
    state: "awaiting_scan",
    row: ["same QR", "fresh code", "fresh QR", "fresh QR", "closed", "closed", "forgotten", "told"],
  },
  "a pairing code is out": {
    state: "awaiting_scan",
    row: ["fresh QR", "same code", "fresh code", "fresh QR", "closed", "closed", "forgotten", "told"],
  },
  "connected": {
    state: "connected",
    row: [
      "is connected",
      "is connected",
      "connects",
      "is connected",
      "closed",
      "closed",
      "logged out",
      "told",
    ],
  },
  "link lost before the scan": { state: "reconnecting", row: unlinked },
  "link lost, linked": { state: "reconnecting", row: offline },
  "replaced": { state: "replaced", row: offline },
  "banned": { state: "banned", row: unlinked },
  "credentials unreadable": {
    state: "unusable",
    row: [
      "unreadable",
      "unreadable",
      "unreadable",
      "unreadable",
      "closed",
      "closed",
      "forgotten",
      "told",
    ],
  },
  "a logout waits for a connection": { state: "connecting", row: offline },
  "a logout was sent just before": { state: "NOT_FOUND", row: gone },
} as const satisfies Record<string, { state: string; row: Row }>;

/** One of {@link SITUATIONS}. */
export type Situation = keyof typeof SITUATIONS;

/** The table as Markdown, one cell after the other. */
export function renderedTable(): string[][] {
  const states = Object.entries(SITUATIONS).map(([name, { state, row }]) => [name, `\`${state}\``, ...row]);
  return [["situation", "`state`", ...COMMANDS.map((command) => `\`${command}\``)], ...states];
}

/** What its words mean, as Markdown. */
export function renderedLegend(): string[][] {
  return [["outcome", "what the backend gets"], ...Object.entries(OUTCOMES)];
}
