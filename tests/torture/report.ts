/** The account as people and machines read it. */

import type { Account, Facts, FaultFact, Hole } from "./facts.ts";
import { instant } from "./instant.ts";
import { DEFINITION } from "./order.ts";
import type { Schedule } from "./schedule.ts";

/** Holes that are told whole; the others only by their kind and id. */
const TOLD_WHOLE = 25;
const LONGEST_LOG_EXCERPT = 15;

/** The account as a table. */
export function wordAccount({ counts, holes }: Account): string {
  const kinds = Map.groupBy(holes, ({ kind }) => kind);
  const rows = [
    ...counts,
    { what: "holes", count: holes.length },
    ...[...kinds].map(([kind, { length }]) => ({ what: `  ${kind}`, count: length })),
  ];
  const width = Math.max(...rows.map(({ what }) => what.length));
  return [
    ...rows.map(({ what, count }) => `${what.padEnd(width)}  ${String(count).padStart(6)}`),
    "",
    DEFINITION,
  ].join("\n");
}

/** Every hole with its whole history, and what the logs have about it. */
export function wordHoles(
  holes: readonly Hole[],
  { faults }: Facts,
  logs: ReadonlyMap<string, string>,
): string {
  const whole = holes.slice(0, TOLD_WHOLE).map((hole) =>
    [
      `HOLE ${hole.kind} ${hole.id}: ${hole.sentence}`,
      ...hole.history.map((line) => `  ${line}`),
      ...during(hole, faults).map((line) => `  ${line}`),
      ...excerpt(hole, logs).map((line) => `  ${line}`),
    ].join("\n")
  );
  const rest = holes.slice(TOLD_WHOLE).map(({ kind, id, sentence }) => `HOLE ${kind} ${id}: ${sentence}`);
  return [...whole, ...rest].join("\n");
}

/** The account for machines. */
export function accountJson(schedule: Schedule, { counts, holes }: Account, { faults }: Facts): string {
  const { seed, durationMs, fingerprint } = schedule;
  return JSON.stringify(
    {
      seed,
      durationMs,
      schedule: fingerprint,
      clean: holes.length === 0,
      counts: Object.fromEntries(counts.map(({ what, count }) => [what.trim(), count])),
      holes,
      faults: faults.map(({ text, fromMs, toMs }) => ({ text, fromMs, toMs })),
    },
    null,
    2,
  );
}

/** The faults that were under way while it happened, or had been a moment before. */
function during({ history }: Hole, faults: readonly FaultFact[]): string[] {
  const times = history.map((line) => /^\d\d:\d\d:\d\d\.\d{3}/.exec(line)?.[0]).filter((time) =>
    time !== undefined
  );
  const [from, to] = [times[0], times.at(-1)];
  if (from === undefined || to === undefined) return [];
  return faults
    .filter(({ fromMs, toMs }) => instant(toMs + 5_000) >= from && instant(fromMs) <= to)
    .map(({ text, fromMs, toMs }) => `fault ${instant(fromMs)} – ${instant(toMs)} ${text}`);
}

function excerpt({ traces }: Hole, logs: ReadonlyMap<string, string>): string[] {
  return [...logs].flatMap(([name, text]) =>
    text.split("\n").filter((line) => traces.some((trace) => line.includes(trace)))
      .map((line) => `log ${name}: ${line.slice(0, 400)}`)
  ).slice(0, LONGEST_LOG_EXCERPT);
}
