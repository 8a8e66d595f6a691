/** How the outcome is shown. */

import type { Outcome, Status } from "./rows.ts";

const WORDS: Record<Status, string> = {
  ok: "ok",
  failed: "FAILED",
  superseded: "superseded",
};

/** How many rows ended how. */
export function totals(outcomes: readonly Outcome[]): Record<Status, number> {
  const counts: Record<Status, number> = { ok: 0, failed: 0, superseded: 0 };
  for (const { status } of outcomes) counts[status]++;
  return counts;
}

/** The table for people: under each heading of the document its rows, with line, quote and what was seen. */
export function renderTable(outcomes: readonly Outcome[]): string {
  let heading = "";
  return outcomes.flatMap(({ row, status, evidence }) => {
    const under = row.section === heading ? [] : ["", row.section];
    heading = row.section;
    const head = `${WORDS[status].padEnd(10)}  ${row.id.padEnd(26)} l.${String(row.line).padEnd(4)}`;
    return [
      ...under,
      `  ${head} « ${row.quote.trim()} »`,
      ...wrap(evidence).map((line) => `              ${line}`),
    ];
  }).join("\n");
}

/** `N ok, N superseded, N failed` */
export function renderTotals(outcomes: readonly Outcome[]): string {
  const { ok, superseded, failed } = totals(outcomes);
  return `${outcomes.length} rows: ${ok} ok, ${superseded} superseded, ${failed} failed`;
}

/** The same for machines. */
export function asJson(outcomes: readonly Outcome[], problems: readonly string[]): string {
  const rows = outcomes.map(({ row: { id, section, line, quote }, status, evidence }) => (
    { id, section, line, quote, status, evidence }
  ));
  return JSON.stringify({ totals: totals(outcomes), problems, rows }, undefined, 2);
}

/** Lines of at most 110 characters, broken at blanks; what is longer without a blank stays whole. */
function wrap(text: string): string[] {
  return text.split("\n").flatMap((line) => line.match(/.{1,110}(?:\s|$)|\S+/g) ?? [""]).map((line) =>
    line.trimEnd()
  );
}
