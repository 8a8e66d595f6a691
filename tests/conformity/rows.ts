/** What a row of the conformity table is. */

import type { Observations } from "./observations.ts";

/** How a row ended. */
export type Status = "ok" | "failed" | "superseded";

/**
 * Looks at what was observed and says what it saw, in a phrase.
 *
 * @throws {Error} whose message says what was expected and not seen
 */
export type Check = (seen: Observations) => string;

/** One statement of the document: a box, a table row, a step, a sign in the margin. */
export interface Row {
  /** `topic.name`; the topic is what the score rows sum up. */
  readonly id: string;
  /** The heading of the document under which it stands, word for word. */
  readonly section: string;
  /** 1-based line of the document. */
  readonly line: number;
  /** That line's own words, or the part of them that matters. */
  readonly quote: string;
  readonly verdict: Verdict;
}

/** How the outcome of a row is found. */
export type Verdict =
  /** The statement holds, and the check proves it. */
  | { readonly kind: "holds"; readonly check: Check }
  /** The statement names something that was replaced; the check proves that the replacement is there. */
  | { readonly kind: "superseded"; readonly by: string; readonly check: Check }
  /** A sum over other rows. */
  | { readonly kind: "sum"; readonly over: (row: Row) => boolean };

/** A row's outcome. */
export interface Outcome {
  readonly row: Row;
  readonly status: Status;
  /** What was seen; for a failed row what was not. */
  readonly evidence: string;
}

/** A row before it is put under its section. */
export type Entry = Omit<Row, "section">;

/** A statement that holds. */
export function holds(line: number, id: string, quote: string, check: Check): Entry {
  return { line, id, quote, verdict: { kind: "holds", check } };
}

/** A statement about something that was replaced, with what replaces it. */
export function superseded(line: number, id: string, quote: string, by: string, check: Check): Entry {
  return { line, id, quote, verdict: { kind: "superseded", by, check } };
}

/** A statement that sums others up, such as a score: holds when none of them failed. */
export function sum(line: number, id: string, quote: string, over: (row: Row) => boolean): Entry {
  return { line, id, quote, verdict: { kind: "sum", over } };
}

/** Puts entries under a heading of the document. */
export function section(heading: string, entries: readonly Entry[]): Row[] {
  return entries.map((entry) => ({ ...entry, section: heading }));
}

/** The topics of a sum: every row whose id starts with one of them. */
export function topics(...names: readonly string[]): (row: Row) => boolean {
  return ({ id }) => names.some((name) => id.startsWith(`${name}.`));
}

/** Evaluates every row, in order; sums come from the others' outcomes. */
export function evaluate(rows: readonly Row[], seen: Observations): Outcome[] {
  const plain = new Map(
    rows.filter(({ verdict }) => verdict.kind !== "sum").map((row) => [row, evaluateOne(row, seen)]),
  );
  return rows.map((row) =>
    plain.get(row) ?? sumUp(row, [...plain.values()].filter((one) => isOver(row, one.row)))
  );
}

function evaluateOne(row: Row, seen: Observations): Outcome {
  const { verdict } = row;
  if (verdict.kind === "sum") throw new TypeError(`Cannot evaluate '${row.id}' alone as it sums others up`);
  try {
    const saw = verdict.check(seen);
    return verdict.kind === "holds"
      ? { row, status: "ok", evidence: saw }
      : { row, status: "superseded", evidence: `by ${verdict.by}: ${saw}` };
  } catch (error) {
    // Whatever a check stumbles over, its row failed; the others go on.
    return { row, status: "failed", evidence: error instanceof Error ? error.message : String(error) };
  }
}

function isOver({ verdict }: Row, other: Row): boolean {
  return verdict.kind === "sum" && verdict.over(other);
}

function sumUp(row: Row, parts: readonly Outcome[]): Outcome {
  const failed = parts.filter(({ status }) => status === "failed").map(({ row }) => row.id);
  const counted = parts.length;
  if (counted === 0) return { row, status: "failed", evidence: "sums up no rows" };
  return failed.length === 0 ? { row, status: "ok", evidence: `${counted} of ${counted} checks hold` } : {
    row,
    status: "failed",
    evidence: `${counted - failed.length} of ${counted} checks hold; not ${failed.join(", ")}`,
  };
}
