import { join } from "node:path";
import { DatabaseSync, type SQLInputValue, type StatementSync } from "node:sqlite";
import { MIGRATIONS } from "./migrations.ts";

/** One write, to be committed together with others; made by the modules of `store/`, run by {@link Database.commit}. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SQLInputValue[];
}

/** A row as SQLite gives it; the modules of `store/` turn it into their own types. */
export type Row = Record<string, unknown>;

/** Why a state folder cannot be used. Ends the program at start with exit code 73. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(
    readonly code: "state_unusable" | "state_locked" | "state_corrupt" | "state_from_newer_version",
    message: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The name of the database inside `SESSION_DIR`. */
export const DATABASE_FILE = "worker.db";
const LOCK_FILE = "worker.lock";

/**
 * The state of one worker: a SQLite file whose writes are durable (`synchronous=FULL`) when {@link commit} resolves.
 * Methods are asynchronous although SQLite is not, so that callers hold for a store across a network as well.
 */
export class Database {
  readonly #sqlite: DatabaseSync;
  readonly #lock: Deno.FsFile | undefined;
  readonly #prepared = new Map<string, StatementSync>();

  private constructor(sqlite: DatabaseSync, lock?: Deno.FsFile) {
    this.#sqlite = sqlite;
    this.#lock = lock;
  }

  /**
   * Opens (and creates, and migrates) the state in `folder`, for this process alone.
   *
   * @throws {StoreError} when the folder cannot be written, another process holds it, or the file is damaged.
   */
  static async open(folder: string): Promise<Database> {
    const lock = await lockFolder(folder);
    try {
      await lookFirst(folder);
      const sqlite = new DatabaseSync(join(folder, DATABASE_FILE));
      try {
        prepare(sqlite, folder);
      } catch (error) {
        sqlite.close();
        throw error;
      }
      return new Database(sqlite, lock);
    } catch (error) {
      lock.close();
      throw asStoreError(error, folder);
    }
  }

  /** A database in memory, for tests of what is built on it. */
  static inMemory(): Database {
    const sqlite = new DatabaseSync(":memory:");
    migrate(sqlite);
    return new Database(sqlite);
  }

