import { createHash } from "node:crypto";
import { DEFAULT_CONNECTION_CONFIG, type SignalRepositoryWithLIDStore } from "@whiskeysockets/baileys";
import type { StoredAuthState } from "./auth_state.ts";
import { boundLidMappings } from "../socket/caches.ts";
import { type Effect, SignalKeys } from "./signal_keys.ts";

/** Makes Baileys' Signal repository, as its socket asks for one. */
export type MakeSignalRepository = typeof DEFAULT_CONNECTION_CONFIG.makeSignalRepository;

/** What comes of something that was decrypted. @param plaintext with its padding */
export type OnDecrypted = (ciphertext: Uint8Array, plaintext: Uint8Array) => Promise<Effect>;

/** Something could not be decrypted, in any session: resolves when that is durable. */
export type OnUndecryptable = (ciphertext: Uint8Array) => Promise<void>;

/** It has been decrypted before, longer ago than what is remembered: libsignal's words. */
const USED_UP = /key used already|old counter/i;

/**
 * Baileys' own repository, for links that break and processes that are killed at any moment:
 *
 * - A ratchet is on disk before anything encrypted with it leaves. Baileys writes it down afterwards: what a kill undoes
 *   would be used again for the next message, which the contact's phone could not read.
 * - What comes of a message is on disk together with the ratchet that decrypted it, and so before the server is told that
 *   the message has arrived.
 * - A message turns the ratchet of its own session and of no other.
 * - What has been decrypted once is remembered. A link that breaks before the server was told has it deliver the message
 *   again, with a key that is used up: Baileys would ask the contact's phone for another copy, or drop it.
 */
export function durableSignalRepository(
  auth: StoredAuthState,
  onDecrypted: OnDecrypted,
  onUndecryptable: OnUndecryptable,
): MakeSignalRepository {
  return ({ creds }, ...rest) => {
    const keys = new SignalKeys(auth);
    const repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ creds, keys: keys.store }, ...rest);
    askForEverybody(repository.lidMapping);
    boundLidMappings(repository.lidMapping);

    const decryptedOnce = async (ciphertext: Uint8Array, decrypt: () => Promise<Uint8Array>) => {
      const hash = createHash("sha256").update(ciphertext).digest();
      const known = await auth.plaintextOf(hash);
      if (known !== undefined) return known;
      const plaintext = await decrypt().catch(async (error: Error) => {
        // Before Baileys asks for it again and tells the server that it has come.
        if (!USED_UP.test(error.message)) await onUndecryptable(ciphertext);
        throw error;
      });
      keys.add({ statements: auth.remembering(hash, plaintext) });
      keys.add(await onDecrypted(ciphertext, plaintext));
      return plaintext;
    };
    const alone = <A extends unknown[], T>(operation: (...args: A) => Promise<T>) => (...args: A) =>
      keys.alone(() => operation(...args));
    return {
      ...repository,
      decryptMessage: alone((options) =>
        decryptedOnce(options.ciphertext, () => {
          const decrypt = () => repository.decryptMessage(options);
          // The other kind names its session.
          return options.type === "msg" ? keys.decrypt(decrypt) : decrypt();
        })
      ),
      decryptGroupMessage: alone((options) =>
        decryptedOnce(options.msg, () => repository.decryptGroupMessage(options))
      ),
      encryptMessage: alone(repository.encryptMessage),
      encryptGroupMessage: alone(repository.encryptGroupMessage),
      getSenderKeyDistributionMessage: alone(repository.getSenderKeyDistributionMessage),
      processSenderKeyDistributionMessage: alone(repository.processSenderKeyDistributionMessage),
      injectE2ESession: alone(repository.injectE2ESession),
      // What is kept under another name of a device is found when it is needed: see `SignalKeys`.
      migrateSession: () => Promise.resolve({ migrated: 0, skipped: 0, total: 0 }),
      deleteSession: alone(repository.deleteSession),
      validateSession: alone(repository.validateSession),
      getSessionInfo: alone(repository.getSessionInfo),
    };
  };
}

/**
 * Has Baileys ask for the keys of devices that are known by phone number alone, too: it asks by the LIDs of those it
 * wants to write to, and where the server has told none it would write nothing.
 */
function askForEverybody(mapping: SignalRepositoryWithLIDStore["lidMapping"]): void {
  const lidsOf = mapping.getLIDsForPNs.bind(mapping);
  mapping.getLIDForPN = async (pn) => (await lidsOf([pn]))?.[0]?.lid ?? null;
  mapping.getLIDsForPNs = async (pns) => {
    const found = await lidsOf(pns) ?? [];
    const others = pns.filter((pn) => !found.some((pair) => pair.pn === pn));
    return [...found, ...others.map((pn) => ({ pn, lid: pn }))];
  };
}
