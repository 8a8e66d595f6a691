import { join } from "node:path";
import { EXIT } from "../../exit_codes.ts";
import { DATABASE_FILE, fileFaultIn, findSetAside, isMissedIn, remedyFor } from "../../store/damage.ts";
import { isFolderLocked } from "../../store/database.ts";
import { MIGRATIONS } from "../../store/migrations.ts";
import { type Check, failure, type Finding, messageOf, ok, type Trouble, warning } from "../check.ts";
import { type DatabaseLook, lookAtDatabase } from "../../store/database_look.ts";
import { blameOf } from "../../store/store_error.ts";
import { stateFolder } from "./state_folder.ts";

/** Reading it through takes SQLite a second for each GiB or so, in which nothing else happens in this program. */
const TOO_LARGE_BYTES = 2 ** 31;
/** The half of that speed. */
const BYTES_PER_MS = 2 ** 29 / 1000;

/** The database: sound, of a schema this program knows, and closed to other users. */
export const stateDatabase: Check = {
  id: "state.database",
  title: "State database",
  why: "Without its credentials every number has to be paired again by hand",
  exitCode: EXIT.CANTCREAT,
  after: [stateFolder],
  async run(probe) {
    const { path } = probe.valueOf(stateFolder);
    const file = join(path, DATABASE_FILE);
    let info: Deno.FileInfo;
    try {
      info = await Deno.stat(file);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      const fault = fileFaultIn(path);
      if (fault !== undefined) return { findings: [failure(damaged(path, fault))] };
      if (isMissedIn(path)) return { findings: [failure(missed(path))] };
      return { findings: [ok("none yet; the first start makes it", { file, present: false })] };
    }
    if (!info.isFile) return { findings: [failure(unusable(file, "it is no regular file"))] };
    if (info.size > Math.min(TOO_LARGE_BYTES, probe.leftMs() * BYTES_PER_MS)) {
      return { findings: [tooLarge(file, info.size)] };
    }
    // Beside the worker that writes them the files are never all of one moment.
    const fault = await isFolderLocked(path) ? undefined : fileFaultIn(path);
    if (fault !== undefined) return { findings: [failure(damaged(path, fault))] };
    return { findings: [...judge(path, file), ...permissions(file, info.mode), ...keptAside(path)] };
  },
};

function judge(folder: string, file: string): Finding[] {
  let look: DatabaseLook;
  try {
    look = lookAtDatabase(folder);
  } catch (error) {
    const said = messageOf(error);
    return [failure(blameOf(error) === "damage" ? damaged(folder, said) : unusable(file, said))];
  }
  if (look.faults.length > 0) return [failure(damaged(folder, look.faults.join("; ")))];
  const { schemaVersion, sessions, outboxDepth } = look;
  const known = MIGRATIONS.length;
  const facts = { file, present: true, schemaVersion, newestSchemaVersion: known, sessions, outboxDepth };
  if (schemaVersion > known) {
    return [failure({
      code: "from_newer_version",
      found: `Its schema is version ${schemaVersion}, and this worker knows ${known}`,
      remedy: "Install the newer worker again, or restore the state folder from before the upgrade",
      facts,
    })];
  }
  const upgrade = schemaVersion < known ? `, to be brought to ${known} at the next start` : "";
  return [
    ok(
      `sound, schema ${schemaVersion}${upgrade}; sessions: ${sessions}, events still to be sent: ${outboxDepth}`,
      facts,
    ),
  ];
}

function permissions(file: string, mode: number | null): Finding[] {
  if (mode === null || (mode & 0o077) === 0) return [];
  return [warning({
    code: "open_to_others",
    found: `Other users of this machine may open it (mode ${
      (mode & 0o777).toString(8)
    }), and it holds credentials`,
    remedy: `chmod 600 '${file}'`,
  })];
}

const damaged = (folder: string, said: string): Trouble => ({
  code: "database_damaged",
  found: `'${join(folder, DATABASE_FILE)}' is damaged (${said})`,
  remedy: `Start the worker once: it sets the file aside, and refuses. Then: ${remedyFor(folder)}`,
});

const missed = (folder: string): Trouble => ({
  code: "database_set_aside",
  found: `A damaged database was set aside as '${latestAside(folder)}', and nothing is in its place`,
  remedy: remedyFor(folder),
});

/** Beside a sound one: whoever restored a backup may still want to look at it. */
function keptAside(folder: string): Finding[] {
  if (findSetAside(folder).length === 0) return [];
  return [warning({
    code: "damaged_database_kept",
    found: `A damaged database is still kept as '${latestAside(folder)}'`,
    remedy: `Once nothing of it is needed any more: mv '${latestAside(folder)}'* /a/safe/place/`,
  })];
}

const latestAside = (folder: string) => join(folder, findSetAside(folder).at(-1) ?? "");

const unusable = (file: string, said: string): Trouble => ({
  code: "database_unusable",
  found: `'${file}' cannot be read: ${said}`,
  remedy: `Run this as the worker's user, and see: ls -l '${file}'`,
});

const tooLarge = (file: string, bytes: number) =>
  warning({
    code: "database_large",
    found: `'${file}' has ${Math.round(bytes / 2 ** 20)} MiB, too much to be looked through in this time`,
    remedy: `With the worker stopped: sqlite3 '${file}' 'PRAGMA quick_check'`,
  });
