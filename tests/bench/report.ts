/** What a subject of the bench has measured, as plain tables or as JSON. */

/** A column of a table; the first one may be without a name. */
export interface Column {
  readonly name: string;
  /** Decimals of its numbers. @default 0 */
  readonly digits?: number;
}

/** `null`: not measured in this row. */
export type Cell = string | number | null;

/** Rows that belong together; the first column names them. */
export interface Table {
  readonly title: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  /** What has to be known to read it: how it was measured, and what its numbers do not say. */
  readonly notes?: readonly string[];
}

/** All that one subject has measured. */
export interface Report {
  readonly subject: string;
  readonly tables: readonly Table[];
}

/** Under what a run took place; numbers of other conditions are not to be compared. */
export type Conditions = Readonly<Record<string, string | number>>;

/** The tables as text. */
export function renderReport({ tables }: Report): string {
  return tables.map(renderTable).join("\n");
}

/** The conditions in one line. */
export function renderConditions(conditions: Conditions): string {
  return Object.entries(conditions).map(([name, value]) => `${name} ${value}`).join(", ");
}

/** Everything for machines: one object a row, keyed by column (`name` where a column has none). */
export function reportsJson(conditions: Conditions, reports: readonly Report[]): string {
  const subjects = reports.map(({ subject, tables }) => ({
    subject,
    tables: tables.map(({ title, columns, rows, notes = [] }) => ({
      title,
      rows: rows.map((row) =>
        Object.fromEntries(columns.map(({ name }, index) => [name || "name", row[index]]))
      ),
      notes,
    })),
  }));
  return JSON.stringify({ conditions, subjects }, null, 2);
}

function renderTable({ title, columns, rows, notes = [] }: Table): string {
  const texts = [
    columns.map(({ name }) => name),
    ...rows.map((row) => row.map((cell, column) => renderCell(cell, columns[column]?.digits ?? 0))),
  ];
  const widths = columns.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  const lines = texts.map((row) =>
    row.map((text, column) => column === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[column]!))
      .join("  ").trimEnd()
  );
  return ["", title, "", ...lines, ...(notes.length === 0 ? [] : ["", ...notes]), ""].join("\n");
}

function renderCell(cell: Cell, digits: number): string {
  if (cell === null) return "–";
  return typeof cell === "number" ? cell.toFixed(digits) : cell;
}
