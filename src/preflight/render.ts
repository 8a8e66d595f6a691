import type { Finding } from "./check.ts";
import type { CheckResult, Report, Status } from "./report.ts";

const COLOURS: Record<Status, number> = { ok: 32, warning: 33, failure: 31, skipped: 90 };
const STATUS_WIDTH = 9, TITLE_WIDTH = 21;
const INDENT = " ".repeat(STATUS_WIDTH + TITLE_WIDTH);

type Paint = (text: string, status: Status) => string;

/** The report in columns for a person: status, check, finding; below what is wrong, what to type and why it matters. */
export function renderReport(report: Report, { colour }: { colour: boolean }): string {
  const paint: Paint = (text, status) => colour ? `\x1b[${COLOURS[status]}m${text}\x1b[0m` : text;
  return [
    `whatsapp-worker ${report.version}: check with ${report.envFile}`,
    "",
    ...report.checks.flatMap((check) => renderCheck(check, paint)),
    ...renderSkipped(report.checks, paint),
    "",
    paint(summary(report), report.status),
  ].join("\n");
}

function renderCheck({ title, status, why, findings }: CheckResult, paint: Paint): string[] {
  const lines = findings.flatMap(({ status, subject, found, excerpt, remedy }, index) => [
    row(paint, status, index === 0 ? title : "", [subject, found].filter(Boolean).join(": ")),
    ...(excerpt === undefined ? [] : [`${INDENT}    ${excerpt}`]),
    // What mends several things in a row is said once, below the last of them.
    ...(remedy === undefined || remedy === findings[index + 1]?.remedy ? [] : [`${INDENT}→ ${remedy}`]),
  ]);
  return status === "ok" || findings.length === 0 ? lines : [...lines, `${INDENT}(${why})`];
}

/** Checks that were skipped for the same reason share a line. */
function renderSkipped(checks: readonly CheckResult[], paint: Paint): string[] {
  const titleOf = (id: string) => `'${checks.find((check) => check.id === id)?.title ?? id}'`;
  const skipped = checks.filter(({ status }) => status === "skipped");
  const byReason = Map.groupBy(skipped, ({ skippedFor = [] }) => skippedFor.map(titleOf).join(" and "));
  return [...byReason].map(([reason, group]) =>
    row(paint, "skipped", `needs ${reason}:`, group.map(({ title }) => title).join(", "))
  );
}

function row(paint: Paint, status: Status, title: string, text: string): string {
  return paint(status.padEnd(STATUS_WIDTH), status) + `${title} `.padEnd(TITLE_WIDTH) + text;
}

function summary({ checks, durationMs, exitCode }: Report): string {
  const count = (status: Finding["status"], noun: string) => {
    const n =
      checks.flatMap(({ findings }) => findings).filter((finding) => finding.status === status).length;
    return n === 0 ? [] : [`${n} ${noun}${n === 1 ? "" : "s"}`];
  };
  const skipped = checks.filter(({ status }) => status === "skipped").length;
  const parts = [
    ...count("failure", "failure"),
    ...count("warning", "warning"),
    ...(skipped === 0 ? [] : [`${skipped} of ${checks.length} checks skipped`]),
  ];
  const verdict = parts.length === 0 ? `All ${checks.length} checks are fine` : parts.join(", ");
  return `${verdict} (${(durationMs / 1000).toFixed(1)} s, exit ${exitCode})`;
}
