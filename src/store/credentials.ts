import type { Database, Statement } from "./database.ts";

/** One key of a session: `value` is its serialised form, `null` to remove it. */
export interface CredentialChange {
  readonly type: string;
  readonly id: string;
  readonly value: string | null;
}

/** The secrets of every number: the device's identity and all Signal keys and ratchets. */
export class Credentials {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The serialised values of those `ids` that exist. */
  async read(numberId: string, type: string, ids: readonly string[]): Promise<Map<string, string>> {
    const rows = await this.#database.select(
      "SELECT id, value FROM credential WHERE number_id = ? AND type = ? AND id IN (SELECT value FROM json_each(?))",
      numberId,
      type,
      JSON.stringify(ids),
    );
    return new Map(rows.map((row) => [String(row.id), String(row.value)]));
  }

  /** Makes all of `changes` durable together: a ratchet must never be newer than the keys it came from. */
  async write(numberId: string, changes: readonly CredentialChange[]): Promise<void> {
    await this.#database.commit(changes.map(({ type, id, value }): Statement =>
      value === null
        ? {
          sql: "DELETE FROM credential WHERE number_id = ? AND type = ? AND id = ?",
          parameters: [numberId, type, id],
        }
        : {
          sql: `INSERT INTO credential (number_id, type, id, value) VALUES (?, ?, ?, ?)
                ON CONFLICT (number_id, type, id) DO UPDATE SET value = excluded.value`,
          parameters: [numberId, type, id, value],
        }
    ));
  }

  /** The writes that forget everything about a number's device. */
  forgetting(numberId: string): Statement[] {
    return [{ sql: "DELETE FROM credential WHERE number_id = ?", parameters: [numberId] }];
  }
}
