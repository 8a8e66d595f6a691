/** What an auth folder holds, read without changing anything of it. */
import { join } from "node:path";
import type { AuthenticationCreds, SignalDataTypeMap } from "@whiskeysockets/baileys";
import type { CredentialChange } from "../store/credentials.ts";
import { CredentialsUnreadable, isLinked, parseCreds } from "../whatsapp/signal/auth_state.ts";
import { isKey, serialise } from "../whatsapp/signal/stored_keys.ts";
import { type AuthFolder, CREDS_FILE } from "./auth_folders.ts";
import { currentForm, type KeyName, keyNameOf, reviveText } from "./key_files.ts";

/** Far more than any file of Baileys' has. */
const LARGEST_BYTES = 32 * 1024 * 1024;
/** How many files are read at a time, */
const FILES_AT_ONCE = 64;
/** and after how many there is a word about it. */
const PROGRESS_STEP = 1024;

/** The device a folder is for. */
export type Device =
  | { readonly state: "linked"; readonly creds: AuthenticationCreds; readonly changedAtMs: number }
  /** No phone was ever linked with it: a pairing that was given up. */
  | { readonly state: "unlinked" }
  | { readonly state: "unreadable"; readonly reason: string };

/** The keys a folder holds. */
export interface FolderKeys {
  readonly changes: readonly CredentialChange[];
  /** How many files of keys make no sense. */
  readonly unreadable: number;
  /** How many files are no key's. */
  readonly others: number;
}

/** Reads the identity of a folder's device. */
export async function readDevice({ path }: AuthFolder): Promise<Device> {
  const file = join(path, CREDS_FILE);
  try {
    const text = await readRegular(file);
    const creds = reviveText(text) as AuthenticationCreds;
    if (typeof creds !== "object" || creds === null) return { state: "unreadable", reason: "it is damaged" };
    if (!isLinked(creds)) return { state: "unlinked" };
    return { state: "linked", creds: parseCreds(serialise(creds)), changedAtMs: await changedAt(file) };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return { state: "unlinked" };
    return { state: "unreadable", reason: reasonOf(error) };
  }
}

/**
 * Reads all keys of a folder.
 *
 * @throws whatever the system says of a file that it does not let be read: that key is not to be done without
 */
export async function readKeys(
  { path }: AuthFolder,
  onProgress: (done: number, of: number) => void,
): Promise<FolderKeys> {
  const names = (await Array.fromAsync(Deno.readDir(path))).map(({ name }) => name)
    .filter((name) => name !== CREDS_FILE).sort();
  const changes: CredentialChange[] = [];
  let unreadable = 0, others = 0;
  for (let at = 0; at < names.length; at += FILES_AT_ONCE) {
    if (at > 0 && at % PROGRESS_STEP === 0) onProgress(at, names.length);
    const read = await Promise.all(names.slice(at, at + FILES_AT_ONCE).map((name) => readKey(path, name)));
    for (const change of read) {
      if (change === "other") others++;
      else if (change === "unreadable") unreadable++;
      else changes.push(change);
    }
  }
  return { changes: modernised(changes), unreadable, others };
}

async function readKey(folder: string, file: string): Promise<CredentialChange | "unreadable" | "other"> {
  const name = keyNameOf(file);
  if (name === undefined) return "other";
  let text: string;
  try {
    text = await readRegular(join(folder, file));
  } catch (error) {
    if (error instanceof Strange) return "unreadable";
    throw error;
  }
  try {
    const value = currentForm(name, reviveText(text));
    return isKey(name.type, value) ? change(name, value) : "unreadable";
  } catch {
    // The message quotes a secret.
    return "unreadable";
  }
}

const change = ({ type, id }: KeyName, value: unknown): CredentialChange => ({
  type,
  id,
  value: serialise(value),
});

/**
 * Before 7 Baileys wrote a LID like a phone number, where it is `LID_1` now. As nobody can tell which a name is, the key is
 * kept under both, of which only the one is ever asked for. Who has which of the own sender keys is forgotten then; they
 * are handed out again.
 */
function modernised(changes: readonly CredentialChange[]): readonly CredentialChange[] {
  const ofType = (type: keyof SignalDataTypeMap) => changes.filter((change) => change.type === type);
  const sessions = ofType("session");
  const isOld = ofType("lid-mapping").length === 0 && !sessions.some(({ id }) => id.includes("_"));
  if (!isOld) return changes;
  return [
    ...changes.filter(({ type }) => type !== "sender-key-memory"),
    ...sessions.map((session) => ({ ...session, id: session.id.replace(".", "_1.") })),
    ...ofType("sender-key").map((key) => ({ ...key, id: key.id.replace(/::(\d+)::/, "::$1_1::") })),
  ];
}

/** A file that nobody reads, because it is not what Baileys writes. */
class Strange extends Error {}

async function readRegular(path: string): Promise<string> {
  // Not followed: a link may lead anywhere.
  const { isFile, size } = await Deno.lstat(path);
  if (!isFile) throw new Strange("it is no regular file");
  if (size > LARGEST_BYTES) throw new Strange("it is too large");
  return await Deno.readTextFile(path);
}

/** When a file was changed last; the beginning of time where the file system does not say. */
async function changedAt(path: string): Promise<number> {
  return (await Deno.lstat(path)).mtime?.getTime() ?? 0;
}

/** In words that quote nothing of what was read. */
function reasonOf(error: unknown): string {
  if (error instanceof Strange) return error.message;
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not read it";
  return error instanceof CredentialsUnreadable || error instanceof SyntaxError || error instanceof TypeError
    ? "it is damaged"
    : "it cannot be read";
}
