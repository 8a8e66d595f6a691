import { EXIT } from "../../exit_codes.ts";
import { type Check, type Finding, ok, warning } from "../check.ts";
import { type Limits, limitsOf } from "../limits.ts";
import { UNIT_NAME } from "../service.ts";
import { serviceState } from "./service_state.ts";
import { serviceUnit } from "./service_unit.ts";

/** Whether a crash would write the memory of the worker to a disk. */
export const machineDumps: Check = {
  id: "machine.dumps",
  title: "Core dumps",
  why: "A dump of the worker's memory holds the credentials of every number and the password of the broker",
  exitCode: EXIT.UNAVAILABLE,
  after: [serviceUnit, serviceState],
  run: (probe) => {
    const limits = limitsOf(probe.valueOf(serviceUnit), probe.valueOf(serviceState));
    return Promise.resolve({ findings: [judge(limits)] });
  },
};

function judge({ core, source }: Limits): Finding {
  if (core === undefined) {
    const found =
      "not asked, as the program may not look into /proc; without systemd, start it after: ulimit -c 0";
    return ok(found, { asked: false });
  }
  // JSON knows no Infinity.
  const facts = { asked: true, limit: Number.isFinite(core) ? core : "unlimited", source };
  if (core === 0) return ok(`off, by ${source}`, facts);
  return warning({
    code: "core_dumps",
    found: `A crash of the worker may leave its memory on a disk, by ${source}`,
    remedy: `In the unit (systemctl edit ${UNIT_NAME}): LimitCORE=0`,
    facts,
  });
}
