import { join } from "node:path";
import { EXIT } from "../../exit_codes.ts";
import { isFolderLocked } from "../../store/database.ts";
import { type Check, failure, messageOf, ok } from "../check.ts";
import { stateFolder } from "./state_folder.ts";

/** Whether a worker runs on the state folder. Either is fine: that is what its lock is for. */
export const stateHolder: Check = {
  id: "state.holder",
  title: "State holder",
  why: "Only one process may use a state folder; a second one does not start",
  exitCode: EXIT.CANTCREAT,
  after: [stateFolder],
  async run(probe) {
    const { path } = probe.valueOf(stateFolder);
    try {
      if (!(await isFolderLocked(path))) {
        return { findings: [ok("no worker uses it at the moment", { held: false })] };
      }
    } catch (error) {
      return {
        findings: [failure({
          code: "lock_unusable",
          found: `The lock in '${path}' cannot be asked: ${messageOf(error)}`,
          remedy: `Run this as the worker's user, and see: ls -l '${path}'`,
        })],
      };
    }
    const pid = await holderOf(path);
    const process = pid === undefined ? "a worker process" : `process ${pid}`;
    return { findings: [ok(`in use by ${process}: a worker is running`, { held: true, pid })] };
  },
};

/** The process that holds the lock, where the system tells and this program may ask. */
async function holderOf(folder: string): Promise<number | undefined> {
  try {
    const { ino } = await Deno.stat(join(folder, "worker.lock"));
    const locks = await Deno.readTextFile("/proc/locks");
    // 1: FLOCK  ADVISORY  WRITE 4711 00:32:123456 0 EOF
    const pid = new RegExp(`FLOCK +ADVISORY +WRITE +(\\d+) [0-9a-f:]+:${ino} `).exec(locks)?.[1];
    return pid === undefined ? undefined : Number(pid);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
