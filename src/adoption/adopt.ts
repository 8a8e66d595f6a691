/** Takes over the sessions of the worker before this one, so that nobody has to scan a QR again. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import type { AuthenticationCreds } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Announcer } from "../announcer.ts";
import type { Store } from "../store/store.ts";
import { StoreError } from "../store/store_error.ts";
import { CredentialsUnreadable, credsChange, loadCreds } from "../whatsapp/signal/auth_state.ts";
import { type Device, readDevice, readKeys } from "./auth_folder.ts";
import { type AuthFolder, BEGUN, findAuthFolders, PLACES } from "./auth_folders.ts";

/** Options of {@link adoptAuthFolders}. */
export interface AdoptionOptions {
  readonly sessionDir: string;
  readonly store: Store;
  readonly announcer: Announcer;
  readonly now: () => number;
  readonly log: Logger;
}

/** A folder and the device in it. */
interface Candidate<D = Device> {
  readonly folder: AuthFolder;
  readonly device: D;
}
type Linked = Candidate<Extract<Device, { state: "linked" }>>;

/**
 * Adopts every auth folder below `SESSION_DIR` whose number has no credentials yet: reads it, makes its credentials and
 * its session durable in one transaction, and keeps the folder in `adopted/`. To be called before sessions are loaded.
 *
 * It may be killed at any point. A folder is either still to be adopted, or its number has credentials; then it is only
 * kept. Credentials that are there already are never overwritten.
 *
 * @throws {StoreError} when nothing can be written; whatever else goes wrong with a folder is reported, and it is left
 */
export async function adoptAuthFolders(options: AdoptionOptions): Promise<void> {
  const { folders, strange } = await findAuthFolders(options.sessionDir);
  for (const folder of strange) {
    options.log.warn(
      { folder },
      "this is left alone although it holds credentials: only folders named session_<numberId>_+<phoneNumber> are adopted, no links",
    );
  }
  for (const [numberId, ofNumber] of Map.groupBy(folders, ({ numberId }) => numberId)) {
    try {
      await adoptNumber(options, numberId, ofNumber);
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const [folder] = ofNumber as [AuthFolder];
      // A number that has a device here is well, whatever became of its folder.
      const isMissed = await ownCreds(options.store, numberId) === undefined;
      await report(options, folder, error instanceof Error ? error.message : String(error), isMissed);
    }
  }
}

async function adoptNumber(
  options: AdoptionOptions,
  numberId: string,
  folders: readonly AuthFolder[],
): Promise<void> {
  const { store, log } = options;
  const candidates = await Promise.all(
    folders.map(async (folder): Promise<Candidate> => ({ folder, device: await readDevice(folder) })),
  );
  for (const { folder, device } of candidates) {
    if (device.state === "unlinked") {
      log.info(
        { numberId, folder: folder.name },
        "a folder is left alone, as no phone was ever linked with it",
      );
    }
  }
  const linked = candidates.filter((one): one is Linked => one.device.state === "linked")
    .sort((one, other) => other.device.changedAtMs - one.device.changedAtMs);
  const own = await ownCreds(store, numberId);
  const newest = own === undefined ? linked.shift() : undefined;
  if (newest !== undefined) await adopt(options, newest);
  for (const { folder, device } of linked) {
    // Adopted, and killed before its folder was moved.
    if (own !== undefined && !(own instanceof Error) && isSameDevice(own, device.creds)) {
      await keep(options, folder, PLACES.adopted);
      continue;
    }
    await keep(options, folder, PLACES.notAdopted);
    log.warn(
      { numberId, folder: folder.name },
      `a folder was not adopted, as its number has another device; it goes to '${PLACES.notAdopted}'`,
    );
  }
  const isMissed = own === undefined && newest === undefined;
  for (const { folder, device } of candidates) {
    if (device.state === "unreadable") {
      await report(options, folder, `creds.json: ${device.reason}`, isMissed);
    }
  }
}

