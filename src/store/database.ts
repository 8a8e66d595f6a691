import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import {
  corrupt,
  damageOf,
  DATABASE_FILE,
  findSetAside,
  finishSettingAside,
  isMissedIn,
  setAside,
} from "./damage.ts";
import { lockFolder } from "./folder_lock.ts";
import { MIGRATIONS } from "./migrations.ts";
import { Room } from "./room.ts";
import { migrate, schemaVersion } from "./schema.ts";
import { blameOf, StoreError } from "./store_error.ts";

export { DATABASE_FILE } from "./damage.ts";
export { isFolderLocked } from "./folder_lock.ts";
export { StoreError } from "./store_error.ts";

/** One write, to be committed together with others; made by the modules of `store/`, run by {@link Database.commit}. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

/** A row as SQLite gives it; the modules of `store/` turn it into their own types. */
export type Row = Record<string, unknown>;

/** How a write is to be made. */
export interface CommitOptions {
  /** Wait for a disk that takes nothing. @default true */
  readonly patient?: boolean;
}

/** Options of {@link Database.open}. */
export interface DatabaseOptions {
  /** Names what is set aside. @default Date.now */
  readonly now?: () => number;
}

/** A log that one large transaction has made longer than this is cut back to it. */
const LONGEST_LOG_BYTES = 64 * 1024 * 1024;

/**
 * The state of one worker: a SQLite file whose writes are durable (`synchronous=FULL`) when {@link commit} resolves.
 * Methods are asynchronous although SQLite is not, so that callers hold for a store across a network as well.
 *
 * Pages that are freed are used again, and the file stays as large as it ever had to be: giving pages back to the disk
 * (`auto_vacuum`) moves others about for it, only for the next outage to take them again.
 */
export class Database {
  /** Whether there is room to write. */
  readonly room: Room;
  readonly #sqlite: DatabaseSync;
  /** Where it is. */
  readonly folder: string;
  readonly #lock: Deno.FsFile | undefined;
  readonly #prepared = new Map<string, StatementSync>();
  #damage: StoreError | undefined;

  private constructor(sqlite: DatabaseSync, folder: string, lock?: Deno.FsFile) {
    this.#sqlite = sqlite;
    this.folder = folder;
    this.#lock = lock;
    const probe = `PRAGMA user_version=${schemaVersion(sqlite)}`;
    this.room = new Room(() => void this.#run([{ sql: probe, parameters: [] }]));
  }

  /**
   * Opens (and creates, and migrates) the state in `folder`, for this process alone. A damaged database is set aside,
   * and none is made in its place.
   *
   * @throws {StoreError} when the folder cannot be written, another process holds it, or the file is or was damaged.
   */
  static async open(folder: string, { now = Date.now }: DatabaseOptions = {}): Promise<Database> {
    const lock = await lockFolder(folder).catch((error) => {
      throw asStoreError(error, folder);
    });
    try {
      refuseMissed(folder);
      const faults = damageOf(folder);
      if (faults.length > 0) throw corrupt(folder, faults.join("; "), setAside(folder, now()));
      const path = join(folder, DATABASE_FILE);
      if (await exists(path)) refuseNewer(path, folder);
      else await create(path);
      const sqlite = new DatabaseSync(path);
      try {
        prepare(sqlite, folder);
        return new Database(sqlite, folder, lock);
      } catch (error) {
        sqlite.close();
        throw error;
      }
    } catch (error) {
      lock.close();
      throw asStoreError(error, folder);
    }
  }

  /** A database in memory, for tests of what is built on it. */
  static inMemory(): Database {
    const sqlite = new DatabaseSync(":memory:");
    migrate(sqlite);
    return new Database(sqlite, ":memory:");
  }

  /**
   * Runs `statements` in one transaction. Resolved: all of them are on disk. Rejected: none is. While the disk takes
   * nothing (full, read-only, failing) it waits, and all that is committed later waits behind it.
   *
   * @returns how many rows were changed
   * @throws {StoreError} when the database is damaged, or is not waited for any more
   */
  async commit(statements: readonly Statement[], options: CommitOptions = {}): Promise<number> {
    if (statements.length === 0) return 0;
    return await this.room.run(() => this.#run(statements), options);
  }

  /** All rows that `sql` selects. */
  async select(sql: string, ...parameters: SQLInputValue[]): Promise<Row[]> {
    const read = () => this.#judging(() => this.#statement(sql).all(...parameters) as Row[]);
    return await this.room.run(read, { inOrder: false });
  }

  /** The first row that `sql` selects. */
  async selectOne(sql: string, ...parameters: SQLInputValue[]): Promise<Row | undefined> {
    return (await this.select(sql, ...parameters))[0];
  }

  close(): void {
    this.room.end();
    this.#sqlite.close();
    this.#lock?.close();
  }

  #run(statements: readonly Statement[]): number {
    return this.#judging(() => {
      let changes = 0;
      // Prepared and not by `exec()`, whose errors do not say what SQLite's result code was.
      try {
        this.#statement("BEGIN IMMEDIATE").run();
        for (const { sql, parameters } of statements) {
          changes += Number(this.#statement(sql).run(...parameters).changes);
        }
        this.#statement("COMMIT").run();
        return changes;
      } catch (error) {
        // A full disk may have rolled the transaction back already; a second ROLLBACK would hide the cause.
        if (this.#sqlite.isTransaction) this.#statement("ROLLBACK").run();
        throw error;
      }
    });
  }

  /** Does `work`, and turns what it throws into what it means. */
  #judging<T>(work: () => T): T {
    if (this.#damage !== undefined) throw this.#damage;
    try {
      return work();
    } catch (error) {
      switch (blameOf(error)) {
        case "disk":
          throw unusable(error);
        case "damage":
          throw this.#damaged(error);
        default:
          throw error;
      }
    }
  }

  /** What was read from a damaged database must not be written back: nothing is done with it any more. */
  #damaged(error: unknown): StoreError {
    const damage = this.#damage = corrupt(this.folder, messageOf(error));
    this.room.condemn(damage);
    return damage;
  }

