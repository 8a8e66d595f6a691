import { DatabaseSync } from "node:sqlite";
import { MIGRATIONS } from "./migrations.ts";

/** How many migrations a database has seen. */
export function schemaVersion(sqlite: DatabaseSync): number {
  return Number(sqlite.prepare("PRAGMA user_version").get()?.user_version ?? 0);
}

/** Brings a database to the newest schema. */
export function migrate(sqlite: DatabaseSync): void {
  const version = schemaVersion(sqlite);
  for (const [index, sql] of MIGRATIONS.entries()) {
    if (index < version) continue;
    sqlite.exec(`BEGIN IMMEDIATE; ${sql}; PRAGMA user_version=${index + 1}; COMMIT`);
  }
}

/** What a database lacks of the schema it says it has, or has of a later one; by name, as a wording may have changed. */
export function schemaFaults(sqlite: DatabaseSync): string[] {
  const version = schemaVersion(sqlite);
  // What a newer worker has made of it only that one knows.
  if (version > MIGRATIONS.length) return [];
  const found = objectsOf(sqlite);
  const due = made(version);
  const later = made(MIGRATIONS.length).difference(due);
  return [
    ...[...due.difference(found)].map((object) => `there is no ${object} in its schema ${version}`),
    ...[...found.intersection(later)].map((object) => `there is a later ${object} in its schema ${version}`),
  ];
}

/** The names of everything in the schema of `version`. */
function made(version: number): Set<string> {
  const sqlite = new DatabaseSync(":memory:");
  try {
    for (const sql of MIGRATIONS.slice(0, version)) sqlite.exec(sql);
    return objectsOf(sqlite);
  } finally {
    sqlite.close();
  }
}

function objectsOf(sqlite: DatabaseSync): Set<string> {
  const rows = sqlite.prepare(
    "SELECT type, name FROM sqlite_schema WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!'",
  )
    .all();
  return new Set(rows.map(({ type, name }) => `${type} ${name}`));
}
