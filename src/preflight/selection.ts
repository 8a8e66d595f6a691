/** Which checks are asked for, and which have to run for them. */
import { nearestOf } from "../config/suggest.ts";
import type { Check } from "./check.ts";
import type { CheckResult } from "./report.ts";

/** The command line of `--check` is wrong. */
export class WrongUsage extends Error {
  override readonly name = "WrongUsage";
}

/** What `--only` asks for. */
export interface Selection {
  /** In the order of the report, each after those it needs. */
  readonly checks: readonly Check[];
  /** What is reported: those that were asked for, and of those they need the ones that failed. */
  reported(results: readonly CheckResult[]): CheckResult[];
}

/**
 * Those of `all` that `only` names by their ids or the first part of them, separated by commas, and those they need.
 *
 * @throws {WrongUsage} for a name that is none
 */
export function selectChecks(all: readonly Check[], only: string | undefined): Selection {
  if (only === undefined) return { checks: all, reported: (results) => [...results] };
  const names = only.split(",").map((name) => name.trim());
  const asked = new Set(names.flatMap((name) => named(all, name)));
  const needed = new Set(asked);
  // Each stands after those it needs.
  for (const check of all.toReversed()) {
    if (needed.has(check)) check.after.forEach((other) => needed.add(other));
  }
  const isAsked = ({ id }: CheckResult) => [...asked].some((check) => check.id === id);
  return {
    checks: all.filter((check) => needed.has(check)),
    reported: (results) => results.filter((result) => isAsked(result) || result.status === "failure"),
  };
}

function named(all: readonly Check[], name: string): Check[] {
  const found = all.filter(({ id }) => id === name || groupOf(id) === name);
  if (found.length > 0) return found;
  const known = [...new Set(all.flatMap(({ id }) => [groupOf(id), id]))];
  const nearest = nearestOf(name.toLowerCase(), known);
  throw new WrongUsage(
    `There is no check ${JSON.stringify(name)}. ` +
      (nearest === undefined ? `Known: ${known.join(", ")}` : `Did you mean '${nearest}'?`),
  );
}

const groupOf = (id: string) => id.split(".", 1)[0]!;

const LONGEST_S = 3600;

/** The seconds of `--timeout` in ms. @throws {WrongUsage} */
export function timeoutMsOf(seconds: string): number {
  const value = /^\d{1,4}(?:\.\d{1,3})?$/.test(seconds) ? Number(seconds) : NaN;
  if (value >= 1 && value <= LONGEST_S) return value * 1000;
  throw new WrongUsage(`'--timeout' takes seconds, from 1 to ${LONGEST_S}, not ${JSON.stringify(seconds)}`);
}
