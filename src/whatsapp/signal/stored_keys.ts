/** The text that each Signal key is stored as, and whether what is read back can be one. */
import { BufferJSON, proto, type SignalDataTypeMap } from "@whiskeysockets/baileys";
import { Buffer } from "node:buffer";

type KeyType = keyof SignalDataTypeMap;

/**
 * What Baileys would stumble over for good. What only its content is wrong with mends itself: a message cannot be
 * decrypted, and the sender is asked for it again, on a new session.
 */
const WELL_FORMED: Readonly<Record<KeyType, (value: unknown) => boolean>> = {
  "pre-key": (value) => isObject(value) && isBytes(value.private, 32) && isBytes(value.public, 32),
  "session": (value) => isObject(value) && isObject(value._sessions) && isEach(value._sessions, isSession),
  "sender-key": (value) => isBytes(value) && Array.isArray(jsonIn(value)),
  "sender-key-memory": isObject,
  "app-state-sync-key": (value) => isObject(value) && (isBytes(value.keyData) || isText(value.keyData)),
  "app-state-sync-version": (value) =>
    isObject(value) && Number.isInteger(value.version) && isBytes(value.hash) &&
    isObject(value.indexValueMap),
  "lid-mapping": isText,
  "device-list": (value) => Array.isArray(value) && value.every(isText),
  "tctoken": (value) => isObject(value) && isBytes(value.token),
  "identity-key": (value) => isBytes(value),
};

/** The text of a key, or of a device's identity. */
export function serialise(value: unknown): string {
  return JSON.stringify(value, BufferJSON.replacer);
}

/** Reads a key back. @returns `undefined` when it is none: its text says nothing then, and is secret all the same */
export function parseKey<T extends KeyType>(type: T, text: string): SignalDataTypeMap[T] | undefined {
  try {
    const value: unknown = JSON.parse(text, BufferJSON.reviver);
    if (!isKey(type, value)) return undefined;
    const isSyncKey = type === "app-state-sync-key";
    return isSyncKey ? proto.Message.AppStateSyncKeyData.fromObject(value as never) as never : value;
  } catch {
    // The message of such an error quotes what was read.
    return undefined;
  }
}

/** Whether `value` has the form of a key of this type. */
export function isKey<T extends KeyType>(type: T, value: unknown): value is SignalDataTypeMap[T] {
  return WELL_FORMED[type](value);
}

function isSession(value: unknown): boolean {
  return isObject(value) && isObject(value.indexInfo) && isObject(value.currentRatchet) &&
    isObject(value._chains);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
}

function isEach(values: Record<string, unknown>, test: (value: unknown) => boolean): boolean {
  return Object.values(values).every(test);
}

function isBytes(value: unknown, length?: number): value is Uint8Array {
  return value instanceof Uint8Array && (length === undefined || value.length === length);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}

function jsonIn(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString("utf-8"));
  } catch {
    return undefined;
  }
}
