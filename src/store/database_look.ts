/** The database as it lies there, read without leaving a trace, also beside the worker that writes it. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { DATABASE_FILE, faultsIn } from "./damage.ts";

/** What a look at the database shows. */
export interface DatabaseLook {
  readonly schemaVersion: number;
  /** Empty when the file is sound. */
  readonly faults: readonly string[];
  readonly sessions: number;
  readonly outboxDepth: number;
}

/**
 * Reads the database in `folder`.
 *
 * @throws whatever SQLite says of a file it cannot read
 */
export function lookAtDatabase(folder: string): DatabaseLook {
  const look = readOnly(folder, isSettled(folder), lookThrough);
  // A worker that starts as an untouchable file is read changes it underneath: what looked torn may be whole.
  return look.faults.length > 0 && !isSettled(folder) ? readOnly(folder, false, lookThrough) : look;
}

/**
 * What the worker of `folder` remembers under `keys`; nothing where no worker ever ran.
 *
 * @throws whatever SQLite says of a file it cannot read
 */
export function recallFrom(folder: string, keys: readonly string[]): ReadonlyMap<string, string> {
  try {
    if (Deno.statSync(join(folder, DATABASE_FILE)).size === 0) return new Map();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Map();
    throw error;
  }
  const sql = "SELECT key, value FROM setting WHERE key IN (SELECT value FROM json_each(?))";
  return readOnly(folder, isSettled(folder), (sqlite) => {
    const rows = sqlite.prepare(sql).all(JSON.stringify(keys));
    return new Map(rows.map(({ key, value }) => [String(key), String(value)]));
  });
}

/** Whether nobody has the database open and nothing is left to be taken over from its log. */
function isSettled(folder: string): boolean {
  try {
    Deno.statSync(join(folder, `${DATABASE_FILE}-wal`));
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return true;
    throw error;
  }
}

/** @param settled read it as a file that cannot change: SQLite would leave a log and an index of it behind otherwise */
function readOnly<T>(folder: string, settled: boolean, look: (sqlite: DatabaseSync) => T): T {
  const url = pathToFileURL(join(folder, DATABASE_FILE));
  if (settled) url.searchParams.set("immutable", "1");
  const sqlite = new DatabaseSync(url, { readOnly: true });
  try {
    return look(sqlite);
  } finally {
    sqlite.close();
  }
}

function lookThrough(sqlite: DatabaseSync): DatabaseLook {
  const first = (sql: string) => Object.values(sqlite.prepare(sql).get() ?? {})[0];
  const schemaVersion = Number(first("PRAGMA user_version"));
  const faults = faultsIn(sqlite);
  const sound = faults.length === 0;
  const count = (table: string) =>
    sound && schemaVersion > 0 ? Number(first(`SELECT count(*) FROM ${table}`)) : 0;
  return {
    schemaVersion,
    faults,
    sessions: count("session"),
    outboxDepth: count("outbox"),
  };
}
