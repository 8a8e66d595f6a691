/** The unit in which Linux counts a process's time. */
const TICKS_PER_S = 100;

/** Memory and time of a process. */
export interface Usage {
  readonly residentMiB: number;
  /** Of all its threads since it was started, in user and kernel mode. */
  readonly cpuS: number;
}

/** Asks Linux. */
export async function usageOf(pid: number): Promise<Usage> {
  const [status, stat] = await Promise.all([
    Deno.readTextFile(`/proc/${pid}/status`),
    Deno.readTextFile(`/proc/${pid}/stat`),
  ]);
  const [, residentKiB = NaN] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? [];
  // Behind the name, which may have blanks in it: user and system time are the 12th and 13th.
  const [userTicks, systemTicks] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13).map(Number);
  return { residentMiB: Number(residentKiB) / 1024, cpuS: (userTicks! + systemTicks!) / TICKS_PER_S };
}
