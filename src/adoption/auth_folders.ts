/**
 * Where the worker before this one kept its numbers: folders that Baileys' `useMultiFileAuthState` wrote, one a number,
 * directly below `SESSION_DIR`.
 */
import { join } from "node:path";
import { parsePhoneNumber } from "../contract/addresses.ts";
import { idText, isRowId } from "../contract/ids.ts";

/** The file of the device's identity, without which a folder is none of ours. */
export const CREDS_FILE = "creds.json";

/** Where folders are kept below `SESSION_DIR`. */
export const PLACES = {
  /** Their sessions go on in the database. */
  adopted: "adopted",
  /** Their numbers have another device already. */
  notAdopted: "not-adopted",
} as const;

/** What a folder is called while it is adopted; one that a kill leaves behind is gone on with at the next start. */
export const BEGUN = "adopting-";

/** The auth folder of a number. */
export interface AuthFolder {
  /** `session_6_+221771234567`. */
  readonly name: string;
  readonly path: string;
  /** Canonical, see `idText`. */
  readonly numberId: string;
  /** Digits. */
  readonly phoneNumber: string;
}

/** What there is below a `SESSION_DIR`. */
export interface AuthFolders {
  readonly folders: readonly AuthFolder[];
  /** Names of what holds credentials and is left alone: it names no number, or is a link to somewhere else. */
  readonly strange: readonly string[];
}

/** Finds the auth folders that are to be adopted; none where there is no `SESSION_DIR`. */
export async function findAuthFolders(sessionDir: string): Promise<AuthFolders> {
  const folders: AuthFolder[] = [];
  const strange: string[] = [];
  for (const { name: entry, isDirectory, isSymlink } of await entriesOf(sessionDir)) {
    if (!isDirectory && !isSymlink) continue;
    const name = entry.replace(BEGUN, "");
    const path = join(sessionDir, entry);
    const number = numberOf(name);
    if (isDirectory && number !== undefined) folders.push({ name, path, ...number });
    else if (await exists(join(path, CREDS_FILE))) strange.push(entry);
  }
  return { folders: folders.sort(byNumber), strange: strange.sort() };
}

function byNumber(one: AuthFolder, other: AuthFolder): number {
  const order = BigInt(one.numberId) - BigInt(other.numberId);
  return order === 0n ? one.name.localeCompare(other.name) : Number(order);
}

/** The old worker named them `session_${numberId}_${phoneNumber}`, with the phone number as the backend wrote it. */
function numberOf(name: string): Pick<AuthFolder, "numberId" | "phoneNumber"> | undefined {
  const [, id = "", phone = ""] = /^session_(\d{1,20})_(.+)$/.exec(name) ?? [];
  const phoneNumber = parsePhoneNumber(phone);
  return isRowId(id) && phoneNumber !== undefined ? { numberId: idText(id), phoneNumber } : undefined;
}

async function entriesOf(folder: string): Promise<Deno.DirEntry[]> {
  try {
    return await Array.fromAsync(Deno.readDir(folder));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    // What cannot be looked into is nothing that could be said of more than its name.
    return false;
  }
}
