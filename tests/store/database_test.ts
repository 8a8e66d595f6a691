import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Database, DATABASE_FILE, isFolderLocked, StoreError } from "../../src/store/database.ts";
import { lookAtDatabase } from "../../src/store/database_look.ts";
import { MIGRATIONS } from "../../src/store/migrations.ts";

class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "store-test-" });
  readonly file = join(this.path, DATABASE_FILE);

  /** The database and its log, with their bytes. */
  contents(): Record<string, Uint8Array> {
    const names = [...Deno.readDirSync(this.path)].map(({ name }) => name);
    return Object.fromEntries(
      names.filter((name) => name.startsWith(DATABASE_FILE) && !name.endsWith("-shm")).sort()
        .map((name) => [name, Deno.readFileSync(join(this.path, name))] as const)
        .filter(([, bytes]) => bytes.length > 0),
    );
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

const remember = (key: string) => ({ sql: "INSERT INTO setting VALUES (?, 'x')", parameters: [key] });

async function keys(database: Database): Promise<unknown[]> {
  return (await database.select("SELECT key FROM setting ORDER BY key")).map(({ key }) => key);
}

/** A database that a process was killed over: its last writes are in the log beside it only. */
async function leaveAsAfterKill9(folder: Folder, schemaVersion = MIGRATIONS.length): Promise<void> {
  using original = new Folder();
  const database = await Database.open(original.path);
  await database.select("PRAGMA wal_checkpoint(TRUNCATE)");
  await database.commit([remember("kept")]);
  await database.select(`PRAGMA user_version=${schemaVersion}`);
  for (const name of [DATABASE_FILE, `${DATABASE_FILE}-wal`]) {
    Deno.copyFileSync(join(original.path, name), join(folder.path, name));
  }
  database.close();
}

function refusedWith(code: StoreError["code"]) {
  return (error: unknown) => {
    assert.ok(error instanceof StoreError, String(error));
    assert.equal(error.code, code);
    assert.ok(error.remedy.length > 10);
    return true;
  };
}

Deno.test("open() makes the folder and the newest schema, for its owner's eyes only", async () => {
  using folder = new Folder();
  const path = join(folder.path, "a", "b");
  const database = await Database.open(path);
  await database.commit([remember("k")]);
  assert.equal(lookAtDatabase(path).schemaVersion, MIGRATIONS.length);
  assert.equal(Deno.statSync(path).mode! & 0o777, 0o700);
  for (const { name } of Deno.readDirSync(path)) {
    assert.equal(Deno.statSync(join(path, name)).mode! & 0o077, 0, `${name} is private`);
  }
  database.close();
});

Deno.test("open() brings every older schema up to date and keeps what is in it", async () => {
  for (let version = 1; version < MIGRATIONS.length; version++) {
    using folder = new Folder();
    const old = new DatabaseSync(folder.file);
    for (const sql of MIGRATIONS.slice(0, version)) old.exec(sql);
    old.exec(`PRAGMA user_version=${version}; INSERT INTO setting VALUES ('kept', 'x')`);
    old.close();
    const database = await Database.open(folder.path);
    assert.deepEqual(await keys(database), ["kept"]);
    assert.equal(lookAtDatabase(folder.path).schemaVersion, MIGRATIONS.length);
    database.close();
  }
});

Deno.test("open() refuses a folder that another worker holds, and takes it when that one has gone", async () => {
  using folder = new Folder();
  const first = await Database.open(folder.path);
  assert.equal(await isFolderLocked(folder.path), true);
  await assert.rejects(Database.open(folder.path), refusedWith("state_locked"));
  await first.commit([remember("of the first")]);
  first.close();
  assert.equal(await isFolderLocked(folder.path), false);
  const second = await Database.open(folder.path);
  assert.deepEqual(await keys(second), ["of the first"]);
  second.close();
});

Deno.test("open() finds what was committed before a kill -9", async () => {
  using folder = new Folder();
  await leaveAsAfterKill9(folder);
  const database = await Database.open(folder.path);
  assert.deepEqual(await keys(database), ["kept"]);
  database.close();
});

Deno.test("open() refuses a damaged file and leaves every byte of it as it was", async () => {
  const damages: Record<string, (file: string) => void> = {
    "no database": (file) => Deno.writeTextFileSync(file, "this was a database once ".repeat(400)),
    "a page overwritten": (file) => {
      const bytes = Deno.readFileSync(file);
      bytes.fill(0xff, 5 * 4096, 12 * 4096);
      Deno.writeFileSync(file, bytes);
    },
    "cut short": (file) => Deno.truncateSync(file, 6000),
  };
  for (const [damage, inflict] of Object.entries(damages)) {
    for (const killed of [false, true]) {
      using folder = new Folder();
      await leaveAsAfterKill9(folder);
      if (!killed) (await Database.open(folder.path)).close();
      inflict(folder.file);
      const before = folder.contents();
      await assert.rejects(Database.open(folder.path), refusedWith("state_corrupt"), damage);
      assert.deepEqual(folder.contents(), before, `${damage}: untouched`);
      assert.equal(await isFolderLocked(folder.path), false);
    }
  }
});

Deno.test("open() refuses a schema newer than it knows and does not even fold in its log", async () => {
  using folder = new Folder();
  await leaveAsAfterKill9(folder, MIGRATIONS.length + 1);
  const before = folder.contents();
  await assert.rejects(Database.open(folder.path), refusedWith("state_from_newer_version"));
  assert.deepEqual(folder.contents(), before);
});

Deno.test("open() says what is wrong with a folder that cannot be one", async () => {
  using folder = new Folder();
  const file = join(folder.path, "file");
  Deno.writeTextFileSync(file, "");
  await assert.rejects(Database.open(file), refusedWith("state_unusable"));
  Deno.mkdirSync(folder.file);
  await assert.rejects(Database.open(folder.path), refusedWith("state_unusable"));
});

Deno.test("commit() makes all of its statements durable or none", async () => {
  using folder = new Folder();
  const database = await Database.open(folder.path);
  await database.commit([remember("before")]);
  await assert.rejects(database.commit([remember("half"), remember("before")]), /UNIQUE/);
  await assert.rejects(database.commit([remember("half"), { sql: "INSERT INTO nothing", parameters: [] }]));
  assert.deepEqual(await keys(database), ["before"]);
  await database.commit([remember("after")]);
  database.close();
  const again = await Database.open(folder.path);
  assert.deepEqual(await keys(again), ["after", "before"]);
  again.close();
});

Deno.test("commit() tells a disk at fault from a statement at fault, and goes on when there is room again", async () => {
  const database = Database.inMemory();
  const [page] = await database.select("PRAGMA page_count");
  await database.select(`PRAGMA max_page_count=${page?.page_count}`);
  const large = { sql: "INSERT INTO setting VALUES ('large', ?)", parameters: ["x".repeat(1e6)] };
  await assert.rejects(database.commit([remember("half"), large]), refusedWith("state_unusable"));
  assert.deepEqual(await keys(database), []);
  await database.select("PRAGMA max_page_count=1000000");
  await database.commit([remember("half"), large]);
  assert.deepEqual(await keys(database), ["half", "large"]);
  database.close();
});

Deno.test("commit() takes a transaction that cannot begin or end for a disk at fault, not a statement", async () => {
  using folder = new Folder();
  const database = await Database.open(folder.path);
  await database.select("PRAGMA busy_timeout=0");
  const other = new DatabaseSync(folder.file);
  other.exec("BEGIN IMMEDIATE");
  await assert.rejects(database.commit([remember("late")]), refusedWith("state_unusable"));
  other.exec("ROLLBACK");
  await database.commit([remember("late")]);
  other.close();
  database.close();
});
