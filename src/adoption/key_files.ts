/** The files of an auth folder, as Baileys has written them from 6.6 on: one key each, its name without `/` and `:`. */
import { Buffer } from "node:buffer";
import { BufferJSON, type SignalDataTypeMap } from "@whiskeysockets/baileys";

type KeyType = keyof SignalDataTypeMap;

/** Which key a file holds. */
export interface KeyName {
  readonly type: KeyType;
  readonly id: string;
}

const unchanged = (name: string) => name;

/**
 * What ids of a type were before `/` became `__` and `:` became `-`; `undefined` for what is no id. Most have neither. The
 * longer of two types that begin alike comes first.
 */
const ID_OF: readonly (readonly [KeyType, (name: string) => string | undefined])[] = [
  ["app-state-sync-version", unchanged],
  // Base64, which has neither of the two that stand in for others.
  ["app-state-sync-key", (name) => name.replaceAll("__", "/")],
  ["sender-key-memory", unchanged],
  // `group::user::device`, where a group may have a hyphen of its own.
  ["sender-key", (name) => {
    const [, group, user, device] = /^(.+@[^@]+)--(\d+(?:_\d+)?)--(\d+)$/.exec(name) ?? [];
    return group && `${group}::${user}::${device}`;
  }],
  ["identity-key", unchanged],
  ["lid-mapping", unchanged],
  ["device-list", unchanged],
  ["pre-key", (name) => /^\d+$/.test(name) ? name : undefined],
  ["session", unchanged],
  ["tctoken", unchanged],
];

/** Which key the file of this name holds; `undefined` when it is no key's. */
export function keyNameOf(file: string): KeyName | undefined {
  const [, name] = /^(.+)\.json$/s.exec(file) ?? [];
  for (const [type, idOf] of ID_OF) {
    if (name?.startsWith(`${type}-`) !== true) continue;
    const id = idOf(name.slice(type.length + 1));
    return id ? { type, id } : undefined;
  }
  return undefined;
}

/** Reads what 6.6 and its successors wrote. @throws {SyntaxError} whose message quotes it */
export function reviveText(text: string): unknown {
  return JSON.parse(text, (key, value) => {
    if (!isBytes(value)) return BufferJSON.reviver(key, value);
    const { data = value.value } = value;
    return typeof data === "string" ? Buffer.from(data, "base64") : Buffer.from(data as number[] ?? []);
  });
}

/** The value of a key as this version of Baileys has it. */
export function currentForm({ type }: KeyName, value: unknown): unknown {
  return type === "sender-key" && Array.isArray(value) ? senderKeyRecord(value) : value;
}

/**
 * 6.6 kept the states of a sender key as they are, their bytes in base64, and lost the keys of messages that were passed
 * over: empty objects are left of them.
 */
function senderKeyRecord(states: readonly SenderKeyState[]): Buffer {
  const bytes = (value: unknown) => typeof value === "string" ? Buffer.from(value, "base64") : value;
  const record = states.map((state) => ({
    ...state,
    senderChainKey: { ...state.senderChainKey, seed: bytes(state.senderChainKey.seed) },
    senderSigningKey: {
      public: bytes(state.senderSigningKey.public),
      private: bytes(state.senderSigningKey.private ?? ""),
    },
    senderMessageKeys: (state.senderMessageKeys ?? [])
      .filter(({ seed }) => seed !== undefined)
      .map((key) => ({ ...key, seed: bytes(key.seed) })),
  }));
  return Buffer.from(JSON.stringify(record, BufferJSON.replacer));
}

interface SenderKeyState {
  readonly senderChainKey: { readonly seed: unknown };
  readonly senderSigningKey: { readonly public: unknown; readonly private?: unknown };
  readonly senderMessageKeys?: readonly { readonly seed?: unknown }[];
}

interface Bytes {
  readonly data?: unknown;
  readonly value?: unknown;
}

function isBytes(value: unknown): value is Bytes {
  return typeof value === "object" && value !== null &&
    ("type" in value && value.type === "Buffer" || "buffer" in value && value.buffer === true);
}
