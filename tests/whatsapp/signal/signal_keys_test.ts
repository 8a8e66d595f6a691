import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { loadAuthState } from "../../../src/whatsapp/signal/auth_state.ts";
import { SignalKeys } from "../../../src/whatsapp/signal/signal_keys.ts";

/** Keys over a store in memory, and what of them is on disk. */
async function setUp() {
  const store = makeStore(Database.inMemory(), () => 1);
  const auth = await loadAuthState(store.credentials, "6");
  const keys = new SignalKeys(auth);
  return {
    keys,
    auth,
    set: async (id: string, value: string) => {
      await keys.store.set({ "identity-key": { [id]: Buffer.from(value) } });
    },
    get: async (id: string) => textOf((await keys.store.get("identity-key", [id]))[id]),
    onDisk: async (id: string) => textOf((await auth.keys.get("identity-key", [id]))[id]),
    received: () => store.received.has({ numberId: "6", chat: "chat", whatsappId: "A" }),
    effect: {
      statements: store.received.remembering({ numberId: "6", chat: "chat", whatsappId: "A" }),
    },
    [Symbol.dispose]: () => store.close(),
  };
}

const textOf = (key: Uint8Array | undefined) => key && Buffer.from(key).toString();

Deno.test("SignalKeys.alone() makes keys durable together with what comes of them, when it is done", async () => {
  using test = await setUp();
  const order: string[] = [];
  await test.keys.alone(async () => {
    await test.set("a", "1");
    test.keys.add({ ...test.effect, done: () => order.push("done") });
    assert.equal(await test.get("a"), "1");
    assert.deepEqual([await test.onDisk("a"), await test.received()], [undefined, false]);
  }).then(() => order.push("resolved"));
  assert.deepEqual([await test.onDisk("a"), await test.received()], ["1", true]);
  assert.deepEqual(order, ["done", "resolved"]);
});

Deno.test("SignalKeys.alone() changes nothing when it fails, and what follows it goes on", async () => {
  using test = await setUp();
  const failed = test.keys.alone(async () => {
    await test.set("a", "1");
    test.keys.add(test.effect);
    throw new Error("Bad MAC");
  });
  const next = test.keys.alone(() => test.set("b", "2"));
  await assert.rejects(failed, /Bad MAC/);
  await next;
  assert.deepEqual([await test.onDisk("a"), await test.onDisk("b")], [undefined, "2"]);
  assert.equal(await test.received(), false);
});

Deno.test("SignalKeys.alone() lets no operation see, or write over, the half of another", async () => {
  using test = await setUp();
  await test.set("counter", "0");
  await Promise.all(Array.from({ length: 20 }, () =>
    test.keys.alone(async () => {
      const counter = Number(await test.get("counter"));
      await Promise.resolve();
      await test.set("counter", String(counter + 1));
    })));
  assert.equal(await test.onDisk("counter"), "20");
});

Deno.test("SignalKeys writes whose LID it is at once, also while an operation waits for it", async () => {
  using test = await setUp();
  await test.keys.alone(async () => {
    await test.keys.store.set({ "lid-mapping": { "221771234567": "1" } });
    assert.deepEqual(await test.auth.keys.get("lid-mapping", ["221771234567"]), { "221771234567": "1" });
  });
});

Deno.test("SignalKeys changes nothing once its socket is over", async () => {
  using test = await setUp();
  const late = test.keys.alone(async () => {
    await test.set("a", "1");
    test.keys.add(test.effect);
    test.auth.seal();
  });
  await assert.rejects(late, /over/);
  assert.deepEqual([await test.onDisk("a"), await test.received()], [undefined, false]);
});

/** Writes that a LID is a number's. */
async function map({ keys }: Awaited<ReturnType<typeof setUp>>): Promise<void> {
  await keys.store.set({ "lid-mapping": { "221": "1000", "1000_reverse": "221" } });
}

Deno.test("SignalKeys finds what it has of a device under its other name, and keeps it under the one in use", async () => {
  using test = await setUp();
  await test.set("221.0", "ratchet");
  assert.equal(await test.get("1000_1.0"), undefined);
  await map(test);
  assert.equal(await test.get("1000_1.0"), "ratchet");
  assert.equal(await test.onDisk("221.0"), "ratchet", "looking changes nothing");
  await assert.rejects(test.keys.alone(async () => {
    await test.get("1000_1.0");
    throw new Error("Bad MAC");
  }));
  assert.deepEqual([await test.onDisk("221.0"), await test.onDisk("1000_1.0")], ["ratchet", undefined]);
  await test.keys.alone(async () => {
    assert.equal(await test.get("1000_1.0"), "ratchet");
    await test.set("1000_1.0", "turned");
  });
  assert.deepEqual([await test.onDisk("221.0"), await test.onDisk("1000_1.0")], [undefined, "turned"]);
});

Deno.test("SignalKeys puts nothing of another name in the place of what is there or was taken away", async () => {
  using test = await setUp();
  await map(test);
  await test.set("221.0", "old");
  await test.set("1000_1.0", "new");
  assert.equal(await test.get("1000_1.0"), "new");
  await test.keys.alone(async () => {
    await test.keys.store.set({ "identity-key": { "1000_1.0": null } });
    assert.equal(await test.get("1000_1.0"), undefined);
  });
});
