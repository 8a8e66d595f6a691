import { strict as assert } from "node:assert";
import {
  DEFAULT_CONNECTION_CONFIG,
  initAuthCreds,
  type SignalKeyStoreWithTransaction,
} from "@whiskeysockets/baileys";
import pino from "pino";
import { BoundedCache, boundLidMappings } from "../../../src/whatsapp/socket/caches.ts";
import { baileysLogger } from "../../../src/whatsapp/socket/baileys_logger.ts";
import { MemoryAuth } from "../../stand_in/memory_auth.ts";

Deno.test("BoundedCache keeps the newest, and no more than it may", () => {
  const cache = new BoundedCache({ maxEntries: 2, lifetimeMs: 1_000 });
  cache.set("a", 1);
  cache.set("b", 2);
  cache.set("a", 3);
  cache.set("c", 4);
  assert.deepEqual(["a", "b", "c"].map((key) => cache.get(key)), [3, undefined, 4]);
  for (let index = 0; index < 1_000; index++) cache.set(String(index), index);
  assert.equal(cache.size, 2);
});

Deno.test("BoundedCache knows nothing whose time is up, or that was removed", () => {
  let nowMs = 0;
  const cache = new BoundedCache({ maxEntries: 10, lifetimeMs: 1_000, now: () => nowMs });
  cache.set("a", 1);
  nowMs = 999;
  assert.equal(cache.get("a"), 1);
  nowMs = 1_000;
  assert.equal(cache.get("a"), undefined);
  cache.set("a", 2);
  cache.del("a");
  assert.equal(cache.get("a"), undefined);
});

Deno.test("boundLidMappings() forgets the LIDs that were not asked for lately, and finds them in the store", async () => {
  const { keys } = new MemoryAuth();
  const asked: string[] = [];
  const store = {
    ...keys,
    get: (type: string, ids: string[]) => {
      asked.push(...ids);
      return keys.get(type as "lid-mapping", ids);
    },
    isInTransaction: () => false,
    transaction: <T>(work: () => Promise<T>) => work(),
  } as SignalKeyStoreWithTransaction;
  const { lidMapping } = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
    { creds: initAuthCreds(), keys: store },
    baileysLogger(pino({ level: "silent" })),
  );
  boundLidMappings(lidMapping);
  const pair = (index: number) => ({ pn: `22177${index}@s.whatsapp.net`, lid: `1000${index}@lid` });
  const count = 3_000;
  for (let index = 0; index < count; index++) await lidMapping.storeLIDPNMappings([pair(index)]);
  asked.length = 0;
  const last = pair(count - 1);
  assert.equal(await lidMapping.getLIDForPN(last.pn), last.lid);
  assert.deepEqual(asked, []);
  assert.equal(await lidMapping.getLIDForPN(pair(0).pn), pair(0).lid);
  assert.deepEqual(asked, ["221770"]);
});
