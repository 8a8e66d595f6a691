/** `--check`: looks at everything the worker needs, says what is wrong and what to type. */
import { configuringEnvironment } from "../config/environment.ts";
import { defaultEnvFile } from "../config/load.ts";
import { renderProgress } from "./progress.ts";
import { renderReport } from "./render.ts";
import { exitCodeOf, type Report, worst } from "./report.ts";
import { runChecks, type RunOptions } from "./runner.ts";
import { CHECKS } from "./checks/mod.ts";
import { VERSION } from "../version.ts";

/** Runs every check and returns the report; see {@link RunOptions} for the times it keeps. */
export async function checkAll(options: RunOptions): Promise<Report> {
  const startedAt = performance.now();
  const results = await runChecks(CHECKS, options);
  return {
    program: "whatsapp-worker",
    version: VERSION,
    envFile: options.envFile ?? await defaultEnvFile(),
    status: worst(results),
    exitCode: exitCodeOf(CHECKS, results),
    durationMs: Math.round(performance.now() - startedAt),
    checks: results,
  };
}

/** Checks, prints the report to standard output (progress to standard error on a terminal), resolves to the exit code. */
export async function preflight(
  { envFile, json }: { envFile: string | undefined; json: boolean },
): Promise<number> {
  const progress = Deno.stderr.isTerminal() ? renderProgress(Deno.stderr) : undefined;
  const report = await checkAll({
    envFile,
    environment: configuringEnvironment(),
    ...(progress && { onProgress: progress.show }),
  });
  progress?.end();
  const colour = Deno.stdout.isTerminal() && !Deno.noColor;
  console.log(json ? JSON.stringify(report, undefined, 2) : renderReport(report, { colour }));
  return report.exitCode;
}
