import { join } from "node:path";
import { EXIT } from "../../exit_codes.ts";
import { DATABASE_FILE } from "../../store/damage.ts";
import { obstacle } from "../access.ts";
import {
  type Check,
  failure,
  type Finding,
  messageOf,
  ok,
  type Probe,
  type Trouble,
  warning,
} from "../check.ts";
import { unitFor, unitValue, type User, workerUser } from "../service.ts";
import { findStateFolder, NotAFolder, type StateFolder } from "../state.ts";
import { configuration } from "./configuration.ts";

/** What the worker makes in it beside the database. */
const MEDIA_FOLDERS = ["media", join("media", "received"), join("media", "outgoing")];

/** The state folder: there or to be made, writable by the worker's user, and nobody else's. */
export const stateFolder: Check<StateFolder> = {
  id: "state.folder",
  title: "State folder",
  why: "It holds the credentials of every number and all that was not delivered yet",
  exitCode: EXIT.CANTCREAT,
  after: [configuration],
  async run(probe) {
    const { SESSION_DIR } = probe.valueOf(configuration);
    try {
      const folder = await findStateFolder(SESSION_DIR);
      await write(folder);
      const worker = await workerUser(probe, folder.path);
      const findings = folder.exists
        ? await describe(folder, worker)
        : [await describeAbsent(folder, worker, probe)];
      return { findings, value: folder };
    } catch (error) {
      return { findings: [failure(faultOf(error, SESSION_DIR))] };
    }
  },
};

/** Writes something that has no name any more, so that nothing stays behind even if this is killed. */
async function write({ nearest, exists }: StateFolder): Promise<void> {
  const prefix = ".whatsapp-worker-check-";
  if (!exists) return await Deno.remove(await Deno.makeTempDir({ dir: nearest, prefix }));
  const path = join(nearest, `${prefix}${crypto.randomUUID()}`);
  using file = await Deno.open(path, { createNew: true, write: true, mode: 0o600 });
  await Deno.remove(path);
  await file.write(new Uint8Array(4096));
}

async function describeAbsent({ path, nearest }: StateFolder, worker: User, probe: Probe): Promise<Finding> {
  const exists = false;
  const unit = await unitFor(probe) ?? "";
  if (Deno.uid() === 0 && path === `/var/lib/${unitValue(unit, "StateDirectory")}`) {
    return ok(`${path} will be made by systemd as the service starts`, { path, exists });
  }
  const blocking = await obstacleFor(worker, nearest, ["w", "x"]);
  if (blocking !== undefined) {
    return failure(notFor(worker, path, blocking, `install -d -m 700 -o ${worker.name} '${path}'`));
  }
  const facts = { path, exists, uid: worker.uid };
  return ok(`${path} will be made at the first start; user '${worker.name}' may write in ${nearest}`, facts);
}

async function describe({ path }: StateFolder, worker: User): Promise<Finding[]> {
  const { mode, uid: owner } = await Deno.stat(path);
  const bits = ((mode ?? 0) & 0o777).toString(8).padStart(3, "0");
  const facts = { path, exists: true, user: worker.name, uid: worker.uid, owner, mode: bits };
  const give = `chown -R ${worker.name} '${path}'; chmod 700 '${path}'`;
  const blocking = await obstacleFor(worker, path, ["r", "w", "x"]);
  if (blocking !== undefined) {
    const remedy = blocking === path ? give : `chmod o+x '${blocking}', or set SESSION_DIR to another folder`;
    return [failure({ ...notFor(worker, path, blocking, remedy), facts })];
  }
  const foreign = await foreignFiles(path, worker);
  if (foreign.length > 0) {
    return [failure({
      code: "foreign_files",
      found: `${foreign.join(", ")} in ${path} ${foreign.length === 1 ? "is" : "are"} not of user ` +
        `'${worker.name}', whose worker cannot write to ${foreign.length === 1 ? "it" : "them"}`,
      remedy: `With the worker stopped: ${give}`,
      facts: { ...facts, foreign },
    })];
  }
  const asked = Deno.uid() === worker.uid ? "" : " (asked as root)";
  return [
    ok(`${path}, writable by user '${worker.name}'${asked}, mode ${bits}`, facts),
    ...((mode ?? 0) & 0o077
      ? [warning({
        code: "open_to_others",
        found: `Other users of this machine may look into it (mode ${bits})`,
        remedy: `chmod 700 '${path}'`,
        facts,
      })]
      : []),
    ...(owner !== worker.uid
      ? [warning({
        code: "other_owner",
        found: `It belongs to user ${owner}, and the worker runs as '${worker.name}'`,
        remedy: `${give}, or run the worker (and this check) as its owner`,
        facts,
      })]
      : []),
  ];
}

/** As {@link obstacle}; whoever is that user has just written there. */
const obstacleFor = async (worker: User, path: string, wanted: readonly ("r" | "w" | "x")[]) =>
  worker.uid === Deno.uid() ? undefined : await obstacle(path, worker, wanted);

/** What a worker that was once started as somebody else, root as a rule, left behind. */
async function foreignFiles(path: string, worker: User): Promise<string[]> {
  const foreign: string[] = [];
  for await (const { name, isFile } of Deno.readDir(path)) {
    if (!isFile || !name.startsWith(DATABASE_FILE) && name !== "worker.lock") continue;
    try {
      if (await obstacle(join(path, name), worker, ["r", "w"]) !== undefined) foreign.push(name);
    } catch (error) {
      // The worker that runs here takes files away, too.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  for (const folder of MEDIA_FOLDERS) {
    try {
      if (await obstacle(join(path, folder), worker, ["r", "w", "x"]) !== undefined) foreign.push(folder);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return foreign.sort();
}

const notFor = ({ name }: User, path: string, blocking: string, remedy: string): Trouble => ({
  code: "not_writable",
  found: `The worker's user '${name}' cannot use SESSION_DIR '${path}': '${blocking}' does not let it`,
  remedy,
});

function faultOf(error: unknown, sessionDir: string): Trouble {
  if (error instanceof NotAFolder) {
    return {
      code: "not_a_folder",
      found: `SESSION_DIR is '${sessionDir}', but '${error.path}' is no folder`,
      remedy: `Move '${error.path}' out of the way, or set SESSION_DIR to another folder`,
    };
  }
  const said = messageOf(error);
  if (/ENOSPC|No space left|EDQUOT|quota/i.test(said)) {
    return {
      code: "disk_full",
      found: `Nothing can be written to '${sessionDir}': its disk is full`,
      remedy: `Make room on it; see: df -h '${sessionDir}'`,
    };
  }
  return {
    code: "not_writable",
    found: `This user cannot use SESSION_DIR '${sessionDir}': ${said}`,
    remedy:
      `Make it and give it to the worker's user: install -d -m 700 -o USER '${sessionDir}'; see also: id; ` +
      `namei -l '${sessionDir}'`,
  };
}
