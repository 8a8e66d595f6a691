import { strict as assert } from "node:assert";
import { join } from "node:path";
import fc from "fast-check";
import { findSetAside } from "../../src/store/damage.ts";
import { Database, DATABASE_FILE, isFolderLocked, StoreError } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";

/** How many rows of each kind {@link leaveState} writes. */
const ROWS = 120;
const FILES = [DATABASE_FILE, `${DATABASE_FILE}-wal`, `${DATABASE_FILE}-shm`];

class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "damage-test-" });
  readonly file = join(this.path, DATABASE_FILE);

  /** What is in it, but for the lock, and what SQLite makes anew whenever it looks: the log's index, an empty log. */
  contents(): Map<string, Uint8Array> {
    const names = [...Deno.readDirSync(this.path)].map(({ name }) => name)
      .filter((name) => name !== "worker.lock" && !name.endsWith("-shm")).sort();
    return new Map(
      names.map((name) => [name, Deno.readFileSync(join(this.path, name))] as const)
        .filter(([name, { length }]) => length > 0 || !name.endsWith("-wal")),
    );
  }

  write(files: ReadonlyMap<string, Uint8Array>): void {
    for (const [name, bytes] of files) Deno.writeFileSync(join(this.path, name), bytes);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** The files of a worker that was killed, or stopped: sessions, credentials, sends and events, all {@link ROWS} of them. */
async function leaveState(killed: boolean): Promise<Map<string, Uint8Array>> {
  using folder = new Folder();
  const database = await Database.open(folder.path);
  const store = makeStore(database, () => 1_000);
  for (let row = 0; row < ROWS; row++) {
    // The older half is in the database, the other one in its log alone.
    if (row === ROWS / 2) await database.select("PRAGMA wal_checkpoint(TRUNCATE)");
    const numberId = String(1_000 + row);
    await store.sessions.save({
      numberId,
      numberIdJson: numberId,
      phoneNumber: "221771234567",
      atStart: "open",
    });
    await store.credentials.write(numberId, [{ type: "creds", id: "creds", value: "k".repeat(2_000) }]);
    await store.commit([
      ...store.outbox.adding({ queue: "events", messageId: `m${row}`, type: "connected", body: "{}" }),
      ...store.received.remembering({ numberId, chat: "a@s.whatsapp.net", whatsappId: `3EB0${row}` }),
    ]);
  }
  if (!killed) database.close();
  const files = new Map(FILES.flatMap((name) => {
    try {
      return [[name, Deno.readFileSync(join(folder.path, name))] as const];
    } catch {
      return [];
    }
  }));
  if (killed) database.close();
  return files;
}

async function counts(folder: string): Promise<number[]> {
  const database = await Database.open(folder);
  try {
    const tables = ["session", "credential", "outbox", "received"];
    return await Promise.all(
      tables.map(async (table) =>
        Number((await database.selectOne(`SELECT count(*) AS n FROM ${table}`))?.n)
      ),
    );
  } finally {
    database.close();
  }
}

async function refusal(folder: string): Promise<StoreError> {
  const outcome = await Database.open(folder).then((database) => database.close(), (error) => error);
  assert.ok(outcome instanceof StoreError, `refused: ${outcome}`);
  return outcome;
}

const KILLED = await leaveState(true);
const STOPPED = await leaveState(false);

Deno.test("open() sets a damaged database aside, whole, and goes on refusing until a person has decided", async () => {
  for (const files of [KILLED, STOPPED]) {
    using folder = new Folder();
    folder.write(files);
    const bytes = Uint8Array.from(files.get(DATABASE_FILE)!);
    bytes.fill(0xff, 4096, 3 * 4096);
    Deno.writeFileSync(folder.file, bytes);
    const before = folder.contents();

    const first = await refusal(folder.path);
    assert.equal(first.code, "state_corrupt");
    const [place] = findSetAside(folder.path);
    assert.ok(place !== undefined && first.message.includes(join(folder.path, place)), first.message);
    assert.match(place, /^worker\.db\.damaged-\d{8}T\d{6}Z$/);
    const moved = new Map([...before].map(([name, bytes]) => [name.replace(DATABASE_FILE, place), bytes]));
    assert.deepEqual([...folder.contents()], [...moved]);

    for (let start = 0; start < 2; start++) {
      const again = await refusal(folder.path);
      assert.equal(again.code, "state_corrupt");
      assert.ok(again.message.includes(place), again.message);
      assert.ok(again.remedy.includes(`install -m 600 BACKUP '${folder.file}'`), again.remedy);
      assert.ok(again.remedy.includes("never delete it"), again.remedy);
      assert.equal(await isFolderLocked(folder.path), false);
    }
    assert.deepEqual([...folder.contents()], [...moved]);

    // A backup is restored: it is used, and the damaged one stays.
    folder.write(STOPPED);
    assert.deepEqual(await counts(folder.path), [ROWS, ROWS, ROWS, ROWS]);
    assert.ok(folder.contents().has(place));
  }
});

Deno.test("open() begins anew once the damaged database was moved away", async () => {
  using folder = new Folder();
  Deno.writeFileSync(folder.file, new Uint8Array(5_000).fill(7));
  await refusal(folder.path);
  for (const name of folder.contents().keys()) Deno.removeSync(join(folder.path, name));
  assert.deepEqual(await counts(folder.path), [0, 0, 0, 0]);
});

Deno.test("open() takes no empty file for a new database, and no log for nothing", async () => {
  const wal = KILLED.get(`${DATABASE_FILE}-wal`)!;
  const states: Record<string, Map<string, Uint8Array>> = {
    "an empty file": new Map([[DATABASE_FILE, new Uint8Array()]]),
    "an empty file beside a log": new Map([[DATABASE_FILE, new Uint8Array()], [`${DATABASE_FILE}-wal`, wal]]),
    "a log alone": new Map([[`${DATABASE_FILE}-wal`, wal]]),
  };
  for (const [state, files] of Object.entries(states)) {
    using folder = new Folder();
    folder.write(files);
    for (let start = 0; start < 2; start++) {
      assert.equal((await refusal(folder.path)).code, "state_corrupt", state);
    }
    assert.equal(
      [...folder.contents().values()].some(({ length }) => length > 0),
      files.size > 1 || state === "a log alone",
    );
  }
});

Deno.test("open() finishes what a kill interrupted: a first start, and setting aside", async () => {
  using first = new Folder();
  Deno.writeFileSync(`${first.file}.new`, new Uint8Array(4096).fill(1));
  Deno.writeFileSync(`${first.file}.new-journal`, new Uint8Array(512).fill(1));
  assert.deepEqual(await counts(first.path), [0, 0, 0, 0]);

  using interrupted = new Folder();
  interrupted.write(KILLED);
  Deno.renameSync(interrupted.file, `${interrupted.file}.damaged-20260101T000000Z`);
  await refusal(interrupted.path);
  // Or it would be taken for the log of the backup that is restored.
  assert.equal(interrupted.contents().has(`${DATABASE_FILE}-wal`), false);
  assert.equal(interrupted.contents().has("worker.db.damaged-20260101T000000Z-wal"), true);
});

Deno.test("open() has everything a killed worker left, also behind a transaction that was torn", async () => {
  const wal = KILLED.get(`${DATABASE_FILE}-wal`)!;
  using whole = new Folder();
  whole.write(KILLED);
  assert.deepEqual(await counts(whole.path), [ROWS, ROWS, ROWS, ROWS]);

  // The machine lost its power as a transaction was written: of its frames some are there, and no index knows of them.
  using torn = new Folder();
  const frame = 24 + 4096;
  const half = new Uint8Array(wal.length + frame);
  half.set(wal);
  half.set(wal.subarray(wal.length - frame, wal.length - frame / 2), wal.length);
  torn.write(new Map([...KILLED, [`${DATABASE_FILE}-wal`, half]]));
  assert.deepEqual(await counts(torn.path), [ROWS, ROWS, ROWS, ROWS]);
});

/** One kind of damage to one file. */
type Harm = (bytes: Uint8Array, at: number, noise: number) => Uint8Array;

const HARMS: Record<string, Harm> = {
  "a bit flipped": (bytes, at) => bytes.with(at, bytes[at]! ^ 0x10),
  "a sector of noise": (bytes, at, noise) =>
    bytes.map((byte, index) => index >> 9 === at >> 9 ? (byte + index * noise) & 0xff : byte),
  "a page of zeroes": (bytes, at) => Uint8Array.from(bytes).fill(0, at & ~4095, (at & ~4095) + 4096),
  "cut": (bytes, at) => bytes.slice(0, Math.max(33, at)),
};

Deno.test("open() never loses a row of a damaged database: it has them all, or refuses and keeps every byte", async () => {
  const outcomes = { sound: 0, refused: 0 };
  const property = fc.asyncProperty(
    fc.boolean(),
    fc.constantFrom(...Object.keys(HARMS)),
    fc.nat(1_000_000),
    fc.nat(10),
    fc.nat(255),
    async (killed, kind, place, which, noise) => {
      const files = killed ? KILLED : STOPPED;
      using folder = new Folder();
      const inLog = killed && which > 4;
      const name = inLog ? `${DATABASE_FILE}-wal` : DATABASE_FILE;
      const bytes = files.get(name)!;
      const at = Math.floor(place / 1_000_001 * bytes.length);
      folder.write(new Map([...files, [name, HARMS[kind]!(bytes, at, noise)]]));
      const before = folder.contents();
      let found: number[];
      try {
        found = await counts(folder.path);
      } catch (error) {
        assert.ok(error instanceof StoreError, `${kind} at ${at} of ${name}: ${error}`);
        outcomes.refused++;
        const kept = [...folder.contents().values()].map(({ length }) => length).sort();
        assert.deepEqual(kept, [...before.values()].map(({ length }) => length).sort());
        return;
      }
      outcomes.sound++;
      assert.deepEqual(found, [ROWS, ROWS, ROWS, ROWS], `${kind} at ${at} of ${name}`);
    },
  );
  await fc.assert(property, { numRuns: 150, endOnFailure: true });
  assert.ok(outcomes.sound > 0 && outcomes.refused > 30, JSON.stringify(outcomes));
});

Deno.test("a database that turns out to be damaged while it is used refuses everything from then on, and says so", async () => {
  using folder = new Folder();
  folder.write(STOPPED);
  const database = await Database.open(folder.path);
  const told: StoreError[] = [];
  database.room.watch({ damaged: (damage) => told.push(damage) });
  const { size } = Deno.statSync(folder.file);
  const file = Deno.openSync(folder.file, { write: true });
  for (let page = 1; page < size / 4096; page++) {
    file.seekSync(page * 4096, Deno.SeekMode.Start);
    file.writeSync(new Uint8Array(4096).fill(0xff));
  }
  file.close();
  const store = makeStore(database, () => 1_000);
  const damaged = { name: "StoreError", code: "state_corrupt" };
  await assert.rejects(store.credentials.read("1060", "creds", ["creds"]), damaged);
  await assert.rejects(store.outbox.remove([1]), damaged);
  await assert.rejects(store.sessions.all(), damaged);
  assert.equal(told.length, 1);
  database.close();
});
