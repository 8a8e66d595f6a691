import { strict as assert } from "node:assert";
import { join } from "node:path";
import { Database } from "../../src/store/database.ts";
import type { MediaRecord } from "../../src/store/media.ts";
import { type MediaFilesOptions, NoRoom } from "../../src/store/media_files.ts";
import { prune } from "../../src/store/retention.ts";
import { makeStore } from "../../src/store/store.ts";

const forever = new AbortController().signal;
const MEBI = 1024 * 1024;
const DAY_MS = 24 * 60 * 60_000;

async function startStore(files: MediaFilesOptions = {}) {
  const folder = await Deno.makeTempDir({ prefix: "media-store-test-" });
  const clock = { now: 0 };
  const database = await Database.open(folder);
  const store = makeStore(database, () => clock.now, files);
  const { media } = store;
  const received = join(folder, "media", "received");
  return {
    store,
    media,
    clock,
    received,
    /** What is on disk. */
    names: () => {
      try {
        return [...Deno.readDirSync(received)].map(({ name }) => name).sort();
      } catch {
        return [];
      }
    },
    add: async (id: string, fields: Partial<MediaRecord> = {}) => {
      await store.commit(media.adding(record(id, fields)));
      return (await media.find(id))!;
    },
    /** A medium that is kept. */
    keep: async (id: string, size = 10) => {
      await store.commit(media.adding(record(id)));
      const file = await media.files.create(id);
      await media.files.write(file, new Uint8Array(size));
      await media.files.sync(file);
      file.close();
      await media.files.keep(id);
      await store.commit(media.settling(id, { status: "STORED", size }));
    },
    [Symbol.asyncDispose]: async () => {
      store.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

const record = (id: string, fields: Partial<MediaRecord> = {}): MediaRecord => ({
  id,
  numberId: "6",
  whatsappId: `3A${id}`,
  chat: "221779999999@s.whatsapp.net",
  fromMe: false,
  about: "{}",
  type: "image",
  mimeType: "image/jpeg",
  directPath: "/v/x",
  mediaKey: new Uint8Array(32),
  ...fields,
});

Deno.test("prune() forgets media by age and by size, the oldest first, and removes their files", async () => {
  await using test = await startStore();
  const { store, media, clock } = test;
  for (let day = 0; day < 9; day++) {
    clock.now = day * DAY_MS;
    await test.keep(`day ${day}`, 100);
  }
  await test.add("pending");
  const limits = { mediaKeepMs: 4 * DAY_MS, mediaKeepBytes: 250 };
  await prune(store, { ...limits, mediaKeepBytes: 10_000 }, 9 * DAY_MS, forever);
  assert.deepEqual(test.names(), ["day 5", "day 6", "day 7", "day 8"]);
  assert.equal(await media.find("day 4"), undefined);
  await prune(store, limits, 9 * DAY_MS, forever);
  assert.deepEqual(test.names(), ["day 7", "day 8"]);
  assert.deepEqual(await media.count(), { pending: 1, bytes: 200 });
});

Deno.test("whatever a kill leaves behind goes: a row without its file, a file without its row", async () => {
  await using test = await startStore();
  const { store, media, clock } = test;
  await test.keep("killed in prune()");
  await media.files.remove("killed in prune()");
  await test.keep("forgotten");
  await store.commit(media.forgetting("6"));
  await test.add("killed in a download");
  (await media.files.create("killed in a download")).close();
  await test.add("killed before its commit");
  (await media.files.create("killed before its commit")).close();
  await media.files.keep("killed before its commit");
  await test.keep("kept");
  await media.sweep();
  assert.deepEqual(test.names(), ["kept", "killed before its commit", "killed in a download.part"]);
  await media.sweep({ atStart: true });
  assert.deepEqual(test.names(), ["kept"]);
  clock.now = 1_000;
  await media.prune(1, forever);
  assert.deepEqual(test.names(), []);
  assert.deepEqual(await media.count(), { pending: 2, bytes: 0 });
});

Deno.test("claim() leaves 64 MiB to everything else", async () => {
  let free = 100 * MEBI;
  await using test = await startStore({ freeBytes: () => Promise.resolve(free) });
  const { files } = test.media;
  await files.claim(36 * MEBI);
  await assert.rejects(files.claim(36 * MEBI + 1), NoRoom);
  free = 64 * MEBI - 1;
  await assert.rejects(files.claim(0), NoRoom);
});

Deno.test("due() gives what is due of the numbers that are connected, and of any what is overdue", async () => {
  await using test = await startStore();
  const { media, clock } = test;
  clock.now = 10;
  await test.add("old", { numberId: "7" });
  clock.now = 100;
  await test.add("first");
  await test.add("second");
  await test.add("other", { numberId: "7" });
  const due = async (overdueBeforeMs: number, exceptIds: string[] = []) =>
    (await media.due({ numberIds: ["6"], overdueBeforeMs, exceptIds, limit: 10 })).map(({ id }) => id);
  assert.deepEqual(await due(0), ["first", "second"]);
  assert.deepEqual(await due(0, ["first"]), ["second"]);
  assert.deepEqual(await due(50), ["old", "first", "second"]);
});

Deno.test("postpone() leaves alone what has a new path since, and hurry() what was tried just now", async () => {
  await using test = await startStore();
  const { media, clock } = test;
  const first = await test.add("a");
  await media.found("a", "/v/new");
  await media.postpone(first, 1_000, { isGone: true });
  const { directPath, attempts } = (await media.find("a"))!;
  assert.deepEqual([directPath, attempts], ["/v/new", 0]);

  await media.postpone((await media.find("a"))!, 1_000, { isGone: true });
  assert.equal((await media.find("a"))!.directPath, undefined);
  const due = async () =>
    (await media.due({ numberIds: ["6"], overdueBeforeMs: 0, exceptIds: [], limit: 1 })).length;
  clock.now = 5;
  await media.hurry("6", 10);
  assert.equal(await due(), 0);
  clock.now = 10;
  assert.equal(await due(), 1);
});

Deno.test("due() gives what a clock that was wrong has put off for years", async () => {
  await using test = await startStore();
  const { media, clock } = test;
  const first = await test.add("a");
  clock.now = 3_650 * DAY_MS;
  await media.postpone(first, clock.now + 1_000);
  clock.now = 1_000;
  assert.equal(
    (await media.due({ numberIds: ["6"], overdueBeforeMs: 0, exceptIds: [], limit: 9 })).length,
    1,
  );
});
