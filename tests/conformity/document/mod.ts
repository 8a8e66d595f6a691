/** The document as rows, and whether they are all there. */

import type { Row } from "../rows.ts";
import { ATTENTION } from "./attention.ts";
import { CHECKLIST } from "./checklist.ts";
import { CONCLUSION } from "./conclusion.ts";
import { CORRUPTED_ENV, RECOMMENDED_ENV } from "./env_texts.ts";
import { POINTS } from "./points.ts";

/** Every row, in the order of the document. */
export const ROWS: readonly Row[] = [...POINTS, ...ATTENTION, ...CHECKLIST, ...CONCLUSION];

/** Headings and groups that only hold others; what stands under them has the rows. */
const HEADING = /^(#{1,6} |\d+\. \*\*(?:Immédiat|Court terme|Moyen terme) )/;
const TABLE_HEAD = /^\| (?:Composant|Catégorie) \|/;
const TABLE_ROW = /^\| /;
const LIST_ITEM = /^\s*(?:- |\d+\. )/;
const MARK = /[✅⚠❌]/u;
const SCORE = /^\*\*(?:SCORE|Score|Version|Worker ID)/;

/** Whether a line of the document states something a row must answer for. */
export function isStatement(line: string): boolean {
  if (HEADING.test(line) || TABLE_HEAD.test(line)) return false;
  return [TABLE_ROW, LIST_ITEM, MARK, SCORE].some((pattern) => pattern.test(line));
}

/** Headings that need at least one row of their own: the steps, the corrections and the points of attention. */
function needsRows(line: string): boolean {
  return /^### (?:Étape|Correction) \d|^### \d\. ⚠|^### ✅|^### ⚠/u.test(line) ||
    (HEADING.test(line) && !line.startsWith("#"));
}

/** What the rows and the document do not agree on, a sentence each; empty when every statement has its row. */
export function disagreements(document: string, rows: readonly Row[] = ROWS): string[] {
  const lines = document.split("\n");
  const covered = new Set(rows.map(({ line }) => line));
  const sections = new Set(rows.map(({ section }) => section));
  const misquoted = rows.filter(({ line, quote }) => !lines[line - 1]?.includes(quote));
  const misplaced = rows.filter(({ line, section }) => !lines.slice(0, line).includes(section));
  return [
    ...lines.flatMap((line, index) =>
      isStatement(line) && !covered.has(index + 1) ? [`Line ${index + 1} has no row: ${line.trim()}`] : []
    ),
    ...lines.flatMap((line, index) =>
      needsRows(line) && !sections.has(line) ? [`Nothing stands under line ${index + 1}: ${line}`] : []
    ),
    ...misquoted.map(({ id, line }) => `${id} quotes what line ${line} does not say: ${lines[line - 1]}`),
    ...misplaced.map(({ id, section }) => `${id} stands under what is no heading before it: ${section}`),
    ...[CORRUPTED_ENV, RECOMMENDED_ENV].flatMap((text) =>
      document.includes(text) ? [] : [`The document does not show this .env: ${text.slice(0, 40)}…`]
    ),
  ];
}
