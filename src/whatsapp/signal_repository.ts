import { createHash } from "node:crypto";
import { DEFAULT_CONNECTION_CONFIG, type SignalKeyStoreWithTransaction } from "@whiskeysockets/baileys";
import type { StoredAuthState } from "./auth_state.ts";

/** Makes Baileys' Signal repository, as its socket asks for one. */
export type MakeSignalRepository = typeof DEFAULT_CONNECTION_CONFIG.makeSignalRepository;

/** Where plaintexts are remembered, among the keys they were decrypted with. */
const PLAINTEXT = "plaintext" as const;
/** How many hex digits of a ciphertext's hash name its place: 4096 places, each with the newest plaintext of its own. */
const PLACE_DIGITS = 3;
/** What is longer is the history of a new device, which is not worth keeping twice. */
const LONGEST_PLAINTEXT_BYTES = 64 * 1024;

interface Remembered {
  readonly id: string;
  readonly plaintext: Uint8Array;
}

/**
 * Baileys' own repository, for links that break and processes that are killed at any moment:
 *
 * - A ratchet is on disk before anything encrypted with it leaves. Baileys writes it down afterwards: what a kill undoes
 *   would be used again for the next message, which the contact's phone could not read.
 * - What has been decrypted once is remembered together with the ratchet. A link that breaks before the server was told
 *   has it deliver the message again, with a key that is used up: Baileys would ask the contact's phone for another copy,
 *   or drop it.
 */
export function durableSignalRepository({ keys: stored }: StoredAuthState): MakeSignalRepository {
  return (auth, ...rest) => {
    const keys = auth.keys as SignalKeyStoreWithTransaction;
    let encrypting = 0;
    const durable: SignalKeyStoreWithTransaction = {
      ...keys,
      set: async (data) => {
        const { session, "sender-key": senderKey } = data;
        if (encrypting > 0 && keys.isInTransaction()) {
          await stored.set({ ...(session && { session }), ...(senderKey && { "sender-key": senderKey }) });
        }
        await keys.set(data);
      },
    };
    const repository = DEFAULT_CONNECTION_CONFIG.makeSignalRepository({ ...auth, keys: durable }, ...rest);
    const encrypted = async <T>(encrypt: () => Promise<T>): Promise<T> => {
      encrypting++;
      try {
        return await encrypt();
      } finally {
        encrypting--;
      }
    };
    return {
      ...repository,
      encryptMessage: (options) => encrypted(() => repository.encryptMessage(options)),
      encryptGroupMessage: (options) => encrypted(() => repository.encryptGroupMessage(options)),
      decryptMessage: (options) =>
        decryptedOnce(keys, options.jid, options.ciphertext, () => repository.decryptMessage(options)),
      decryptGroupMessage: (options) =>
        decryptedOnce(keys, options.group, options.msg, () => repository.decryptGroupMessage(options)),
    };
  };
}

/** In one transaction with the ratchet, under the lock that Baileys takes for it: both are written or none is. */
function decryptedOnce(
  keys: SignalKeyStoreWithTransaction,
  lock: string,
  ciphertext: Uint8Array,
  decrypt: () => Promise<Uint8Array>,
): Promise<Uint8Array> {
  const id = createHash("sha256").update(lock).update("\0").update(ciphertext).digest("hex");
  const place = id.slice(0, PLACE_DIGITS);
  // Baileys' types list the kinds of keys it knows; its store takes any.
  const open = keys as unknown as {
    get(type: typeof PLAINTEXT, ids: string[]): Promise<Record<string, Remembered>>;
    set(data: { [PLAINTEXT]: Record<string, Remembered> }): Promise<void>;
  };
  return keys.transaction(async () => {
    const { [place]: known } = await open.get(PLAINTEXT, [place]);
    if (known?.id === id) return known.plaintext;
    const plaintext = await decrypt();
    if (plaintext.length <= LONGEST_PLAINTEXT_BYTES) {
      await open.set({ [PLAINTEXT]: { [place]: { id, plaintext } } });
    }
    return plaintext;
  }, lock);
}
