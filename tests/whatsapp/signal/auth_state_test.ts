import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import {
  type AuthenticationCreds,
  Curve,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
} from "@whiskeysockets/baileys";
import { Credentials } from "../../../src/store/credentials.ts";
import { Database } from "../../../src/store/database.ts";
import { CredentialsUnreadable, loadAuthState } from "../../../src/whatsapp/signal/auth_state.ts";

type KeyType = keyof SignalDataTypeMap;

const NUMBER = "6";
const bytes = (length: number, fill: number) => Buffer.alloc(length, fill);
const session = {
  _sessions: {
    "BWtleQ==": {
      registrationId: 1,
      currentRatchet: { rootKey: bytes(32, 1).toString("base64"), previousCounter: 0 },
      indexInfo: { baseKey: bytes(33, 2).toString("base64"), closed: -1, used: 1 },
      _chains: {},
    },
  },
  version: "v1",
};
/** One key of every type there is. */
const KEYS: { readonly [T in KeyType]: { readonly [id: string]: SignalDataTypeMap[T] } } = {
  "pre-key": { "7": Curve.generateKeyPair() },
  "session": { "221779999999.0": session as unknown as Uint8Array },
  "sender-key": { "1@g.us::221779999999::0": Buffer.from(JSON.stringify([{ senderKeyId: 1 }])) },
  "sender-key-memory": { "1@g.us": { "221779999999:0@s.whatsapp.net": true } },
  "app-state-sync-key": {
    "AAAA/+8=": proto.Message.AppStateSyncKeyData.fromObject({ keyData: bytes(32, 3), timestamp: 1 }),
  },
  "app-state-sync-version": {
    critical_block: {
      version: 2,
      hash: bytes(128, 4),
      indexValueMap: { "aGk=": { valueMac: bytes(32, 5) } },
    },
  },
  "lid-mapping": { "221779999999": "123456789012345" },
  "device-list": { "221779999999": ["0", "12"] },
  "tctoken": { "123456789012345@lid": { token: bytes(16, 6), timestamp: "1" } },
  "identity-key": { "221779999999.0": bytes(33, 7) },
};
const TYPES = Object.keys(KEYS) as KeyType[];

/** A linked number with every type of key, in memory. */
async function setUp() {
  const database = Database.inMemory();
  const credentials = new Credentials(database);
  const unreadable: string[] = [];
  const open = () => loadAuthState(credentials, NUMBER, (type, id) => void unreadable.push(`${type}/${id}`));
  const auth = await open();
  Object.assign(auth.creds, { account: {}, me: { id: "221771234567:1@s.whatsapp.net" } });
  await auth.save();
  await auth.keys.set(KEYS as unknown as SignalDataSet);
  const rows = async (table: string) => await database.select(`SELECT type, id, value FROM ${table}`);
  return {
    auth,
    credentials,
    unreadable,
    open,
    setAside: () => rows("credential_set_aside"),
    textOf: async (type: string) => {
      const row = await database.selectOne("SELECT value FROM credential WHERE type = ?", type);
      return row && String(row.value);
    },
    write: (type: string, value: string) =>
      database.commit([{ sql: "UPDATE credential SET value = ? WHERE type = ?", parameters: [value, type] }]),
    [Symbol.dispose]: () => database.close(),
  };
}

Deno.test("loadAuthState() reads back one key of every type as it was written", async () => {
  using test = await setUp();
  for (const type of TYPES) {
    const ids = Object.keys(KEYS[type]);
    assert.deepEqual(await test.auth.keys.get(type, ids), KEYS[type], type);
  }
  assert.deepEqual(test.unreadable, []);
});

for (const type of TYPES) {
  Deno.test(`loadAuthState() sets a damaged '${type}' aside once, and goes on without it`, async () => {
    using test = await setUp();
    const [id] = Object.keys(KEYS[type]) as [string];
    for (
      const damage of ["", "{", "null", "7", "[{}]", (await test.textOf(type))!.slice(0, -9)]
    ) {
      await test.auth.keys.set(KEYS as unknown as SignalDataSet);
      await test.write(type, damage);
      test.unreadable.length = 0;
      const kept = (await test.setAside()).length;
      assert.deepEqual(await (await test.open()).keys.get(type, [id]), {}, damage);
      assert.deepEqual(await (await test.open()).keys.get(type, [id]), {});
      assert.deepEqual(test.unreadable, [`${type}/${id}`]);
      assert.deepEqual((await test.setAside()).slice(kept).map((row) => ({ ...row })), [
        { type, id, value: damage },
      ]);
    }
  });

  Deno.test(`loadAuthState() reads '${type}' or sets it aside, whichever byte is another one`, async () => {
    using test = await setUp();
    const [id] = Object.keys(KEYS[type]) as [string];
    const whole = Buffer.from((await test.textOf(type))!);
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at]! ^= 1 << (at % 7);
      await test.auth.keys.set(KEYS as unknown as SignalDataSet);
      await test.write(type, damaged.toString("latin1"));
      const read = await (await test.open()).keys.get(type, [id]);
      assert.equal(id in read, await test.textOf(type) !== undefined, `byte ${at}`);
    }
  });
}

