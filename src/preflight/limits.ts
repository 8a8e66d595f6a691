/** The limits that the worker's process has or will have as a service. */
import { unitValue } from "./service.ts";
import type { UnitProperties } from "./systemd_bus.ts";

/** Limits, as far as they are known; Infinity is none. */
export interface Limits {
  readonly files?: number;
  /** The largest core dump, in bytes. */
  readonly core?: number;
  /** Who says so, if anybody does. */
  readonly source: "systemd" | "the unit";
}

/** The service's, where systemd or the unit tells them; none else, as Deno gives out nothing of /proc. */
export function limitsOf(unit: string | undefined, properties: UnitProperties | undefined): Limits {
  if (properties !== undefined) {
    const { LimitNOFILE, LimitCORE } = properties;
    return { ...known("files", LimitNOFILE), ...known("core", LimitCORE), source: "systemd" };
  }
  const [files, core] = ["LimitNOFILE", "LimitCORE"].map((key) => numberOf(unit && unitValue(unit, key)));
  return { ...known("files", files), ...known("core", core), source: "the unit" };
}

function numberOf(text: string | undefined): number | undefined {
  if (text === "infinity") return Infinity;
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

function known(name: "files" | "core", value: unknown): Partial<Limits> {
  // systemd says 2^64 - 1 for none.
  if (typeof value === "bigint") return { [name]: value === 2n ** 64n - 1n ? Infinity : Number(value) };
  return typeof value === "number" ? { [name]: value } : {};
}
