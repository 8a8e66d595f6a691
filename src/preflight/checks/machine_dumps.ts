import { EXIT } from "../../exit_codes.ts";
import { type Check, ok, warning } from "../check.ts";
import { limitsOf } from "../limits.ts";
import { textOf } from "../service.ts";
import { serviceState } from "./service_state.ts";
import { serviceUnit } from "./service_unit.ts";

/** Whether a crash would write the memory of the worker to a disk. */
export const machineDumps: Check = {
  id: "machine.dumps",
  title: "Core dumps",
  why: "A dump of the worker's memory holds the credentials of every number and the password of the broker",
  exitCode: EXIT.UNAVAILABLE,
  after: [serviceUnit, serviceState],
  async run(probe) {
    const { core, source } = await limitsOf(probe.valueOf(serviceUnit), probe.valueOf(serviceState));
    if (core === undefined) {
      const found =
        "not asked, as the program may not look into /proc; without systemd, start it after: ulimit -c 0";
      return { findings: [ok(found, { asked: false })] };
    }
    const pattern = await corePattern();
    // JSON knows no Infinity.
    const facts = { asked: true, limit: Number.isFinite(core) ? core : "unlimited", source, pattern };
    if (core === 0) return { findings: [ok(`off, by ${source}`, facts)] };
    return {
      findings: [warning({
        code: "core_dumps",
        found: `A crash of the worker may leave its memory on a disk${
          pattern === null ? "" : ` (${pattern.split(" ")[0]})`
        }, by ${source}`,
        remedy: "In the unit (systemctl edit worker.service): LimitCORE=0. Without systemd: ulimit -c 0",
        facts,
      })],
    };
  },
};

/** Where the kernel writes dumps to, or who gets them; `null` when the program may not ask. */
async function corePattern(): Promise<string | null> {
  try {
    return (await textOf("/proc/sys/kernel/core_pattern"))?.trim() ?? null;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return null;
    throw error;
  }
}