Deno.test("loadAuthState() keeps credentials of which any byte is another one, and never makes new ones", async () => {
  using test = await setUp();
  const whole = (await test.textOf("creds"))!;
  const good = (await test.open()).creds;
  let refused = 0;
  for (let at = 0; at < whole.length; at++) {
    const damaged = Buffer.from(whole);
    damaged[at]! ^= 1 << (at % 7);
    const text = damaged.toString("latin1");
    await test.credentials.write(NUMBER, [{ type: "creds", id: "creds", value: text }]);
    const outcome = await test.open().then(({ creds }) => creds, (error) => error);
    if (!(outcome instanceof Error)) {
      assertSameDevice(outcome, good);
      continue;
    }
    refused++;
    assert(outcome instanceof CredentialsUnreadable, `byte ${at}: ${outcome}`);
    assertQuotesNothing(outcome, whole);
    await assert.rejects(test.open(), CredentialsUnreadable, "and again");
    assert.deepEqual((await test.setAside()).map(({ type, value }) => [type, value]), [["creds", text]]);
    await test.credentials.write(NUMBER, [], test.credentials.forgetting(NUMBER));
  }
  assert(refused > whole.length / 2, `${refused} of ${whole.length} were noticed`);
  assert.notDeepEqual((await test.open()).creds.noiseKey, good.noiseKey, "forgotten on demand");
});

Deno.test("seal() leaves a damaged key where it is", async () => {
  using test = await setUp();
  await test.write("session", "{");
  const auth = await test.open();
  auth.seal();
  assert.deepEqual(await auth.keys.get("session", Object.keys(KEYS.session)), {});
  assert.equal(await test.textOf("session"), "{");
  assert.deepEqual(test.unreadable, []);
});

Deno.test("loadAuthState() reads a key of a lively chat once, and sees every change of it", async () => {
  using test = await setUp();
  const [id] = Object.keys(KEYS.session) as [string];
  const auth = await test.open();
  await auth.keys.get("session", [id]);
  await test.write("session", "{");
  assert.deepEqual(await auth.keys.get("session", [id]), KEYS.session, "not read a second time");
  const changed = { ...session, version: "v2" } as unknown as Uint8Array;
  await auth.keys.set({ session: { [id]: changed } });
  assert.deepEqual(await auth.keys.get("session", [id]), { [id]: changed });
  assert.deepEqual(await (await test.open()).keys.get("session", [id]), { [id]: changed }, "and on disk");
  await auth.keys.set({ session: { [id]: null } });
  assert.deepEqual(await auth.keys.get("session", [id]), {});
});

Deno.test("loadAuthState() does not take what is being replaced for what is there", async () => {
  using test = await setUp();
  const [id] = Object.keys(KEYS.session) as [string];
  const auth = await test.open();
  const changed = { ...session, version: "v2" } as unknown as Uint8Array;
  const reading = held(test.credentials, "read");
  const slow = auth.keys.get("session", [id]);
  await auth.keys.set({ session: { [id]: changed } });
  reading.resolve();
  assert.deepEqual(await slow, KEYS.session);
  assert.deepEqual(await auth.keys.get("session", [id]), { [id]: changed });
});

Deno.test("loadAuthState() does not remember what was replaced while it was being read", async () => {
  using test = await setUp();
  const [id] = Object.keys(KEYS.session) as [string];
  const auth = await test.open();
  const changed = { ...session, version: "v2" } as unknown as Uint8Array;
  const writing = held(test.credentials, "write", { before: true });
  const change = auth.keys.set({ session: { [id]: changed } });
  const reading = held(test.credentials, "read");
  const slow = auth.keys.get("session", [id]);
  writing.resolve();
  await change;
  reading.resolve();
  await slow;
  assert.deepEqual(await auth.keys.get("session", [id]), { [id]: changed });
});

Deno.test("loadAuthState() sets nothing aside that has replaced a damaged key", async () => {
  using test = await setUp();
  const [id] = Object.keys(KEYS.session) as [string];
  await test.write("session", "{");
  const auth = await test.open();
  const reading = held(test.credentials, "read");
  const slow = auth.keys.get("session", [id]);
  await auth.keys.set(KEYS as unknown as SignalDataSet);
  reading.resolve();
  await slow;
  assert.deepEqual(await test.setAside(), []);
  assert.deepEqual(await (await test.open()).keys.get("session", [id]), KEYS.session);
});

Deno.test("loadAuthState() takes a key for changed only when it is on disk", async () => {
  using test = await setUp();
  const [id] = Object.keys(KEYS.session) as [string];
  const auth = await test.open();
  await auth.keys.get("session", [id]);
  const failing = [{ sql: "INSERT INTO nowhere VALUES (1)", parameters: [] }];
  const changed = { ...session, version: "v2" } as unknown as Uint8Array;
  await assert.rejects(auth.commit({ session: { [id]: changed } }, failing));
  assert.deepEqual(await auth.keys.get("session", [id]), KEYS.session);
});

/** Has calls of a method wait, as those of a store across a network do: for its answer, or to be heard at all. */
function held(credentials: Credentials, method: "read" | "write", { before = false } = {}) {
  const waiting = Promise.withResolvers<void>();
  const call = credentials[method].bind(credentials) as (...args: unknown[]) => Promise<unknown>;
  const slow = async (...args: unknown[]) => {
    if (before) await waiting.promise;
    const answer = await call(...args);
    await waiting.promise;
    return answer;
  };
  Object.assign(credentials, { [method]: slow });
  return waiting;
}

/** The keys that make the device what it is for WhatsApp. Some bits of a private key say nothing. */
function assertSameDevice(creds: AuthenticationCreds, good: AuthenticationCreds): void {
  assert.deepEqual(creds.noiseKey.public, good.noiseKey.public);
  assert.deepEqual(creds.signedIdentityKey.public, good.signedIdentityKey.public);
  assert.deepEqual(creds.signedPreKey.keyPair.public, good.signedPreKey.keyPair.public);
}

/** No part of a secret may be told, however short. */
function assertQuotesNothing(error: Error, secret: string): void {
  const told = `${error.stack} ${JSON.stringify(error.cause)}`;
  for (const part of secret.match(/[A-Za-z0-9+/]{24,}/g) ?? []) {
    assert(!told.includes(part.slice(0, 10)), `${told} quotes ${part}`);
  }
}
