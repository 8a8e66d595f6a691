import { strict as assert } from "node:assert";
import pino from "pino";
import {
  DEFAULT_CONNECTION_CONFIG,
  encodeWAMessage,
  generateSignalPubKey,
  signedKeyPair,
} from "@whiskeysockets/baileys";
import { Database } from "../../../src/store/database.ts";
import { makeStore } from "../../../src/store/store.ts";
import { loadAuthState } from "../../../src/whatsapp/signal/auth_state.ts";
import { durableSignalRepository } from "../../../src/whatsapp/signal/signal_repository.ts";
import { SignalPeer } from "../../stand_in/signal_peer.ts";

const OWN = "100000000000001@lid";
const FRIEND = "100000000000002@lid";

/** A device over a store in memory, and the bundle others open sessions with. */
async function makeDevice() {
  const store = makeStore(Database.inMemory(), () => 1);
  const auth = await loadAuthState(store.credentials, "6");
  const makeRepository = durableSignalRepository(
    auth,
    () => Promise.resolve({ statements: [] }),
    () => Promise.resolve(),
  );
  const repository = makeRepository(auth as never, pino({ level: "silent" }), () => Promise.resolve([]));
  return { store, auth, repository };
}

/** Opens another session with the friend and writes on it; resolves when the friend has read that. */
async function openAnother({ repository }: Awaited<ReturnType<typeof makeDevice>>, friend: SignalPeer) {
  const { registrationId, identityKey, signedPreKey, preKey } = await friend.bundle();
  await repository.injectE2ESession({
    jid: FRIEND,
    session: {
      registrationId,
      identityKey: generateSignalPubKey(identityKey),
      signedPreKey: { ...signedPreKey, publicKey: generateSignalPubKey(signedPreKey.publicKey) },
      preKey: { ...preKey!, publicKey: generateSignalPubKey(preKey!.publicKey) },
    },
  });
  const { type, ciphertext } = await repository.encryptMessage({
    jid: FRIEND,
    data: encodeWAMessage({ conversation: "hello" }),
  });
  await friend.decrypt(OWN, { type, ciphertext });
}

Deno.test("a message on an older session leaves the newer one readable", async () => {
  const device = await makeDevice();
  using _ = { [Symbol.dispose]: () => device.store.close() };
  const friend = new SignalPeer();
  await openAnother(device, friend);
  const onFirst = await friend.encrypt(OWN, { conversation: "on the first" });
  await openAnother(device, friend);
  const onSecond = await friend.encrypt(OWN, { conversation: "on the second" });
  // The newer session was tried with the first message, in vain.
  for (const { type, ciphertext } of [onFirst, onSecond]) {
    assert.equal(type, "msg");
    const plaintext = await device.repository.decryptMessage({ jid: FRIEND, type, ciphertext });
    assert.match(new TextDecoder().decode(plaintext), /on the (?:first|second)/);
  }
  device.repository.close?.();
  friend.close();
});

Deno.test("libsignal by itself spoils the newer session, or SessionTrials is of no use any more", async () => {
  const friend = new SignalPeer();
  const rows = new Map<string, unknown>();
  const identity = friend.identity;
  const keys = {
    get: (type: string, ids: string[]) =>
      Object.fromEntries(ids.flatMap((id) => rows.has(type + id) ? [[id, rows.get(type + id)]] : [])),
    set: (data: Record<string, Record<string, unknown>>) => {
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values)) rows.set(type + id, value);
      }
    },
    isInTransaction: () => false,
    transaction: <T>(work: () => T) => work(),
  };
  const creds = {
    signedIdentityKey: identity,
    signedPreKey: signedKeyPair(identity, 1),
    registrationId: 1,
  };
  const repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository(
    { creds, keys } as never,
    pino({ level: "silent" }),
    () => Promise.resolve([]),
  );
  const device = { repository } as Awaited<ReturnType<typeof makeDevice>>;
  await openAnother(device, friend);
  const onFirst = await friend.encrypt(OWN, { conversation: "on the first" });
  await openAnother(device, friend);
  const onSecond = await friend.encrypt(OWN, { conversation: "on the second" });
  await repository.decryptMessage({ jid: FRIEND, ...onFirst });
  await assert.rejects(async () => await repository.decryptMessage({ jid: FRIEND, ...onSecond }));
  repository.close?.();
  friend.close();
});
