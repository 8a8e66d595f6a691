import { strict as assert } from "node:assert";
import { join } from "node:path";
import { mountSmallDisk, noSmallDisk } from "../faults/small_disk.ts";
import { StoreError } from "../../src/store/database.ts";
import { credsChange } from "../../src/whatsapp/signal/auth_state.ts";
import { NAME, StateFolder } from "./folders.ts";

/** Root may read everything, unless that right was taken from it. */
const READS_ALL = { ignore: mayReadEverything() };
const NO_DISK = { ignore: noSmallDisk() !== undefined };

Deno.test("adoptAuthFolders() takes over a session and keeps its folder aside", async () => {
  await using state = await StateFolder.make();
  const creds = await state.oldSession();
  await state.adopt();
  assert.deepEqual(await state.number(), {
    identity: creds.signedIdentityKey.public,
    preKeys: 3,
    atStart: "open",
    idJson: "6",
  });
  assert.deepEqual(state.folders(), [`adopted/${NAME}`]);
  assert.equal([...Deno.readDirSync(join(state.path, "adopted", NAME))].length, 4);
  assert.equal(Deno.statSync(join(state.path, "adopted")).mode! & 0o777, 0o700);
  const said = state.log.length;
  await state.adopt();
  assert.deepEqual(state.log.slice(said), [], "and says nothing more of it");
});

Deno.test("adoptAuthFolders() reads the number's id with every digit, and any spelling of the phone number", async () => {
  await using state = await StateFolder.make();
  await state.oldSession("session_7212345678901234567_221771234567");
  await state.oldSession("session_008_+221 77 123 45 68");
  await state.adopt();
  const large = await state.number("7212345678901234567");
  assert.deepEqual([large.atStart, large.idJson], ["open", "7212345678901234567"]);
  assert.deepEqual((await state.number("8")).idJson, "8");
  await state.withStore(async ({ sessions }) => {
    const phones = (await sessions.all()).map(({ phoneNumber }) => phoneNumber);
    assert.deepEqual(phones.sort(), ["221771234567", "221771234568"]);
  });
});

Deno.test("adoptAuthFolders() never overwrites credentials that are there", async () => {
  await using state = await StateFolder.make();
  const own = await state.oldSession();
  await state.adopt();
  await state.oldSession();
  await state.adopt();
  assert.deepEqual((await state.number()).identity, own.signedIdentityKey.public);
  assert.deepEqual(state.folders(), [`adopted/${NAME}`, `not-adopted/${NAME}`]);
  assert.match(state.log.at(-1)!.msg, /has another device; it goes to 'not-adopted'/);
  await state.oldSession();
  await state.adopt();
  assert.deepEqual(state.folders(), [`adopted/${NAME}`, `not-adopted/${NAME}`, `not-adopted/${NAME}.1`]);
});

Deno.test("adoptAuthFolders() does not overwrite credentials that cannot be read either", async () => {
  await using state = await StateFolder.make();
  await state.withStore((store) =>
    store.credentials.write("6", [{ type: "creds", id: "creds", value: "{damaged" }])
  );
  await state.oldSession();
  for (let start = 0; start < 2; start++) {
    await state.adopt();
    assert.deepEqual((await state.number()).identity, undefined);
    await state.withStore(async ({ credentials }) => assert(await credentials.hasSetAside("6", "creds")));
  }
  assert.deepEqual(state.folders(), [`not-adopted/${NAME}`]);
});

Deno.test("adoptAuthFolders() goes on where it was killed before its commit", async () => {
  await using state = await StateFolder.make();
  const creds = await state.oldSession();
  await Deno.rename(join(state.path, NAME), join(state.path, `adopting-${NAME}`));
  await state.adopt();
  assert.deepEqual((await state.number()).identity, creds.signedIdentityKey.public);
  assert.deepEqual(state.folders(), [`adopted/${NAME}`]);
});

Deno.test("adoptAuthFolders() adopts nothing twice when it was killed after its commit", async () => {
  await using state = await StateFolder.make();
  await state.oldSession();
  await state.adopt();
  await Deno.rename(join(state.path, "adopted", NAME), join(state.path, `adopting-${NAME}`));
  await state.withStore(({ credentials, commit }) =>
    commit(credentials.writing("6", [{ type: "pre-key", id: "1", value: null }]))
  );
  await state.adopt();
  assert.equal((await state.number()).preKeys, 2, "a prekey that was used up meanwhile does not come back");
  assert.deepEqual(state.folders(), [`adopted/${NAME}`]);
});

Deno.test("adoptAuthFolders() adopts a folder that cannot be moved aside, and tells nobody that it could not", async () => {
  await using state = await StateFolder.make();
  const creds = await state.oldSession();
  await Deno.writeTextFile(join(state.path, "adopted"), "a file in its place");
  for (let start = 0; start < 2; start++) {
    await state.adopt();
    assert.deepEqual((await state.number()).identity, creds.signedIdentityKey.public);
    assert(state.log.some(({ msg }) => msg.includes("cannot be moved to 'adopted'")));
    assert.deepEqual(await state.errors(), []);
  }
  await Deno.remove(join(state.path, "adopted"));
  await state.adopt();
  assert.deepEqual(state.folders(), [`adopted/${NAME}`]);
});

