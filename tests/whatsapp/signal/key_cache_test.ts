import { strict as assert } from "node:assert";
import { KeyCache } from "../../../src/whatsapp/signal/key_cache.ts";

const KIB = "k".repeat(1024);

Deno.test("KeyCache keeps what was used last, and no more than it may", () => {
  const cache = new KeyCache();
  cache.put("session", "first", 1, KIB);
  for (let index = 0; index < 200; index++) {
    cache.put("session", String(index), index, KIB);
    assert.equal(cache.get("session", "first"), 1, "used all the time");
  }
  const kept = Array.from({ length: 200 }, (_, index) => cache.get("session", String(index)) as unknown)
    .filter((value) => value !== undefined);
  assert(kept.length >= 50 && kept.length < 64, `${kept.length} KiB are kept beside the first`);
  assert.deepEqual(kept, Array.from({ length: kept.length }, (_, index) => 200 - kept.length + index));
});

Deno.test("KeyCache counts a key once, however often it changes", () => {
  const cache = new KeyCache();
  for (let index = 0; index < 1_000; index++) cache.put("session", "a", index, KIB);
  for (let index = 0; index < 50; index++) cache.put("identity-key", String(index), index, KIB);
  assert.equal(cache.get("session", "a"), 999);
});

Deno.test("KeyCache has nothing of what was removed, is too large, or is changed in place", () => {
  const cache = new KeyCache();
  cache.put("session", "a", 1, KIB);
  cache.put("session", "a", null, null);
  cache.put("session", "b", 2, "k".repeat(65 * 1024));
  for (const type of ["sender-key-memory", "device-list", "app-state-sync-version", "pre-key"] as const) {
    cache.put(type, "a", 3, KIB);
    assert.equal(cache.get(type, "a"), undefined);
  }
  assert.deepEqual([cache.get("session", "a"), cache.get("session", "b")], [undefined, undefined]);
});
