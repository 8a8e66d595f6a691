/** The limits that the worker's process has or will have. */
import { textOf, unitValue } from "./service.ts";
import type { UnitProperties } from "./systemd_bus.ts";

/** Limits, as far as they are known; Infinity is none. */
export interface Limits {
  readonly files?: number;
  /** The largest core dump, in bytes. */
  readonly core?: number;
  /** Who says so: `systemd`, `the unit` or `this process`. */
  readonly source: string;
}

/**
 * The service's, where systemd or the unit tells them. Else those of this process, as a worker started from this shell
 * would have them; for that the program has to be started with all permissions, as Deno gives out nothing of /proc.
 */
export async function limitsOf(
  unit: string | undefined,
  properties: UnitProperties | undefined,
): Promise<Limits> {
  if (properties !== undefined) {
    const { LimitNOFILE, LimitCORE } = properties;
    return { ...known("files", LimitNOFILE), ...known("core", LimitCORE), source: "systemd" };
  }
  if (unit !== undefined) {
    const [files, core] = ["LimitNOFILE", "LimitCORE"].map((key) => numberOf(unitValue(unit, key)));
    return { ...known("files", files), ...known("core", core), source: "the unit" };
  }
  return await ownLimits();
}

async function ownLimits(): Promise<Limits> {
  const source = "this process";
  let text: string | undefined;
  try {
    text = await textOf("/proc/self/limits");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
  // Deno raises what it may open as far as it can; for dumps, what counts is what is set.
  const [, files] = /^Max open files\s+\S+\s+(\S+)/m.exec(text ?? "") ?? [];
  const [, core] = /^Max core file size\s+(\S+)/m.exec(text ?? "") ?? [];
  return { ...known("files", numberOf(files)), ...known("core", numberOf(core)), source };
}

function numberOf(text: string | undefined): number | undefined {
  if (text === "unlimited" || text === "infinity") return Infinity;
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function known(name: "files" | "core", value: unknown): Partial<Limits> {
  // systemd says 2^64 - 1 for none.
  if (typeof value === "bigint") return { [name]: value === 2n ** 64n - 1n ? Infinity : Number(value) };
  return typeof value === "number" ? { [name]: value } : {};
}
