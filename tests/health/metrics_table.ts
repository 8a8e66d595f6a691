/** The table of metrics in `docs/monitoring/README.md`, made from what the metrics say of themselves. Run, it writes it. */

import { Metrics } from "../../src/health/metrics.ts";

/** The file with the table. */
export const MONITORING_README = new URL("../../docs/monitoring/README.md", import.meta.url);
const TABLE = /(?<=<!-- metrics: [^>]*-->\n)[^]*(?=<!-- end of metrics -->)/;

/** Metrics of no worker: there to be described, and to be told things. */
export function idleMetrics(): Metrics {
  return new Metrics({
    workerId: "worker-1",
    workerStatus: () => Promise.reject(new Error("There is no worker")),
    sessions: () => [],
    media: () => Promise.resolve({ pending: 0, bytes: 0 }),
    isReady: () => false,
    startedAtMs: 0,
  });
}

/** The text of the file with the table as it has to be. */
export function withTable(text: string): string {
  const { described } = idleMetrics();
  const rows = described.map(({ name, type, labels, help }) => [
    `\`${name}\``,
    type,
    labels.map((label) => `\`${label}\``).join(", "),
    help.replaceAll("|", "\\|"),
  ]);
  const header = ["metric", "type", "labels", "what it is"];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(" | ")} |\n`;
  const table = [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("");
  return text.replace(TABLE, `\n${table}\n`);
}

if (import.meta.main) {
  await Deno.writeTextFile(MONITORING_README, withTable(await Deno.readTextFile(MONITORING_README)));
}
