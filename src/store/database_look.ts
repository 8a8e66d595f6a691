/** The database as it lies there, read without leaving a trace, also beside the worker that writes it. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { DATABASE_FILE, faultsIn } from "./damage.ts";
import { whileFree } from "./folder_lock.ts";

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
  return readOnly(folder, lookThrough);
}

/**
 * What the worker of `folder` remembers under `keys`; nothing where no worker ever ran.
 *
 * @throws whatever SQLite says of a file it cannot read
 */
export function recallFrom(folder: string, keys: readonly string[]): ReadonlyMap<string, string> {
  const path = join(folder, DATABASE_FILE);
  if (!existsSync(path) || Deno.statSync(path).size === 0) return new Map();
  const sql = "SELECT key, value FROM setting WHERE key IN (SELECT value FROM json_each(?))";
  return readOnly(folder, (sqlite) => {
    const rows = sqlite.prepare(sql).all(JSON.stringify(keys));
    return new Map(rows.map(({ key, value }) => [String(key), String(value)]));
  });
}

/** Reads it as one more reader. Where nobody else had it open, what SQLite leaves beside it is taken away again. */
export function readOnly<T>(folder: string, look: (sqlite: DatabaseSync) => T): T {
  const path = join(folder, DATABASE_FILE);
  const traces = [`${path}-wal`, `${path}-shm`];
  const wereThere = traces.some((trace) => existsSync(trace));
  // By its path: a URL, which could say that the file does not change, is opened only with every permission there is.
  const sqlite = new DatabaseSync(path, { readOnly: true });
  try {
    return look(sqlite);
  } finally {
    sqlite.close();
    if (!wereThere) whileFree(folder, () => traces.forEach((trace) => rmSync(trace, { force: true })));
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
