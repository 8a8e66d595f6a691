import process from "node:process";
import { EXIT } from "../../exit_codes.ts";
import { type Check, type Finding, ok, warning } from "../check.ts";
import { UNIT_NAME } from "../service.ts";
import type { UnitProperties } from "../systemd_bus.ts";
import { serviceState } from "./service_state.ts";

const MIB = 1024 * 1024;
/** What a worker with a few numbers needs, twice over. */
const LITTLE_BYTES = 384 * MIB;

/** What {@link judge} goes by; in bytes, Infinity where nothing limits it. */
export interface MemoryLook {
  readonly total: number;
  readonly available: number;
  readonly swapTotal: number;
  readonly swapFree: number;
  /** Of the control group this process is in. */
  readonly ownLimit: number;
  /** Of the service. */
  readonly serviceLimit: number;
  readonly serviceHigh: number;
}

/** Memory, swap, and what control groups leave of them. */
export const machineMemory: Check = {
  id: "machine.memory",
  title: "Memory",
  why: "A worker that gets no more memory is killed by the kernel, in the middle of what it does",
  exitCode: EXIT.UNAVAILABLE,
  after: [serviceState],
  run(probe) {
    const { total, available, swapTotal, swapFree } = Deno.systemMemoryInfo();
    const properties = probe.valueOf(serviceState) ?? {};
    const finding = judge({
      total,
      available,
      swapTotal,
      swapFree,
      ownLimit: limitOf(process.constrainedMemory()),
      serviceLimit: limitIn(properties, "MemoryMax"),
      serviceHigh: limitIn(properties, "MemoryHigh"),
    });
    return Promise.resolve({ findings: [finding] });
  },
};

/** What a look at the memory comes to. */
export function judge(look: MemoryLook): Finding {
  const { total, available, swapTotal, swapFree, ownLimit, serviceLimit, serviceHigh } = look;
  const facts = Object.fromEntries(
    Object.entries(look).map(([name, bytes]) => [`${name}Bytes`, Number.isFinite(bytes) ? bytes : null]),
  );
  const swap = swapTotal === 0 ? "no swap" : `${mib(swapFree)} of ${mib(swapTotal)} swap free`;
  const limit = Math.min(serviceLimit, serviceHigh);
  const groups = [
    ...(ownLimit < total ? [`this control group ${mib(ownLimit)}`] : []),
    ...(limit < total ? [`the service ${mib(limit)}`] : []),
  ];
  const limits = groups.length === 0 ? "no control group limits it" : `limited: ${groups.join(", ")}`;
  const found = `${mib(available)} of ${mib(total)} available, ${swap}; ${limits}`;
  if (Math.min(limit, ownLimit) < LITTLE_BYTES) {
    return warning({
      code: "memory_limited",
      found,
      remedy: limit < LITTLE_BYTES
        ? `In the unit (systemctl edit ${UNIT_NAME}): MemoryHigh=1G and MemoryMax=1536M`
        : "Give the container or slice this runs in 512 MiB or more",
      facts,
    });
  }
  if (available + swapFree < LITTLE_BYTES) {
    return warning({
      code: "memory_low",
      found,
      remedy: "End what needs it (ps aux --sort=-rss | head), or give the machine more",
      facts,
    });
  }
  return ok(found, facts);
}

const mib = (bytes: number) => `${Math.floor(bytes / MIB)} MiB`;

/** Systems say "none" with a number that no machine has. */
const limitOf = (bytes: number) => bytes > 0 && bytes < 2 ** 53 ? bytes : Infinity;

function limitIn(properties: UnitProperties, name: string): number {
  const value = properties[name];
  return typeof value === "bigint" ? limitOf(Number(value)) : Infinity;
}