Deno.test("adoptAuthFolders() adopts the newer of two folders of a number, and keeps the other", async () => {
  await using state = await StateFolder.make();
  await state.oldSession(NAME, { mtime: new Date(1_000) });
  const newer = await state.oldSession("session_6_+221778888888", { mtime: new Date(2_000) });
  await state.oldSession("session_6_+221779999999", { linked: false, mtime: new Date(3_000) });
  await state.adopt();
  assert.deepEqual((await state.number()).identity, newer.signedIdentityKey.public);
  assert.deepEqual(state.folders(), [
    "adopted/session_6_+221778888888",
    `not-adopted/${NAME}`,
    "session_6_+221779999999",
  ]);
});

Deno.test("adoptAuthFolders() leaves a pairing that was given up where it is", async () => {
  await using state = await StateFolder.make();
  await state.oldSession(NAME, { linked: false });
  await Deno.mkdir(join(state.path, "session_7_+221771234568"));
  await state.adopt();
  assert.equal((await state.number()).atStart, undefined);
  assert.deepEqual(state.folders(), [NAME, "session_7_+221771234568"]);
  assert.deepEqual(state.log.map(({ level, msg }) => [level, msg]), [
    [30, "a folder is left alone, as no phone was ever linked with it"],
    [30, "a folder is left alone, as no phone was ever linked with it"],
  ]);
  assert.deepEqual(await state.errors(), []);
});

const DAMAGE: readonly [string, RegExp, (file: string) => Promise<void>][] = [
  ["empty", /it is damaged/, (file) => Deno.writeTextFile(file, "")],
  ["cut short", /it is damaged/, (file) => Deno.truncate(file, 700)],
  ["no object", /it is damaged/, (file) => Deno.writeTextFile(file, "null")],
  ["of another device in part", /it is damaged/, async (file) => {
    const creds = JSON.parse(await Deno.readTextFile(file));
    creds.noiseKey.private.data = btoa("x".repeat(32));
    await Deno.writeTextFile(file, JSON.stringify(creds));
  }],
  ["too large", /it is too large/, (file) => Deno.truncate(file, 33 * 1024 * 1024)],
  ["a link", /it is no regular file/, async (file) => {
    await Deno.rename(file, `${file}.elsewhere`);
    await Deno.symlink(`${file}.elsewhere`, file);
  }],
];

for (const [damage, reason, inflict] of DAMAGE) {
  Deno.test(`adoptAuthFolders() reports a creds.json that is ${damage}, and leaves it`, async () => {
    await using state = await StateFolder.make();
    await state.oldSession();
    const file = join(state.path, NAME, "creds.json");
    const before = await Deno.readTextFile(file);
    await inflict(file);
    const { size } = await Deno.lstat(file);
    await state.adopt();
    assert.deepEqual(await state.number(), { identity: undefined, preKeys: 0, atStart: undefined });
    assert.deepEqual(state.folders(), [NAME]);
    assert.equal((await Deno.lstat(file)).size, size);
    const [error, ...more] = await state.errors();
    assert.deepEqual(more, []);
    assert.equal(error?.code, "credentials_unreadable");
    assert.deepEqual([error.numberId, error.sessionId], [6, NAME]);
    assert.match(String(error.error), reason);
    assert.match(String(error.error), /is kept as it is, for a person to look at$/);

    await Deno.remove(file);
    await Deno.writeTextFile(file, before);
    await state.adopt();
    assert.equal((await state.number()).preKeys, 3, "adopted once a person has mended it");
  });
}

Deno.test("adoptAuthFolders() does without keys that make no sense, and says how many", async () => {
  await using state = await StateFolder.make();
  await state.oldSession();
  const folder = join(state.path, NAME);
  await Deno.writeTextFile(join(folder, "pre-key-2.json"), '{"public":{"type":"Buffer","data":"AQ');
  await Deno.writeTextFile(join(folder, "session-221779999999.0.json"), "7");
  await Deno.mkdir(join(folder, "pre-key-9.json"));
  await Deno.writeTextFile(join(folder, "contacts.json"), "[]");
  await state.adopt();
  assert.equal((await state.number()).preKeys, 2);
  const [adopted, passedOver] = state.log;
  assert.deepEqual([adopted?.keys, adopted?.unreadable, adopted?.others], [2, 3, 1]);
  assert.deepEqual([passedOver?.level, passedOver?.unreadable], [40, 3]);
});

Deno.test({
  ...READS_ALL,
  name: "adoptAuthFolders() leaves a folder of which a key may not be read",
  fn: async () => {
    await using state = await StateFolder.make();
    await state.oldSession();
    await Deno.chmod(join(state.path, NAME, "pre-key-2.json"), 0);
    await state.adopt();
    assert.deepEqual(await state.number(), { identity: undefined, preKeys: 0, atStart: undefined });
    assert.deepEqual(state.folders(), [NAME]);
    assert.equal((await state.errors()).length, 1);
  },
});

