/**
 * The conformity table: for every box, table row and step of the analysis this project began with, one named check,
 * on a deployment played with a real RabbitMQ and the real Baileys.
 *
 *     deno task conformity             the table
 *     deno task conformity --json      the same for machines
 *
 * Exits with 1 when a check fails, when the play could not go on, or when the document (if it is at hand, beside the
 * repository) states something that has no row; with 130 when it was interrupted.
 */

import { sharedBroker } from "../rabbitmq/shared.ts";
import { disagreements, ROWS } from "./document/mod.ts";
import { loadRecommended, runOnCorrupted } from "./env_files.ts";
import type { Observations } from "./observations.ts";
import { programVersion, readRepository } from "./repository.ts";
import { evaluate } from "./rows.ts";
import { play } from "./scenario.ts";
import { asJson, renderTable, renderTotals, totals } from "./table.ts";

const DOCUMENT = new URL("../../../shared/mission/analyse-conformite.md", import.meta.url);

async function main(args: string[]): Promise<number> {
  const json = args.includes("--json");
  const startedAt = performance.now();
  const interruption = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => interruption.abort(new Error(`interrupted by ${name}`)));
  }
  const tell = (line: string) =>
    console.error(`${((performance.now() - startedAt) / 1000).toFixed(1)} s  ${line}`);

  const problems: string[] = [];
  const optional = <T>(what: string, work: Promise<T>): Promise<T | undefined> =>
    work.catch((error) => {
      problems.push(`${what}: ${error instanceof Error ? error.message : error}`);
      return undefined;
    });
  const files = await readRepository();
  const recommended = await optional("The recommended .env is refused", loadRecommended());
  const corrupted = await optional("The corrupted .env", runOnCorrupted());
  const version = await optional("--version", programVersion());
  const { troubles, ...played } = await play(await sharedBroker(), { signal: interruption.signal, tell });
  if (interruption.signal.aborted) return 130;
  problems.push(...troubles);
  const seen: Observations = {
    ...played,
    files,
    ...recommended && { recommended },
    ...corrupted && { corrupted },
    ...version && { version },
  };

  const document = await readDocument();
  if (document === undefined) tell("the document is not at hand: its lines were not compared with the rows");
  else problems.push(...disagreements(document));
  const outcomes = evaluate(ROWS, seen);
  if (json) console.log(asJson(outcomes, problems));
  else {
    console.log(renderTable(outcomes));
    for (const problem of problems) console.log(`\nFAILED ${problem}`);
    console.log(`\n${renderTotals(outcomes)}`);
  }
  return totals(outcomes).failed + problems.length === 0 ? 0 : 1;
}

/** The document stands beside the repository where it was given, and nowhere else. */
async function readDocument(): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(DOCUMENT);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
