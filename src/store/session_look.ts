/** The sessions as they lie on disk, read beside the worker that has them; without a secret and without a lock. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { DATABASE_FILE } from "./damage.ts";
import { readOnly } from "./database_look.ts";
import type { AtStart } from "./session_records.ts";

/** What the disk knows of a number. */
export interface SessionLook {
  /** Digits. */
  readonly numberId: string;
  /** Digits, as the backend asked for it. */
  readonly phoneNumber: string;
  readonly atStart: AtStart;
  /** `unreadable`: it has credentials that make no sense, and were set aside or will be. */
  readonly device: "linked" | "none" | "unreadable";
  /** Of the device, where it is linked. */
  readonly jid: string | null;
  readonly lid: string | null;
  /** How many keys there are, by type. */
  readonly keys: Readonly<Record<string, number>>;
  /** What could not be read and was set aside: how many, by type. */
  readonly setAside: Readonly<Record<string, number>>;
  readonly createdAtMs: number;
}

/** What else the disk knows of one number. */
export interface SessionDetails extends SessionLook {
  /** How many sends are remembered, by status. */
  readonly sends: Readonly<Record<string, number>>;
  /** The latest of them, the newest first. */
  readonly lastSends: readonly LastSend[];
  /** Messages decrypted lately, remembered in case they are delivered again. */
  readonly plaintexts: number;
  /** Events about it that the broker has not confirmed yet. */
  readonly outbox: number;
}

/** A send, without its text and its recipient. */
export interface LastSend {
  /** The backend's id in JSON, null when it gave none. */
  readonly messageIdJson: string | null;
  readonly whatsappId: string;
  readonly status: string;
  readonly createdAtMs: number;
}

const LAST_SENDS = 5;

/**
 * All sessions in `folder`, the oldest first; none where no worker ever ran.
 *
 * @throws whatever SQLite says of a file it cannot read
 */
export function lookAtSessions(folder: string): SessionLook[] {
  if (!existsSync(join(folder, DATABASE_FILE))) return [];
  return readOnly(folder, (sqlite) => atOneMoment(sqlite, () => sessionsIn(sqlite)));
}

/** Everything there is of one number; `undefined` when it has no session. @throws as {@link lookAtSessions} does */
export function lookAtSession(folder: string, numberId: string): SessionDetails | undefined {
  if (!existsSync(join(folder, DATABASE_FILE))) return undefined;
  return readOnly(folder, (sqlite) =>
    atOneMoment(sqlite, () => {
      const session = sessionsIn(sqlite).find((session) => session.numberId === numberId);
      return session && { ...session, ...detailsIn(sqlite, numberId) };
    }));
}

/** The worker may write between two reads. */
function atOneMoment<T>(sqlite: DatabaseSync, read: () => T): T {
  sqlite.exec("BEGIN");
  try {
    return read();
  } finally {
    sqlite.exec("COMMIT");
  }
}

function sessionsIn(sqlite: DatabaseSync): SessionLook[] {
  const keys = countsIn(
    sqlite,
    "SELECT number_id, type, count(*) AS n FROM credential GROUP BY number_id, type",
  );
  // Not there yet where only an older worker ran.
  const setAside = hasTable(sqlite, "credential_set_aside")
    ? countsIn(
      sqlite,
      "SELECT number_id, type, count(*) AS n FROM credential_set_aside GROUP BY number_id, type",
    )
    : new Map();
  const rows = sqlite.prepare(
    `SELECT session.*, credential.value AS creds FROM session LEFT JOIN credential
     ON credential.number_id = session.number_id AND credential.type = 'creds' ORDER BY created_at, session.number_id`,
  ).all();
  return rows.map((row) => {
    const numberId = String(row.number_id);
    const { creds: stored = 0, ...others } = keys.get(numberId) ?? {};
    const aside = setAside.get(numberId) ?? {};
    const me = stored > 0 ? deviceIn(String(row.creds)) : undefined;
    const isUnreadable = me === undefined && (stored > 0 || "creds" in aside);
    return {
      numberId,
      phoneNumber: String(row.phone_number),
      atStart: row.at_start as AtStart,
      device: me !== undefined ? "linked" : isUnreadable ? "unreadable" : "none",
      jid: me?.jid ?? null,
      lid: me?.lid ?? null,
      keys: others,
      setAside: aside,
      createdAtMs: Number(row.created_at),
    };
  });
}

function detailsIn(sqlite: DatabaseSync, numberId: string): Omit<SessionDetails, keyof SessionLook> {
  const count = (sql: string) => Number(sqlite.prepare(sql).get(numberId)?.n);
  const sends = sqlite.prepare("SELECT status, count(*) AS n FROM send WHERE number_id = ? GROUP BY status")
    .all(numberId);
  const lastSends = sqlite.prepare(
    `SELECT message_id_json, whatsapp_id, status, created_at FROM send WHERE number_id = ?
     ORDER BY created_at DESC LIMIT ${LAST_SENDS}`,
  ).all(numberId);
  return {
    sends: Object.fromEntries(sends.map(({ status, n }) => [String(status), Number(n)])),
    lastSends: lastSends.map((row) => ({
      messageIdJson: row.message_id_json === null ? null : String(row.message_id_json),
      whatsappId: String(row.whatsapp_id),
      status: String(row.status),
      createdAtMs: Number(row.created_at),
    })),
    plaintexts: hasTable(sqlite, "plaintext")
      ? count("SELECT count(*) AS n FROM plaintext WHERE number_id = ?")
      : 0,
    outbox: count("SELECT count(*) AS n FROM outbox WHERE CAST(body ->> '$.numberId' AS TEXT) = ?"),
  };
}

function countsIn(sqlite: DatabaseSync, sql: string): Map<string, Record<string, number>> {
  const counts = new Map<string, Record<string, number>>();
  for (const { number_id, type, n } of sqlite.prepare(sql).all()) {
    const ofNumber = counts.get(String(number_id)) ?? {};
    counts.set(String(number_id), { ...ofNumber, [String(type)]: Number(n) });
  }
  return counts;
}

function hasTable(sqlite: DatabaseSync, name: string): boolean {
  return sqlite.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?").get(name) !==
    undefined;
}

/** Who a device is, of all its credentials say; `undefined` when they make no sense. */
function deviceIn(creds: string): { jid: string; lid: string | null } | undefined {
  try {
    const { me } = JSON.parse(creds);
    return typeof me?.id === "string"
      ? { jid: me.id, lid: typeof me.lid === "string" ? me.lid : null }
      : undefined;
  } catch {
    // The message of such an error quotes what was read.
    return undefined;
  }
}
