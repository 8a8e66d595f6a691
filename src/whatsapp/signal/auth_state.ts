import {
  type AuthenticationCreds,
  type AuthenticationState,
  BufferJSON,
  initAuthCreds,
  type SignalDataSet,
  type SignalDataTypeMap,
} from "@whiskeysockets/baileys";
import type { CredentialChange, Credentials } from "../../store/credentials.ts";
import type { Statement } from "../../store/database.ts";
import { KeyCache } from "./key_cache.ts";
import { isKeyPair } from "./key_pair.ts";
import { parseKey, serialise } from "./stored_keys.ts";

const CREDS = "creds";
const DAMAGED = "Cannot read the stored credentials as they are damaged";
const SET_ASIDE = "Cannot use the stored credentials as they were found damaged earlier";

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

/** Whether a linked device has ever logged in: its first login makes the prekeys. */
export function hasLoggedIn(creds: AuthenticationCreds): boolean {
  return isLinked(creds) && creds.nextPreKeyId > 1;
}

/** The change that makes `creds` a number's device. */
export function credsChange(creds: AuthenticationCreds): CredentialChange {
  return { type: CREDS, id: CREDS, value: serialise(creds) };
}

/** Called with a key that could not be read and was set aside: it is as if it had never been there. */
export type OnUnreadableKey = (type: keyof SignalDataTypeMap, id: string) => void;

/**
 * The device of a number, `undefined` when it has none. What is stored and cannot be read is set aside, and stays there
 * until the number is forgotten.
 *
 * @throws {CredentialsUnreadable}
 */
export async function loadCreds(
  credentials: Credentials,
  numberId: string,
): Promise<AuthenticationCreds | undefined> {
  const stored = (await credentials.read(numberId, CREDS, [CREDS])).get(CREDS);
  if (stored === undefined) {
    if (await credentials.hasSetAside(numberId, CREDS)) throw new CredentialsUnreadable(SET_ASIDE);
    return undefined;
  }
  try {
    return parseCreds(stored);
  } catch (error) {
    if (error instanceof CredentialsUnreadable) {
      await credentials.setAside(numberId, { type: CREDS, id: CREDS, value: stored });
    }
    throw error;
  }
}

/**
 * The credentials of a number, or fresh ones when it has none.
 *
 * @throws {CredentialsUnreadable}
 */
export async function loadAuthState(
  credentials: Credentials,
  numberId: string,
  onUnreadableKey: OnUnreadableKey = () => {},
): Promise<StoredAuthState> {
  const creds = await loadCreds(credentials, numberId) ?? initAuthCreds();
  const cache = new KeyCache();
  let sealed = false;
  let commits = 0;
  const commit = async (data: SignalDataSet, further: readonly Statement[]) => {
    if (sealed) throw new Error("The socket is over: its keys change no more");
    const changes = changesOf(data);
    await credentials.write(numberId, changes, further);
    commits++;
    for (const { type, id, key, value } of changes) cache.put(type, id, key, value);
  };
  const get = async <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
    const values: { [id: string]: SignalDataTypeMap[T] } = {};
    const unknown: string[] = [];
    for (const id of ids) {
      const value = cache.get(type, id);
      if (value === undefined) unknown.push(id);
      else values[id] = value;
    }
    if (unknown.length === 0) return values;
    const before = commits;
    for (const [id, text] of await credentials.read(numberId, type, unknown)) {
      const value = parseKey(type, text);
      if (value !== undefined) {
        values[id] = value;
        // Not what a commit has replaced since it was read.
        if (commits === before) cache.put(type, id, value, text);
      } else if (!sealed) {
        await credentials.setAside(numberId, { type, id, value: text });
        onUnreadableKey(type, id);
      }
    }
    return values;
  };
  return {
    creds,
    keys: { get, set: (data) => commit(data, []) },
    commit,
    plaintextOf: (hash) => credentials.plaintextOf(numberId, hash),
    remembering: (hash, plaintext) => credentials.remembering(numberId, hash, plaintext),
    seal: () => {
      sealed = true;
    },
    save: async () => {
      if (isLinked(creds)) await credentials.write(numberId, [credsChange(creds)]);
    },
  };
}

/** A key as it is used, and as it is stored; `null` when it is removed. */
interface KeyChange extends CredentialChange {
  readonly type: keyof SignalDataTypeMap;
  readonly key: unknown;
}

function changesOf(data: SignalDataSet): KeyChange[] {
  return Object.entries(data).flatMap(([type, keys]) =>
    Object.entries(keys ?? {}).map(([id, key]) => ({
      type: type as keyof SignalDataTypeMap,
      id,
      key,
      value: key === null || key === undefined ? null : serialise(key),
    }))
  );
}

/** Reads the serialised identity of a linked device. @throws {CredentialsUnreadable} */
export function parseCreds(text: string): AuthenticationCreds {
  let creds: AuthenticationCreds;
  try {
    creds = JSON.parse(text, BufferJSON.reviver);
    const pairs = [creds.noiseKey, creds.signedIdentityKey, creds.signedPreKey.keyPair];
    if (pairs.every(isKeyPair) && isLinked(creds)) return creds;
  } catch (error) {
    throw new CredentialsUnreadable(DAMAGED, { cause: nameOf(error) });
  }
  throw new CredentialsUnreadable("Cannot use the stored credentials as they are incomplete");
}

/** A parser's message quotes what it read, which is secret here. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown";
}
