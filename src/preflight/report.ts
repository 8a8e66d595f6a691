/** The result of all checks, as `--json` prints it. */
import { EXIT } from "../exit_codes.ts";
import type { Check, Finding } from "./check.ts";

/** How a check ended: the worst of what it found, or not run at all. */
export type Status = Finding["status"] | "skipped";

/** One check's result. */
export interface CheckResult {
  readonly id: string;
  readonly title: string;
  readonly status: Status;
  readonly why: string;
  readonly findings: readonly Finding[];
  /** Why it did not run: the failed checks it builds on, directly or not. */
  readonly skippedFor?: readonly string[];
  readonly durationMs: number;
}

/** Everything `--check` has to say. */
export interface Report {
  readonly program: "whatsapp-worker";
  readonly version: string;
  readonly envFile: string;
  readonly status: Finding["status"];
  /** 78 configuration, 73 state folder, 69 something out of reach: the first that applies; 1 warnings with `--strict`; 0 */
  readonly exitCode: number;
  readonly durationMs: number;
  readonly checks: readonly CheckResult[];
}

/** What has to be mended first comes first. */
const BY_URGENCY: readonly number[] = [EXIT.CONFIG, EXIT.CANTCREAT, EXIT.UNAVAILABLE];

/** The worst status of `findings`; `ok` for none. */
export function worst(findings: readonly { readonly status: Status }[]): Finding["status"] {
  const has = (status: Status) => findings.some((finding) => finding.status === status);
  return has("failure") ? "failure" : has("warning") ? "warning" : "ok";
}

/** The exit code for `results`; warnings alone are fine unless it is `strict`. */
export function exitCodeOf(
  checks: readonly Check[],
  results: readonly CheckResult[],
  { strict = false }: { strict?: boolean } = {},
): number {
  const codes = checks
    .filter(({ id }) => results.some((result) => result.id === id && result.status === "failure"))
    .map(({ exitCode }) => exitCode);
  const whenFine = strict && worst(results) === "warning" ? EXIT.WARNINGS : EXIT.OK;
  return BY_URGENCY.find((code) => codes.includes(code)) ?? codes[0] ?? whenFine;
}