  /**
   * Runs `statements` in one transaction. Resolved: all of them are on disk. Rejected: none is.
   *
   * @throws {StoreError} when the disk is at fault: full, read-only, failing
   */
  // deno-lint-ignore require-await -- the interface is asynchronous so that a store across a network fits it
  async commit(statements: readonly Statement[]): Promise<void> {
    if (statements.length === 0) return;
    // Prepared and not by `exec()`, whose errors do not say what SQLite's result code was.
    try {
      this.#statement("BEGIN IMMEDIATE").run();
      for (const { sql, parameters } of statements) this.#statement(sql).run(...parameters);
      this.#statement("COMMIT").run();
    } catch (error) {
      // A full disk may have rolled the transaction back already; a second ROLLBACK would hide the cause.
      if (this.#sqlite.isTransaction) this.#statement("ROLLBACK").run();
      throw asDiskError(error);
    }
  }

  /** All rows that `sql` selects. */
  // deno-lint-ignore require-await -- as above
  async select(sql: string, ...parameters: SQLInputValue[]): Promise<Row[]> {
    return this.#statement(sql).all(...parameters) as Row[];
  }

  /** The first row that `sql` selects. */
  async selectOne(sql: string, ...parameters: SQLInputValue[]): Promise<Row | undefined> {
    return (await this.select(sql, ...parameters))[0];
  }

  close(): void {
    this.#sqlite.close();
    this.#lock?.close();
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

/** Whether a running process holds the state in `folder`. */
export async function isFolderLocked(folder: string): Promise<boolean> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(join(folder, LOCK_FILE), { read: true, write: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
  try {
    return !(await file.tryLock(true));
  } finally {
    file.close();
  }
}

/** The kernel frees this lock with the process, so a `kill -9` leaves nothing to clean up. */
async function lockFolder(folder: string): Promise<Deno.FsFile> {
  let file: Deno.FsFile;
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    file = await Deno.open(join(folder, LOCK_FILE), { create: true, write: true, read: true, mode: 0o600 });
  } catch (error) {
    throw asStoreError(error, folder);
  }
  if (!(await file.tryLock(true))) {
    file.close();
    throw new StoreError(
      "state_locked",
      `Cannot use the state in '${folder}': another worker process holds it`,
      "Stop the other process, or give this worker a SESSION_DIR of its own",
    );
  }
  return file;
}

/**
 * Looks at an existing database before anything may write to it: opening one for writing replays and folds in its log,
 * and one that is damaged or newer is to stay exactly as it was found.
 */
async function lookFirst(folder: string): Promise<void> {
  const path = join(folder, DATABASE_FILE);
  // Made here and not by SQLite, so that credentials are never readable to others, not even for a moment.
  const file = await Deno.open(path, { create: true, write: true, mode: 0o600 });
  const { size } = await file.stat();
  file.close();
  if (size === 0) return;
  const sqlite = new DatabaseSync(path, { readOnly: true });
  try {
    const faults = quickCheck(sqlite);
    if (faults.length > 0) throw corrupt(folder, faults.join("; "));
    refuseNewer(userVersion(sqlite), folder);
  } finally {
    sqlite.close();
  }
}

function prepare(sqlite: DatabaseSync, folder: string): void {
  sqlite.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=5000");
  migrate(sqlite);
  // Restored from a backup they may be anybody's to read.
  for (const suffix of ["", "-wal", "-shm"]) {
    try {
      Deno.chmodSync(join(folder, DATABASE_FILE + suffix), 0o600);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
}

function refuseNewer(version: number, folder: string): void {
  if (version <= MIGRATIONS.length) return;
  throw new StoreError(
    "state_from_newer_version",
    `Cannot use the state in '${folder}': its schema is version ${version}, this worker knows ${MIGRATIONS.length}`,
    "Install the newer worker again, or restore the state folder from before the upgrade",
  );
}

function migrate(sqlite: DatabaseSync): void {
  const version = userVersion(sqlite);
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    sqlite.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version=${index + 1}; COMMIT`);
  }
}

function userVersion(sqlite: DatabaseSync): number {
  return Number(sqlite.prepare("PRAGMA user_version").get()?.user_version ?? 0);
}

function quickCheck(sqlite: DatabaseSync): string[] {
  return sqlite.prepare("PRAGMA quick_check(5)").all()
    .map((row) => String(row.quick_check))
    .filter((line) => line !== "ok");
}

function corrupt(folder: string, detail: string): StoreError {
  return new StoreError(
    "state_corrupt",
    `Cannot use the database '${join(folder, DATABASE_FILE)}': it is damaged (${detail})`,
    "Restore it from a backup, or move it aside and pair every number again; it holds the credentials, so never delete it",
  );
}

function asStoreError(error: unknown, folder: string): unknown {
  if (error instanceof StoreError) return error;
  const detail = error instanceof Error ? error.message : String(error);
  if (/malformed|not a database/i.test(detail)) return corrupt(folder, detail);
  return new StoreError(
    "state_unusable",
    `Cannot use the state folder '${folder}': ${detail}`,
    "Create it, give it to the user the worker runs as, and make room on its disk",
    { cause: error },
  );
}

/** SQLite's result codes for what the disk does, not the statement: BUSY, READONLY, IOERR, CORRUPT, FULL, CANTOPEN. */
const DISK_ERRORS: readonly unknown[] = [5, 8, 10, 11, 13, 14];

function asDiskError(error: unknown): unknown {
  if (!(error instanceof Error) || !("errcode" in error)) return error;
  if (!DISK_ERRORS.includes(Number(error.errcode) & 0xff)) return error;
  return new StoreError(
    "state_unusable",
    `Cannot write the state: ${error.message}`,
    "Make room on the disk of SESSION_DIR, and see whether it is sound",
    { cause: error },
  );
}
