import { BATCH_ROWS, inBatches } from "./batches.ts";
import type { Database } from "./database.ts";

/** How often messages were asked for again: what bounds it must not start anew with every restart. */
export class RetryCounts {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** @param request the message, and who asked for it */
  async get(numberId: string, request: string): Promise<number | undefined> {
    const row = await this.#database.selectOne(
      "SELECT count FROM retry WHERE number_id = ? AND request = ?",
      numberId,
      request,
    );
    return row === undefined ? undefined : Number(row.count);
  }

  async set(numberId: string, request: string, count: number): Promise<void> {
    await this.#database.commit([{
      sql: `INSERT INTO retry (number_id, request, count, counted_at) VALUES (?, ?, ?, ?)
            ON CONFLICT (number_id, request) DO UPDATE SET count = excluded.count, counted_at = excluded.counted_at`,
      parameters: [numberId, request, count, this.#now()],
    }]);
  }

  async forget(numberId: string, request: string): Promise<void> {
    await this.#database.commit([{
      sql: "DELETE FROM retry WHERE number_id = ? AND request = ?",
      parameters: [numberId, request],
    }]);
  }

  /** Forgets counts that have not changed since `beforeMs`. */
  async prune(beforeMs: number, signal: AbortSignal): Promise<void> {
    await inBatches(() =>
      this.#database.commit([{
        sql: `DELETE FROM retry WHERE (number_id, request) IN (
                SELECT number_id, request FROM retry WHERE counted_at < ? ORDER BY counted_at LIMIT ?)`,
        parameters: [beforeMs, BATCH_ROWS],
      }]), signal);
  }
}
