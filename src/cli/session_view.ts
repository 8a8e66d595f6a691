/** `worker session list` and `show`. */
import { maskPhone } from "../contract/addresses.ts";
import { EXIT } from "../exit_codes.ts";
import {
  lookAtSession,
  lookAtSessions,
  type SessionDetails,
  type SessionLook,
} from "../store/session_look.ts";
import type { Command } from "./command.ts";
import { CommandError } from "./command_error.ts";
import { numberOf } from "./session_number.ts";
import { renderTable, renderTime } from "./table.ts";
import { visible, visibleJson } from "./terminal.ts";

/** `worker session list`. */
export const listSessions: Command = {
  name: "session list",
  usage: "",
  operands: [0, 0],
  options: ["env-file", "json"],
  run: ({ settings: { SESSION_DIR }, options, terminal }) => {
    const sessions = reading(SESSION_DIR, () => lookAtSessions(SESSION_DIR));
    if (options.json) terminal.print(visibleJson(JSON.stringify({ sessions: sessions.map(forMachines) })));
    else if (sessions.length === 0) terminal.print(`No sessions in '${visible(SESSION_DIR)}'`);
    else terminal.print(renderSessions(sessions));
    return Promise.resolve(EXIT.OK);
  },
};

/** `worker session show`. */
export const showSession: Command = {
  name: "session show",
  usage: "NUMBER",
  operands: [1, 1],
  options: ["env-file", "json"],
  run: (invocation) => {
    const { settings: { SESSION_DIR }, options, terminal } = invocation;
    const session = mustBeThere(SESSION_DIR, numberOf(invocation));
    const { phoneNumber, lastSends, ...rest } = session;
    const details = {
      ...rest,
      ...datesOf(session),
      phoneNumber: `+${phoneNumber}`,
      lastSends: lastSends.map(sendForMachines),
    };
    terminal.print(
      options.json ? visibleJson(JSON.stringify(details, undefined, 2)) : renderSession(session),
    );
    return Promise.resolve(EXIT.OK);
  },
};

/**
 * What the disk knows of a number.
 *
 * @throws {CommandError} `NOINPUT` when it has no session, `CANTCREAT` when the database cannot be read
 */
export function mustBeThere(folder: string, numberId: string): SessionDetails {
  const session = reading(folder, () => lookAtSession(folder, numberId));
  if (session !== undefined) return session;
  throw new CommandError(
    `Number ${numberId} has no session in '${visible(folder)}'`,
    "'worker session list' shows those there are",
    EXIT.NOINPUT,
  );
}

function reading<T>(folder: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    throw new CommandError(
      `Cannot read the database in '${visible(folder)}': ${visible(said)}`,
      "Run this as the worker's user; 'worker --check' says more",
      EXIT.CANTCREAT,
    );
  }
}

function forMachines(session: SessionLook) {
  const { numberId, phoneNumber, device, atStart } = session;
  const keys = totalOf(session.keys), setAside = totalOf(session.setAside);
  return {
    numberId,
    phoneNumber: maskPhone(`+${phoneNumber}`),
    device,
    atStart,
    keys,
    setAside,
    ...datesOf(session),
  };
}

const datesOf = ({ createdAtMs }: SessionLook) => ({ createdAtMs });

function sendForMachines({ messageIdJson, ...send }: SessionDetails["lastSends"][number]) {
  // As it is in JSON: an id may have more digits than a number.
  return { messageId: messageIdJson, ...send };
}

function renderSessions(sessions: readonly SessionLook[]): string {
  const rows = sessions.map((session) => [
    session.numberId,
    maskPhone(`+${session.phoneNumber}`),
    session.device,
    session.atStart,
    String(totalOf(session.keys)),
    String(totalOf(session.setAside)),
    renderTime(session.createdAtMs),
  ]);
  return renderTable(["NUMBER", "PHONE", "DEVICE", "AT START", "KEYS", "SET ASIDE", "SINCE"], rows, [
    "KEYS",
    "SET ASIDE",
  ]);
}

const DEVICE = {
  linked: "linked",
  none: "none: 'create' shows a QR",
  unreadable:
    "its credentials cannot be read; they are kept until 'logout' or 'worker session delete' forgets them",
} as const;
const AT_START = {
  open: "opens it",
  closed: "leaves it closed",
  banned: "leaves it closed: WhatsApp has banned it",
  log_out: "opens it to log out, as soon as WhatsApp can be told",
  forget: "removes what is left of it on the broker",
} as const;

function renderSession(session: SessionDetails): string {
  const { numberId, phoneNumber, device, atStart, jid, lid, createdAtMs, lastSends } = session;
  const row = (name: string, value: string) => `  ${name.padEnd(16)} ${value}`;
  return [
    `Number ${numberId}`,
    row("phone asked for", `+${phoneNumber}`),
    row("device", DEVICE[device]),
    ...(jid === null ? [] : [row("JID", visible(jid))]),
    ...(lid === null ? [] : [row("LID", visible(lid))]),
    row("since", renderTime(createdAtMs)),
    row("the next start", AT_START[atStart]),
    row("keys", renderCounts(session.keys)),
    row("set aside", renderCounts(session.setAside)),
    row("plaintexts kept", String(session.plaintexts)),
    row("events waiting", String(session.outbox)),
    row("sends", renderCounts(session.sends)),
    ...lastSends.map(({ messageIdJson, whatsappId, status, createdAtMs }) =>
      row(
        "",
        `${renderTime(createdAtMs)}  ${status.padEnd(9)}  ${visible(whatsappId)}  message ${
          visible(messageIdJson ?? "?")
        }`,
      )
    ),
  ].join("\n");
}

function renderCounts(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${visible(name)} ${count}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}

function totalOf(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