Deno.test("adoptAuthFolders() does not report a number that was adopted when its folder cannot be put aside", async () => {
  await using state = await StateFolder.make();
  const creds = await state.oldSession();
  const inTheWay = join(state.path, "adopted");
  await Deno.writeTextFile(inTheWay, "");
  for (const start of ["first", "second"]) {
    await state.adopt();
    assert.deepEqual((await state.number()).identity, creds.signedIdentityKey.public);
    assert.deepEqual(await state.errors(), [], `at the ${start} start`);
    assert.deepEqual(state.folders(), [`adopting-${NAME}`]);
  }
  await Deno.remove(inTheWay);
  await state.adopt();
  assert.deepEqual(state.folders(), [`adopted/${NAME}`]);
});

Deno.test({
  ...READS_ALL,
  name: "adoptAuthFolders() leaves a folder that it may not move elsewhere",
  fn: async () => {
    await using state = await StateFolder.make();
    await state.oldSession();
    await Deno.chmod(join(state.path, NAME), 0o555);
    await state.adopt();
    assert.deepEqual(await state.number(), { identity: undefined, preKeys: 0, atStart: undefined });
    assert.deepEqual(state.folders(), [NAME]);
    assert.match(String((await state.errors())[0]?.error), /\(this user may not write into it\)/);
    await Deno.chmod(join(state.path, NAME), 0o755);
  },
});

Deno.test("adoptAuthFolders() leaves what names no number, and says so where it holds credentials", async () => {
  await using state = await StateFolder.make();
  for (const name of ["session_6_2533b0aa", "session_x_+221771234567", "backup"]) {
    await state.oldSession(name);
  }
  await Deno.mkdir(join(state.path, "photos"));
  await Deno.writeTextFile(join(state.path, "session_9_+221771234569"), "a file");
  await state.oldSession("backup/session_5_+221771234565");
  await Deno.symlink(
    join(state.path, "backup/session_5_+221771234565"),
    join(state.path, "session_5_+221771234565"),
  );
  const before = state.folders();
  await state.adopt();
  assert.deepEqual(state.folders(), before);
  assert.deepEqual(state.log.map(({ level, folder }) => [level, folder]).sort(), [
    [40, "backup"],
    [40, "session_5_+221*******65"],
    [40, "session_6_2533b0aa"],
    [40, "session_x_+221*******67"],
  ]);
});

Deno.test("adoptAuthFolders() takes five thousand keys, and says how far it is", async () => {
  await using state = await StateFolder.make();
  await state.oldSession(NAME, { preKeys: 5_000 });
  await state.adopt();
  assert.equal((await state.number()).preKeys, 20);
  const progress = state.log.filter(({ msg }) => msg === "reading the keys of a folder");
  assert.deepEqual(progress.map(({ done, of }) => [done, of]), [[1024, 5000], [2048, 5000], [3072, 5000], [
    4096,
    5000,
  ]]);
  assert.equal(state.log.at(-1)?.keys, 5_000);
});

Deno.test("adoptAuthFolders() tells the log no secret", async () => {
  await using state = await StateFolder.make();
  const creds = await state.oldSession();
  const { value } = credsChange(creds);
  await state.oldSession("session_7_+221771234568");
  await Deno.truncate(join(state.path, "session_7_+221771234568", "creds.json"), 300);
  await Deno.truncate(join(state.path, NAME, "pre-key-1.json"), 80);
  await state.adopt();
  const said = JSON.stringify([state.log, await state.errors()]);
  for (const secret of value!.match(/[A-Za-z0-9+/]{30,}/g)!) assert(!said.includes(secret.slice(0, 12)));
  assert(!JSON.stringify(state.log).includes("221771234567"));
});

Deno.test({
  ...NO_DISK,
  name: "adoptAuthFolders() adopts nothing on a full disk, and all of it once there is room",
  fn: async () => {
    await using disk = await mountSmallDisk(16);
    await using state = await StateFolder.make(join(disk.path, "sessions"));
    await Deno.mkdir(state.path);
    await state.withStore(() => Promise.resolve());
    await state.oldSession(NAME, { preKeys: 400 });
    await assert.rejects(
      state.adopt(() => disk.fill()),
      (error) => error instanceof StoreError && error.code === "state_unusable",
    );
    assert.deepEqual(state.folders(), [`adopting-${NAME}`]);
    disk.empty();
    await state.adopt();
    assert.equal((await state.number()).preKeys, 20);
    assert.deepEqual(state.folders(), [`adopted/${NAME}`]);
  },
});

function mayReadEverything(): boolean {
  const file = Deno.makeTempFileSync();
  try {
    Deno.chmodSync(file, 0);
    Deno.readFileSync(file);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  } finally {
    Deno.removeSync(file);
  }
}
