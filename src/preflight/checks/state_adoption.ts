import type { Device } from "../../adoption/auth_folder.ts";
import { type AuthFolder, findAuthFolders, PLACES } from "../../adoption/auth_folders.ts";
import { EXIT } from "../../exit_codes.ts";
import { lookAtSessions } from "../../store/session_look.ts";
import { type Check, type Finding, ok, warning } from "../check.ts";
import { BAILEYS_MS, tooShort } from "../whatsapp.ts";
import { stateDatabase } from "./state_database.ts";
import { stateFolder } from "./state_folder.ts";

/** A worker with a few chats writes to its folders far more often. */
const RECENTLY_MS = 60_000;

/** Folders of the worker before, which the next start adopts. */
export const stateAdoption: Check = {
  id: "state.adoption",
  title: "Older sessions",
  why: "Numbers of the worker before go on without a new QR, but only one of the two may run",
  exitCode: EXIT.CANTCREAT,
  after: [stateFolder, stateDatabase],
  async run(probe) {
    const { path } = probe.valueOf(stateFolder);
    const { folders, strange } = await findAuthFolders(path);
    if (folders.length > 0 && probe.leftMs() < BAILEYS_MS) return { findings: [tooShort()] };
    return { findings: [...await judge(path, folders), ...strange.map(strangeFolder)] };
  },
};

/** What the next start makes of these folders; a worker that starts at this moment may be moving them. */
export async function judge(path: string, folders: readonly AuthFolder[]): Promise<Finding[]> {
  if (folders.length === 0) return [none()];
  const taken = new Set(
    lookAtSessions(path).filter(({ device }) => device !== "none").map(({ numberId }) => numberId),
  );
  // Only now: what reads it brings all of Baileys along.
  const { readDevice } = await import("../../adoption/auth_folder.ts");
  const devices = (await Promise.all(folders.map(async (folder) => {
    const device = await readDevice(folder);
    const changedAtMs = await changedAt(folder);
    return changedAtMs === undefined ? [] : [{ folder, device, changedAtMs }];
  }))).flat();
  if (devices.length === 0) return [none()];
  const numbers = (state: Device["state"]) =>
    new Set(devices.filter(({ device }) => device.state === state).map(({ folder }) => folder.numberId));
  const linked = numbers("linked");
  const changedAtMs = Math.max(...devices.map(({ changedAtMs }) => changedAtMs));
  return [
    summary([...linked.difference(taken)], [...linked.intersection(taken)], [...numbers("unlinked")]),
    ...(Date.now() - changedAtMs < RECENTLY_MS ? [stillRunning(path)] : []),
    ...devices.flatMap(({ folder, device }) =>
      device.state === "unreadable" ? [unreadable(folder, device.reason)] : []
    ),
  ];
}

const none = (): Finding => ok("no folders of an older worker", { adopted: [] });

function summary(adopted: string[], taken: string[], unlinked: string[]): Finding {
  const parts = [
    adopted.length === 0
      ? "none of the folders of an older worker will be adopted"
      : `the next start adopts ${adopted.length} of an older worker: ${numbersIn(adopted)}`,
    taken.length > 0 && `kept aside, as they have another device: ${numbersIn(taken)}`,
    unlinked.length > 0 && `left, as they were never linked: ${numbersIn(unlinked)}`,
  ];
  return ok(parts.filter(Boolean).join("; "), { adopted, taken, unlinked });
}

const numbersIn = (numbers: readonly string[]) =>
  `number ${numbers.slice(0, 5).join(", ")}${numbers.length > 5 ? ", …" : ""}`;

const stillRunning = (path: string) =>
  warning({
    code: "older_worker_running",
    found: `The folders of the older worker in '${path}' were changed within this minute: it seems to run`,
    remedy:
      "Stop it before this one starts. Two sockets of one device throw each other out (440), and a message " +
      "that one of them decrypts is lost to the other",
  });

const unreadable = ({ numberId, path }: AuthFolder, reason: string) =>
  warning({
    code: "older_session_unreadable",
    subject: `number ${numberId}`,
    found: `'${path}/creds.json' cannot be adopted: ${reason}`,
    remedy:
      "Put a sound copy of it there, or move the folder away; until then 'create' pairs the number anew",
  });

const strangeFolder = (name: string) =>
  warning({
    code: "older_session_unnamed",
    found: `'${name}' holds credentials, but is no folder named session_<numberId>_+<phoneNumber>`,
    remedy: `Make it one (a link is none) to have it adopted, or move it to '${PLACES.notAdopted}'`,
  });

/**
 * Of the folder, as Baileys makes and removes a file with nearly everything it does; looking at all of them would take too
 * long. `undefined` when it has been moved.
 */
async function changedAt({ path }: AuthFolder): Promise<number | undefined> {
  try {
    return (await Deno.stat(path)).mtime?.getTime() ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
