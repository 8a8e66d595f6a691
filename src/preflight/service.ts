/** The installation as `install.sh` makes it: the unit, the release, and the user the service runs as. */
import { join, resolve } from "node:path";
import embedded from "../../worker.service" with { type: "text" };
import { defaultEnvFile } from "../config/load.ts";
import type { Probe } from "./check.ts";

/** The unit of this very program. */
export const EMBEDDED_UNIT: string = embedded;
/** Its name. */
export const UNIT_NAME = "worker.service";

/** Where it is installed. */
export const UNIT_FILE = `/etc/systemd/system/${UNIT_NAME}`;
const CURRENT_RELEASE = "/opt/whatsapp-worker/current";

/** A text file of the machine's; `undefined` when it is not there. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** The unit as it is installed under `root`; `undefined` when it is not. */
export const installedUnit = (root: string): Promise<string | undefined> => textOf(join(root, UNIT_FILE));

/** The last value a unit gives `key`, without drop-ins. */
export function unitValue(unit: string, key: string): string | undefined {
  return [...unit.matchAll(new RegExp(`^${key}=(.*)$`, "gm"))].at(-1)?.[1]?.trim();
}

/** The folder of the release that the service runs, below `root`; `undefined` when none is installed. */
export async function installedRelease(root: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(join(root, CURRENT_RELEASE));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    throw error;
  }
}

/** A user of the machine. */
export interface User {
  readonly name: string;
  readonly uid: number;
  /** Every group it is in. */
  readonly gids: readonly number[];
}

/** The unit, if it is this very configuration that it starts the worker with. */
export async function unitFor(
  { root, envFile }: Pick<Probe, "root" | "envFile">,
): Promise<string | undefined> {
  const unit = await installedUnit(root);
  const [, named] = /\s--env-file[ =](\S+)/.exec(unit && unitValue(unit, "ExecStart") || "") ?? [];
  return named !== undefined && join(root, named) === resolve(await envFileOf({ envFile }))
    ? unit
    : undefined;
}

/** Where the settings are. */
export const envFileOf = async ({ envFile }: Pick<Probe, "envFile">): Promise<string> =>
  envFile ?? await defaultEnvFile();

/** The user of {@link unitFor}; `undefined` without a unit, or when the machine's own files do not know that user. */
export async function serviceUser(probe: Pick<Probe, "root" | "envFile">): Promise<User | undefined> {
  const { root } = probe;
  const unit = await unitFor(probe);
  const name = unit && unitValue(unit, "User");
  return name ? await findUser(root, ({ user, uid }) => user === name || String(uid) === name) : undefined;
}

/**
 * Who the worker runs as, or will: this user; and where root asks, who may do everything, the user of the service, or
 * else the owner of the state folder.
 */
export async function workerUser(probe: Pick<Probe, "root" | "envFile">, sessionDir: string): Promise<User> {
  const own = await userOf(probe.root, Deno.uid() ?? 0);
  if (own.uid !== 0) return own;
  const service = await serviceUser(probe);
  if (service !== undefined) return service;
  try {
    return await userOf(probe.root, (await Deno.stat(sessionDir)).uid ?? 0);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return own;
    throw error;
  }
}

/** The user with `uid`; one without a name where the machine's own files do not know it. */
export async function userOf(root: string, uid: number): Promise<User> {
  return await findUser(root, (line) => line.uid === uid) ?? { name: String(uid), uid, gids: [] };
}

interface PasswdLine {
  readonly user: string;
  readonly uid: number;
}

async function findUser(root: string, isMeant: (line: PasswdLine) => boolean): Promise<User | undefined> {
  const passwd = (await textOf(join(root, "etc/passwd")) ?? "").split("\n").map((line) => line.split(":"));
  const found = passwd.find(([user = "", , uid]) => uid !== undefined && isMeant({ user, uid: Number(uid) }));
  if (found === undefined) return undefined;
  const [name = "", , uid, gid] = found;
  const groups = (await textOf(join(root, "etc/group")) ?? "").split("\n").map((line) => line.split(":"));
  const others = groups.filter(([, , , members = ""]) => members.split(",").includes(name));
  return { name, uid: Number(uid), gids: [Number(gid), ...others.map(([, , id]) => Number(id))] };
}

/** The name of a group; its number where the machine's own files do not know it. */
export async function groupName(root: string, gid: number | null): Promise<string> {
  const groups = (await textOf(join(root, "etc/group")) ?? "").split("\n").map((line) => line.split(":"));
  return groups.find(([, , id]) => id === String(gid))?.[0] ?? String(gid);
}
