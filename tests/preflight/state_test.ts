import { strict as assert } from "node:assert";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { Database } from "../../src/store/database.ts";
import { Installation, resultOf, statuses, troubleIn } from "./installation.ts";

const NO_ROOT_NEEDED = { ignore: Deno.build.os !== "linux" };

Deno.test("checkAll() finds a state folder that can be made, and does not make it", async () => {
  await using installation = await Installation.make();
  const before = await installation.files();
  const report = await installation.check();
  assert.match(resultOf(report, "state.folder").findings[0]?.found ?? "", /will be made at the first start/);
  assert.match(resultOf(report, "state.database").findings[0]?.found ?? "", /none yet/);
  assert.match(resultOf(report, "state.holder").findings[0]?.found ?? "", /no worker uses it/);
  assert.match(resultOf(report, "state.disk").findings[0]?.found ?? "", /MiB free/);
  assert.deepEqual(await installation.files(), before);
});

Deno.test("checkAll() warns of media that may take more than the disk has, less what they take already", async () => {
  await using installation = await Installation.make({ MEDIA_KEEP_SIZE: String(2 ** 40) });
  const disk = async () => resultOf(await installation.check({ only: "state.disk" }), "state.disk").findings;
  const [free, media] = await disk();
  assert.equal(free?.status, "ok");
  assert.deepEqual([media?.status, media?.code, media?.facts?.mediaBytes], ["warning", "media_room", 0]);
  assert.match(media?.found ?? "", /^Media received may take 1048576 MiB more .* and only \d+ MiB are free/);

  const folder = join(installation.sessionDir, "media", "received");
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  await Deno.writeFile(join(folder, "one"), new Uint8Array(2000), { mode: 0o600 });
  assert.equal((await disk()).at(-1)?.facts?.mediaBytes, 2000);
  await installation.set({ MEDIA_KEEP_SIZE: "2000" });
  assert.equal((await disk()).length, 1);
});

Deno.test("checkAll() looks at a settled database without leaving a trace", async () => {
  await using installation = await Installation.make();
  (await Database.open(installation.sessionDir)).close();
  const before = await installation.files();
  const report = await installation.check();
  assert.match(
    resultOf(report, "state.database").findings[0]?.found ?? "",
    /^sound, schema \d+; sessions: 0/,
  );
  assert.deepEqual(await installation.files(), before);
});

Deno.test("checkAll() looks at a database beside the process that holds it, and says so", async () => {
  await using installation = await Installation.make();
  const database = await Database.open(installation.sessionDir);
  try {
    const before = await installation.files();
    const report = await installation.check();
    assert.equal(statuses(report)["state.database"], "ok");
    const [holder] = resultOf(report, "state.holder").findings;
    assert.equal(holder?.facts?.held, true);
    assert.deepEqual(await installation.files(), before);
  } finally {
    database.close();
  }
});

Deno.test("checkAll() refuses a file in the place of the state folder, and one on the way to it", async () => {
  await using installation = await Installation.make();
  await Deno.writeTextFile(installation.sessionDir, "a file");
  const inPlace = await installation.check();
  assert.equal(troubleIn(inPlace, "state.folder").code, "not_a_folder");
  assert.equal(inPlace.exitCode, 73);
  assert.equal(statuses(inPlace)["state.database"], "skipped");

  await installation.set({ SESSION_DIR: join(installation.sessionDir, "below") });
  const onTheWay = troubleIn(await installation.check(), "state.folder");
  assert.match(onTheWay.found, new RegExp(`'${installation.sessionDir}' is no folder`));
});

Deno.test({
  name: "checkAll() refuses a folder that cannot be made or written, even by root",
  ...NO_ROOT_NEEDED,
  fn: async () => {
    await using installation = await Installation.make({ SESSION_DIR: "/proc/self/sessions" });
    const report = await installation.check();
    const { code, remedy } = troubleIn(report, "state.folder");
    assert.equal(code, "not_writable");
    assert.match(remedy ?? "", /install -d -m 700/);
    assert.equal(report.exitCode, 73);

    await installation.set({ SESSION_DIR: "/proc/self" });
    assert.equal(troubleIn(await installation.check(), "state.folder").code, "not_writable");
  },
});

Deno.test("checkAll() warns of a state folder and a database that others can open", async () => {
  await using installation = await Installation.make();
  (await Database.open(installation.sessionDir)).close();
  await Deno.chmod(installation.sessionDir, 0o755);
  await Deno.chmod(join(installation.sessionDir, "worker.db"), 0o644);
  const report = await installation.check();
  assert.equal(troubleIn(report, "state.folder").remedy, `chmod 700 '${installation.sessionDir}'`);
  assert.equal(troubleIn(report, "state.database").code, "open_to_others");
});

