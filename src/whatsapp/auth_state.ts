import {
  type AuthenticationCreds,
  type AuthenticationState,
  BufferJSON,
  initAuthCreds,
  proto,
  type SignalDataSet,
  type SignalDataTypeMap,
} from "@whiskeysockets/baileys";
import type { CredentialChange, Credentials } from "../store/credentials.ts";
import type { Statement } from "../store/database.ts";

const CREDS = "creds";

/** Credentials are there but make no sense. They are never replaced: that would lose the number. */
export class CredentialsUnreadable extends Error {
  override readonly name = "CredentialsUnreadable";
  readonly code = "credentials_unreadable";
}

/** Baileys' view of one number's credentials. */
export interface StoredAuthState extends AuthenticationState {
  /** Makes the device's identity durable; a device that is not linked yet is not worth keeping. */
  save(): Promise<void>;
  /** Makes changes of keys durable, together with other writes: all or none. */
  commit(keys: SignalDataSet, further: readonly Statement[]): Promise<void>;
  /** What a ciphertext with this hash was decrypted to, if that was lately. */
  plaintextOf(ciphertextHash: Uint8Array): Promise<Uint8Array | undefined>;
  /** The writes that remember what a ciphertext was decrypted to. */
  remembering(ciphertextHash: Uint8Array, plaintext: Uint8Array): Statement[];
  /**
   * Refuses every further change of a key. For a socket that is over: it goes on decrypting what it had been given, cannot
   * tell the server so, and the next socket, which gets the same messages again, would find their keys used up.
   */
  seal(): void;
}

/** Whether the phone has linked this device. `me` alone does not say so: asking for a pairing code sets it. */
export function isLinked(creds: AuthenticationCreds): boolean {
  return creds.account !== undefined && creds.account !== null && creds.me?.id !== undefined;
}

/** Whether the store has credentials of a linked device for a number. */
export async function hasCredentials(credentials: Credentials, numberId: string): Promise<boolean> {
  return (await credentials.read(numberId, CREDS, [CREDS])).size > 0;
}

/**
 * The credentials of a number, or fresh ones when it has none.
 *
 * @throws {CredentialsUnreadable}
 */
export async function loadAuthState(credentials: Credentials, numberId: string): Promise<StoredAuthState> {
  const stored = (await credentials.read(numberId, CREDS, [CREDS])).get(CREDS);
  const creds = stored === undefined ? initAuthCreds() : parseCreds(stored);
  let sealed = false;
  const commit = async (data: SignalDataSet, further: readonly Statement[]) => {
    if (sealed) throw new Error("The socket is over: its keys change no more");
    await credentials.write(numberId, changesOf(data), further);
  };
  return {
    creds,
    keys: {
      get: async <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
        const values: { [id: string]: SignalDataTypeMap[T] } = {};
        for (const [id, text] of await credentials.read(numberId, type, ids)) {
          values[id] = parseKey(type, text);
        }
        return values;
      },
      set: (data) => commit(data, []),
    },
    commit,
    plaintextOf: (hash) => credentials.plaintextOf(numberId, hash),
    remembering: (hash, plaintext) => credentials.remembering(numberId, hash, plaintext),
    seal: () => {
      sealed = true;
    },
    save: async () => {
      if (!isLinked(creds)) return;
      await credentials.write(numberId, [{ type: CREDS, id: CREDS, value: serialise(creds) }]);
    },
  };
}

function changesOf(data: SignalDataSet): CredentialChange[] {
  return Object.entries(data).flatMap(([type, values]) =>
    Object.entries(values ?? {}).map(([id, value]) => ({
      type,
      id,
      value: value === null || value === undefined ? null : serialise(value),
    }))
  );
}

function parseCreds(text: string): AuthenticationCreds {
  try {
    const creds: AuthenticationCreds = JSON.parse(text, BufferJSON.reviver);
    const keys = [
      creds.noiseKey.private,
      creds.signedIdentityKey.private,
      creds.signedPreKey.keyPair.private,
    ];
    if (keys.every((key) => key.length === 32) && isLinked(creds)) return creds;
  } catch (error) {
    throw new CredentialsUnreadable("Cannot read the stored credentials as they are damaged", {
      cause: nameOf(error),
    });
  }
  throw new CredentialsUnreadable("Cannot use the stored credentials as they are incomplete");
}

function parseKey<T extends keyof SignalDataTypeMap>(type: T, text: string): SignalDataTypeMap[T] {
  const value = JSON.parse(text, BufferJSON.reviver);
  return type === "app-state-sync-key" ? proto.Message.AppStateSyncKeyData.fromObject(value) as never : value;
}

function serialise(value: unknown): string {
  return JSON.stringify(value, BufferJSON.replacer);
}

/** A parser's message quotes what it read, which is secret here. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
