import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setTimeout as delay } from "node:timers/promises";
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

Deno.test("open() waits for somebody who only asks whether the folder is held", async () => {
  using folder = new Folder();
  (await Database.open(folder.path)).close();
  const asking = await Deno.open(join(folder.path, "worker.lock"), { read: true, write: true });
  assert.equal(await asking.tryLock(false), true);
  const opening = Database.open(folder.path);
  // Longer than opening takes to come to the lock; on a busier machine this test shows nothing.
  await delay(30);
  asking.close();
  (await opening).close();
});

Deno.test("open() finds what was committed before a kill -9", async () => {
  using folder = new Folder();
  await leaveAsAfterKill9(folder);
  const database = await Database.open(folder.path);
  assert.deepEqual(await keys(database), ["kept"]);
  database.close();
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

Deno.test("commit() waits for a disk that is full, and what comes later waits behind it", async () => {
  const told: string[] = [];
  const database = Database.inMemory();
  database.room.watch({
    failing: ({ code }) => told.push(code),
    recovered: () => told.push("recovered"),
  });
  const [page] = await database.select("PRAGMA page_count");
  await database.select(`PRAGMA max_page_count=${page?.page_count}`);
  const large = { sql: "INSERT INTO setting VALUES ('large', ?)", parameters: ["x".repeat(1e6)] };
  const done: string[] = [];
  const waiting = [
    database.commit([remember("half"), large]).then(() => done.push("large")),
    database.commit([remember("later")]).then(() => done.push("later")),
  ];
  const wrong = assert.rejects(database.commit([{ sql: "INSERT INTO nothing", parameters: [] }]), /nothing/);
  assert.deepEqual(await keys(database), [], "reading goes on");
  await assert.rejects(database.commit([remember("x")], { patient: false }), refusedWith("state_unusable"));
  assert.deepEqual(done, []);
  assert.ok(Number(database.room.failingForMs) >= 0);
  assert.equal(await database.room.writable(AbortSignal.timeout(10)), false);

  const writable = database.room.writable(AbortSignal.timeout(30_000));
  await database.select("PRAGMA max_page_count=1000000");
  await Promise.all([...waiting, wrong]);
  assert.equal(await writable, true);
  assert.deepEqual(done, ["large", "later"]);
  assert.deepEqual(await keys(database), ["half", "large", "later"]);
  assert.equal(database.room.failingForMs, undefined);
  assert.deepEqual(told, ["state_unusable", "recovered"]);
  database.close();
});

Deno.test("commit() refuses what waits when waiting ends, and what the disk does not take after that", async () => {
  const database = Database.inMemory();
  const [page] = await database.select("PRAGMA page_count");
  await database.select(`PRAGMA max_page_count=${page?.page_count}`);
  const large = { sql: "INSERT INTO setting VALUES ('large', ?)", parameters: ["x".repeat(1e6)] };
  const waiting = assert.rejects(database.commit([large]), refusedWith("state_unusable"));
  const writable = database.room.writable(AbortSignal.timeout(30_000));
  database.room.end();
  await waiting;
  await writable;
  await assert.rejects(database.commit([large]), refusedWith("state_unusable"));
  await database.commit([remember("small")]);
  database.close();
});

Deno.test("commit() waits for a transaction of somebody else's to end", async () => {
  using folder = new Folder();
  const database = await Database.open(folder.path);
  await database.select("PRAGMA busy_timeout=0");
  const other = new DatabaseSync(folder.file);
  other.exec("BEGIN IMMEDIATE");
  const late = database.commit([remember("late")]);
  await assert.rejects(database.commit([remember("x")], { patient: false }), refusedWith("state_unusable"));
  other.exec("ROLLBACK");
  await late;
  assert.deepEqual(await keys(database), ["late"]);
  other.close();
  database.close();
});