Deno.test("checkAll() knows a damaged database, whether its head or its body is hit", async () => {
  await using installation = await Installation.make();
  (await Database.open(installation.sessionDir)).close();
  const path = join(installation.sessionDir, "worker.db");
  const sound = await Deno.readFile(path);
  const damage: Record<string, Uint8Array> = {
    head: Uint8Array.from(sound, (byte, at) => at < 100 ? 0x41 : byte),
    body: Uint8Array.from(sound, (byte, at) => at >= 4096 && at < 12_288 ? 0x41 : byte),
    cut: sound.slice(0, 8192),
  };
  for (const [where, bytes] of Object.entries(damage)) {
    await Deno.writeFile(path, bytes);
    const report = await installation.check();
    const { code, remedy } = troubleIn(report, "state.database");
    assert.equal(code, "database_damaged", where);
    assert.match(remedy ?? "", /never delete it/);
    assert.equal(report.exitCode, 73);
    assert.deepEqual(await Deno.readFile(path), bytes, "it is left as it is");
  }
});

Deno.test("checkAll() says what to type while a damaged database is set aside, and warns when one still is", async () => {
  await using installation = await Installation.make();
  const path = join(installation.sessionDir, "worker.db");
  (await Database.open(installation.sessionDir)).close();
  const sound = await Deno.readFile(path);
  await Deno.writeFile(path, sound.slice(0, 8192));
  await assert.rejects(Database.open(installation.sessionDir), { code: "state_corrupt" });
  const missed = await installation.check();
  const { code, found, remedy } = troubleIn(missed, "state.database");
  assert.equal(code, "database_set_aside");
  assert.match(found, /worker\.db\.damaged-\d{8}T\d{6}Z'/);
  assert.ok(remedy?.includes(`install -m 600 BACKUP '${path}'`), String(remedy));
  assert.equal(missed.exitCode, 73);

  await Deno.writeFile(path, sound, { mode: 0o600 });
  const restored = await installation.check();
  assert.equal(troubleIn(restored, "state.database").code, "damaged_database_kept");
  assert.equal(statuses(restored)["state.database"], "warning");
});

Deno.test("checkAll() sees what SQLite would pass over: an empty database, a damaged log", async () => {
  await using installation = await Installation.make();
  await using other = await Installation.make();
  const database = await Database.open(other.sessionDir);
  await database.commit([{ sql: "INSERT INTO setting VALUES ('a', 'x')", parameters: [] }]);
  await database.commit([{ sql: "INSERT INTO setting VALUES ('b', 'x')", parameters: [] }]);
  const files = ["worker.db", "worker.db-wal", "worker.db-shm"];
  await Deno.mkdir(installation.sessionDir, { mode: 0o700 });
  for (const name of files) {
    await Deno.copyFile(join(other.sessionDir, name), join(installation.sessionDir, name));
  }
  database.close();
  assert.equal(statuses(await installation.check())["state.database"], "ok");
  const log = join(installation.sessionDir, "worker.db-wal");
  const bytes = await Deno.readFile(log);
  await Deno.writeFile(log, bytes.with(100, bytes[100]! ^ 1));
  assert.match(
    troubleIn(await installation.check(), "state.database").found,
    /frame 1 of its log is damaged/,
  );
  for (const name of files.slice(1)) await Deno.remove(join(installation.sessionDir, name));
  await Deno.truncate(join(installation.sessionDir, "worker.db"), 0);
  assert.match(troubleIn(await installation.check(), "state.database").found, /the file is empty/);
});

Deno.test("checkAll() refuses a database of a newer worker", async () => {
  await using installation = await Installation.make();
  (await Database.open(installation.sessionDir)).close();
  const sqlite = new DatabaseSync(join(installation.sessionDir, "worker.db"));
  sqlite.exec("PRAGMA user_version=99");
  sqlite.close();
  assert.equal(troubleIn(await installation.check(), "state.database").code, "from_newer_version");
});

Deno.test("checkAll() refuses a folder in the place of the database", async () => {
  await using installation = await Installation.make();
  await Deno.mkdir(join(installation.sessionDir, "worker.db"), { recursive: true, mode: 0o700 });
  await Deno.chmod(installation.sessionDir, 0o700);
  assert.equal(troubleIn(await installation.check(), "state.database").code, "database_unusable");
});

Deno.test("checkAll() leaves nothing beside the database and sees no worker, however many look at once", async () => {
  await using installation = await Installation.make();
  (await Database.open(installation.sessionDir)).close();
  const before = await installation.files();
  const reports = await Promise.all(Array.from({ length: 20 }, () => installation.check({ only: "state" })));
  for (const report of reports) {
    assert.equal(resultOf(report, "state.holder").findings[0]?.facts?.held, false);
  }
  assert.deepEqual(await installation.files(), before);
});
