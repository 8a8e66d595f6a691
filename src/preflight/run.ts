/** `--check`: looks at everything the worker needs, says what is wrong and what to type. */
import { configuringEnvironment } from "../config/environment.ts";
import { renderProgress } from "./progress.ts";
import { renderReport } from "./render.ts";
import { EXIT } from "../exit_codes.ts";
import { exitCodeOf, type Report, worst } from "./report.ts";
import { LAST_WORDS_MS, runChecks, type RunOptions } from "./runner.ts";
import { CHECKS } from "./checks/mod.ts";
import { selectChecks, timeoutMsOf, WrongUsage } from "./selection.ts";
import { envFileOf } from "./service.ts";
import { VERSION } from "../version.ts";

const DEFAULT_TIMEOUT_S = "15";
/** What the program needs before its own clock starts and after the last check: start, report, end. */
const AROUND_CHECKS_MS = 300;

/** What {@link checkAll} looks at, and how strictly. */
export interface CheckAllOptions extends RunOptions {
  /** Ids of checks or their first parts, separated by commas. @default all */
  readonly only?: string | undefined;
  /** Warnings count. @default false */
  readonly strict?: boolean;
}

/**
 * Runs the checks and returns the report; see {@link RunOptions} for the times it keeps.
 *
 * @throws {WrongUsage} for an `only` that names no check
 */
export async function checkAll({ only, strict = false, ...options }: CheckAllOptions): Promise<Report> {
  const startedAt = performance.now();
  const { checks, reported } = selectChecks(CHECKS, only);
  const results = reported(await runChecks(checks, options));
  return {
    program: "whatsapp-worker",
    version: VERSION,
    envFile: await envFileOf(options),
    status: worst(results),
    exitCode: exitCodeOf(CHECKS, results, { strict }),
    durationMs: Math.round(performance.now() - startedAt),
    checks: results,
  };
}

/** The options of `--check`, as they were typed. */
export interface PreflightOptions {
  readonly envFile: string | undefined;
  readonly json: boolean;
  readonly strict: boolean;
  readonly only: string | undefined;
  readonly timeout: string | undefined;
}

/** Checks, prints the report to standard output (progress to standard error on a terminal), resolves to the exit code. */
export async function preflight(options: PreflightOptions): Promise<number> {
  try {
    return await checkAndPrint(options);
  } catch (error) {
    if (!(error instanceof WrongUsage)) throw error;
    console.error(`${error.message}\nTry --help`);
    return EXIT.USAGE;
  }
}

async function checkAndPrint(
  { envFile, json, strict, only, timeout = DEFAULT_TIMEOUT_S }: PreflightOptions,
): Promise<number> {
  // Of the program as a whole: the time since its start is gone already.
  const totalTimeoutMs = timeoutMsOf(timeout) - performance.now() - LAST_WORDS_MS - AROUND_CHECKS_MS;
  const progress = Deno.stderr.isTerminal() ? renderProgress(Deno.stderr) : undefined;
  const report = await checkAll({
    envFile,
    environment: configuringEnvironment(),
    only,
    strict,
    totalTimeoutMs: Math.max(0, totalTimeoutMs),
    ...(progress && { onProgress: progress.show }),
  });
  progress?.end();
  const colour = Deno.stdout.isTerminal() && !Deno.noColor;
  console.log(json ? JSON.stringify(report, undefined, 2) : renderReport(report, { colour }));
  return report.exitCode;
}
