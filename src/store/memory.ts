import type { Database } from "./database.ts";

/** What the worker has found out about its deployment and is to know after a restart: one text a key. */
export class Memory {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** What was remembered last under `key`. */
  async recall(key: string): Promise<string | undefined> {
    const row = await this.#database.selectOne("SELECT value FROM setting WHERE key = ?", key);
    return row && String(row.value);
  }

  /** Resolves when it is on disk. */
  async remember(key: string, value: string): Promise<void> {
    await this.#database.commit([{
      sql:
        "INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
      parameters: [key, value],
    }]);
  }
}