async function adopt(options: AdoptionOptions, { folder, device }: Linked): Promise<void> {
  const { sessionDir, store, log } = options;
  const { numberId, phoneNumber, name } = folder;
  const { changes, unreadable, others } = await readKeys(
    folder,
    (done, of) => log.info({ numberId, folder: name, done, of }, "reading the keys of a folder"),
  );
  // First, so that one that cannot be moved is not adopted again after its device was logged out.
  await checkMovable(folder);
  const begun = await moveTo(join(sessionDir, `${BEGUN}${name}`), folder, options);
  await store.commit([
    ...store.credentials.writing(numberId, [credsChange(device.creds), ...changes]),
    ...store.sessions.adopting(numberId, phoneNumber),
    // Since when is not known, only that it is not new.
    ...store.handovers.linking(numberId, 0),
  ], { patient: false });
  await keep(options, begun, PLACES.adopted);
  log.info(
    { numberId, folder: name, keys: changes.length, unreadable, others },
    `a session was adopted from the worker before; its folder goes to '${PLACES.adopted}'`,
  );
  if (unreadable > 0) {
    log.warn({ numberId, folder: name, unreadable }, "some of its keys make no sense and were passed over");
  }
}

/** To another place goes only a folder that this user may write into. @throws {Error} when it is not one */
async function checkMovable({ path }: AuthFolder): Promise<void> {
  try {
    await Deno.remove(await Deno.makeTempFile({ dir: path }));
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    throw new Error("this user may not write into it", { cause: error });
  }
}

/** The device the store has for a number; an error when it has one that cannot be read. */
async function ownCreds(
  { credentials }: Store,
  numberId: string,
): Promise<AuthenticationCreds | CredentialsUnreadable | undefined> {
  try {
    return await loadCreds(credentials, numberId);
  } catch (error) {
    if (error instanceof CredentialsUnreadable) return error;
    throw error;
  }
}

function isSameDevice(one: AuthenticationCreds, other: AuthenticationCreds): boolean {
  return Buffer.from(one.signedIdentityKey.public).equals(other.signedIdentityKey.public);
}

/** Keeps a folder in one of the {@link PLACES}; one that cannot be moved stays, which is no harm to its session. */
async function keep(options: AdoptionOptions, folder: AuthFolder, place: string): Promise<void> {
  const parent = join(options.sessionDir, place);
  try {
    await Deno.mkdir(parent, { recursive: true, mode: 0o700 });
    await moveTo(join(parent, folder.name), folder, options);
  } catch (error) {
    const { numberId, name } = folder;
    options.log.error(
      { numberId, folder: name, err: error },
      `a folder cannot be moved to '${place}', and stays`,
    );
  }
}

/** Moves a folder, beside what has its name already. @returns where it is now */
async function moveTo(wanted: string, folder: AuthFolder, { now }: AdoptionOptions): Promise<AuthFolder> {
  if (wanted === folder.path) return folder;
  const path = await isThere(wanted) ? `${wanted}.${now()}` : wanted;
  await Deno.rename(folder.path, path);
  return { ...folder, path };
}

async function isThere(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Says that a folder could not be adopted, to the backend as well where its number is without a device now. */
async function report(
  { announcer, log }: AdoptionOptions,
  { numberId, phoneNumber, name, path }: AuthFolder,
  reason: string,
  isMissed = true,
): Promise<void> {
  if (!isMissed) {
    const place = `'${PLACES.adopted}' or '${PLACES.notAdopted}'`;
    log.error(
      { numberId, folder: name, reason },
      `a folder cannot be put aside: its number has a device here, so move it to ${place} yourself`,
    );
    return;
  }
  log.error({ numberId, folder: name, reason }, "a folder cannot be adopted and is left as it is");
  const fields = {
    action: "error",
    code: "credentials_unreadable",
    error: `Cannot adopt the session in '${path}' (${reason}): it is kept as it is, for a person to look at`,
  };
  await announcer.commit(announcer.session({ numberIdJson: numberId, phoneNumber }, fields), {
    patient: false,
  });
}
