import { EXIT } from "../../exit_codes.ts";
import { isFolderLocked } from "../../store/database.ts";
import { type Check, failure, messageOf, ok } from "../check.ts";
import { stateFolder } from "./state_folder.ts";

/** Whether a worker runs on the state folder. Either is fine: that is what its lock is for. */
export const stateHolder: Check<boolean> = {
  id: "state.holder",
  title: "State holder",
  why: "Only one process may use a state folder; a second one does not start",
  exitCode: EXIT.CANTCREAT,
  after: [stateFolder],
  async run(probe) {
    const { path } = probe.valueOf(stateFolder);
    try {
      if (!(await isFolderLocked(path))) {
        return { findings: [ok("no worker uses it at the moment", { held: false })], value: false };
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
    return { findings: [ok("in use: a worker is running", { held: true })], value: true };
  },
};
