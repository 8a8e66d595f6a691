import { EXIT } from "../../exit_codes.ts";
import { type Check, failure, type Finding, messageOf, ok, type Trouble, warning } from "../check.ts";
import { findStateFolder, NotAFolder, type StateFolder } from "../state.ts";
import { configuration } from "./configuration.ts";

/** The state folder: there or to be made, writable by this user, and nobody else's. */
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
      const uid = await write(folder);
      return { findings: await describe(folder, uid), value: folder };
    } catch (error) {
      return { findings: [failure(faultOf(error, SESSION_DIR))] };
    }
  },
};

/** Writes something and takes it away again. @returns the user this runs as, where the system has users */
async function write({ nearest, exists }: StateFolder): Promise<number | null> {
  const prefix = ".whatsapp-worker-check-";
  if (!exists) {
    const made = await Deno.makeTempDir({ dir: nearest, prefix });
    return await removing(made, async () => (await Deno.stat(made)).uid);
  }
  const made = await Deno.makeTempFile({ dir: nearest, prefix });
  return await removing(made, async () => {
    await Deno.writeFile(made, new Uint8Array(4096));
    return (await Deno.stat(made)).uid;
  });
}

async function removing<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await Deno.remove(path);
  }
}

async function describe({ path, nearest, exists }: StateFolder, uid: number | null): Promise<Finding[]> {
  if (!exists) {
    return [
      ok(`${path} will be made at the first start; user ${uid} may write in ${nearest}`, {
        path,
        exists,
        uid,
      }),
    ];
  }
  const { mode, uid: owner } = await Deno.stat(path);
  const bits = mode === null ? undefined : (mode & 0o777).toString(8).padStart(3, "0");
  const facts = { path, exists, uid, owner, mode: bits };
  const asRoot = uid === 0 && owner !== 0 ? "; asked as root, who may always write" : "";
  return [
    ok(`${path}, writable by user ${uid}, owner ${owner}, mode ${bits}${asRoot}`, facts),
    ...(mode !== null && (mode & 0o077) !== 0
      ? [warning({
        code: "open_to_others",
        found: `Other users of this machine may look into it (mode ${bits})`,
        remedy: `chmod 700 '${path}'`,
        facts,
      })]
      : []),
    ...(owner !== uid && uid !== 0
      ? [warning({
        code: "other_owner",
        found: `It belongs to user ${owner}, and this runs as user ${uid}`,
        remedy: `chown -R ${uid} '${path}', or run the worker (and this check) as its owner`,
        facts,
      })]
      : []),
  ];
}

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
