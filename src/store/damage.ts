/** A database that is damaged: how it is found before anything may write to it, and how it is kept. */
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { schemaFaults } from "./schema.ts";
import { blameOf, StoreError } from "./store_error.ts";
import { walFault } from "./write_ahead_log.ts";

/** The name of the database inside `SESSION_DIR`. */
export const DATABASE_FILE = "worker.db";
/** What SQLite keeps beside it. */
const SUFFIXES = ["", "-wal", "-shm"] as const;
const SET_ASIDE = `${DATABASE_FILE}.damaged-`;

/** What is wrong with the files of the database in `folder`, which nobody has open; empty when there are none. */
export function damageOf(folder: string): string[] {
  const fault = fileFaultIn(folder);
  if (fault !== undefined) return [fault];
  const path = join(folder, DATABASE_FILE);
  if (sizeOf(path) === undefined) return [];
  const sqlite = new DatabaseSync(path, { readOnly: true });
  try {
    return faultsIn(sqlite);
  } catch (error) {
    if (blameOf(error) !== "damage") throw error;
    return [error instanceof Error ? error.message : String(error)];
  } finally {
    sqlite.close();
  }
}

/** What SQLite would not even notice, and lose data over. */
export function fileFaultIn(folder: string): string | undefined {
  const path = join(folder, DATABASE_FILE);
  const size = sizeOf(path);
  const wal = contentOf(`${path}-wal`);
  if (size === undefined) return wal.length === 0 ? undefined : "the file is gone, its log is there";
  // SQLite would take it for a new one, and throw its log away. This worker never leaves one that is not whole.
  if (size === 0) return "the file is empty";
  return walFault(wal, contentOf(`${path}-shm`));
}

/** What `PRAGMA quick_check` says, and whether the schema is the one it should be. */
export function faultsIn(sqlite: DatabaseSync): string[] {
  const faults = sqlite.prepare("PRAGMA quick_check(5)").all()
    .map((row) => String(row.quick_check))
    .filter((line) => line !== "ok");
  return faults.length > 0 ? faults : schemaFaults(sqlite);
}

/** Moves a damaged database out of the way, whole, so that nothing writes to it. @returns its new path */
export function setAside(folder: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, "");
  const place = join(folder, `${SET_ASIDE}${stamp}`);
  moveTo(folder, place);
  return place;
}

/** A log that is left where a backup is to be restored would be written into that one. */
export function finishSettingAside(folder: string): void {
  const place = findSetAside(folder).at(-1);
  if (place !== undefined) moveTo(folder, join(folder, place));
}

function moveTo(folder: string, place: string): void {
  for (const suffix of SUFFIXES) {
    try {
      Deno.renameSync(join(folder, DATABASE_FILE + suffix), place + suffix);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

/** The names of the damaged databases that were set aside in `folder`, oldest first. */
export function findSetAside(folder: string): string[] {
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) =>
      name.startsWith(SET_ASIDE)
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  return [...new Set(names.map((name) => name.replace(/-(?:wal|shm)$/, "")))].sort();
}

/** Whether a database was set aside and nothing has been put in its place: then nobody starts over silently. */
export function isMissedIn(folder: string): boolean {
  return sizeOf(join(folder, DATABASE_FILE)) === undefined && findSetAside(folder).length > 0;
}

/** What a person may do about databases that were set aside in `folder`; the worker does neither by itself. */
export function remedyFor(folder: string): string {
  const database = join(folder, DATABASE_FILE);
  return `With a backup, as the worker's user: install -m 600 BACKUP '${database}'. ` +
    `Without one, every number has to be paired again: mv '${join(folder, SET_ASIDE)}'* /a/safe/place/. ` +
    "It holds the credentials: never delete it";
}

/** Why a damaged database ends the worker. */
export function corrupt(folder: string, detail: string, place?: string): StoreError {
  const kept = place === undefined ? "" : `; it is kept as '${place}'`;
  return new StoreError(
    "state_corrupt",
    `Cannot use the database '${join(folder, DATABASE_FILE)}': it is damaged (${detail})${kept}`,
    remedyFor(folder),
  );
}

function sizeOf(path: string): number | undefined {
  try {
    return Deno.statSync(path).size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function contentOf(path: string): Uint8Array {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}