  #statement(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.#sqlite.prepare(sql);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

/** However often it is started: a worker that has lost its database does not begin with an empty one. */
function refuseMissed(folder: string): void {
  if (!isMissedIn(folder)) return;
  finishSettingAside(folder);
  throw corrupt(folder, "found earlier", join(folder, findSetAside(folder).at(-1)!));
}

/** Looked at before anything may write to it: a database that is newer is to stay exactly as it was found. */
function refuseNewer(path: string, folder: string): void {
  const sqlite = new DatabaseSync(path, { readOnly: true });
  let version: number;
  try {
    version = schemaVersion(sqlite);
  } finally {
    sqlite.close();
  }
  if (version <= MIGRATIONS.length) return;
  throw new StoreError(
    "state_from_newer_version",
    `Cannot use the state in '${folder}': its schema is version ${version}, this worker knows ${MIGRATIONS.length}`,
    "Install the newer worker again, or restore the state folder from before the upgrade",
  );
}

/** Under another name until it is whole, so that an empty file is never taken for one that is new. */
async function create(path: string): Promise<void> {
  const unfinished = `${path}.new`;
  for (const suffix of ["", "-journal"]) {
    await Deno.remove(unfinished + suffix).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
  // Made here and not by SQLite, so that credentials are never readable to others, not even for a moment.
  (await Deno.open(unfinished, { createNew: true, write: true, mode: 0o600 })).close();
  const sqlite = new DatabaseSync(unfinished);
  try {
    migrate(sqlite);
  } finally {
    sqlite.close();
  }
  await Deno.rename(unfinished, path);
}

function prepare(sqlite: DatabaseSync, folder: string): void {
  sqlite.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000");
  sqlite.exec(`PRAGMA journal_size_limit=${LONGEST_LOG_BYTES}`);
  migrate(sqlite);
  // One that can only be read is to be found out now.
  sqlite.exec(`PRAGMA user_version=${schemaVersion(sqlite)}`);
  // Restored from a backup they may be anybody's to read.
  for (const suffix of ["", "-wal", "-shm"]) {
    try {
      Deno.chmodSync(join(folder, DATABASE_FILE + suffix), 0o600);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function asStoreError(error: unknown, folder: string): unknown {
  if (error instanceof StoreError) return error;
  if (blameOf(error) === "damage") return corrupt(folder, messageOf(error));
  return new StoreError(
    "state_unusable",
    `Cannot use the state folder '${folder}': ${messageOf(error)}`,
    "Create it, give it to the user the worker runs as, and make room on its disk",
    { cause: error },
  );
}

function unusable(error: unknown): StoreError {
  return new StoreError(
    "state_unusable",
    `Cannot write the state: ${messageOf(error)}`,
    "Make room on the disk of SESSION_DIR, and see whether it is sound",
    { cause: error },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
