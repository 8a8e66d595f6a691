import type { SignalDataTypeMap } from "@whiskeysockets/baileys";

type KeyType = keyof SignalDataTypeMap;

/**
 * What is asked for with every message, and what nobody changes in place once it was read. Baileys does that with its
 * lists, which must not seem to be written down when they are not.
 */
const CACHED: ReadonlySet<KeyType> = new Set<KeyType>(["session", "sender-key", "identity-key"]);
/** As text, of which the values in memory are a small multiple: some sixty contacts. */
const LARGEST_SIZE = 64 * 1024;

/** The keys of one socket that were used last, so that those of a lively chat are not read and parsed with each message. */
export class KeyCache {
  readonly #entries = new Map<string, { readonly value: unknown; readonly size: number }>();
  #size = 0;

  /** The value of a key; `undefined` when it is not known here. */
  get<T extends KeyType>(type: T, id: string): SignalDataTypeMap[T] | undefined {
    const key = keyOf(type, id);
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value as SignalDataTypeMap[T];
  }

  /** Takes over what is on disk, in place of what was used longest ago. @param text its serialised form */
  put(type: KeyType, id: string, value: unknown, text: string | null): void {
    const key = keyOf(type, id);
    this.#remove(key);
    if (text === null || !CACHED.has(type)) return;
    const size = key.length + text.length;
    if (size > LARGEST_SIZE) return;
    this.#entries.set(key, { value, size });
    this.#size += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#size <= LARGEST_SIZE) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    this.#size -= this.#entries.get(key)?.size ?? 0;
    this.#entries.delete(key);
  }
}

const keyOf = (type: KeyType, id: string) => `${type}/${id}`;
