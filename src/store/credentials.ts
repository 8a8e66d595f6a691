import type { Database, Statement } from "./database.ts";

/** How many plaintexts of a number are remembered: more than a link that dies can have been told of in vain. */
const PLAINTEXTS_KEPT = 2048;
/** What is longer is the history of a new device, which is not worth keeping twice. */
const LONGEST_PLAINTEXT_BYTES = 64 * 1024;

/** Every table that has something of a number's device, of its health or of its pace. */
const OF_DEVICE = [
  "credential",
  "credential_set_aside",
  "plaintext",
  "phone",
  "undecryptable",
  "placeholder",
  "message",
  "handover",
  "contact",
  "linked",
  "parked",
  "restriction",
];

/** One key of a session: `value` is its serialised form, `null` to remove it. */
export interface CredentialChange {
  readonly type: string;
  readonly id: string;
  readonly value: string | null;
}

/** The secrets of every number: the device's identity, all Signal keys and ratchets, and what they decrypted lately. */
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

  /**
   * Makes all of `changes` durable together: a ratchet must never be newer than the keys it came from, nor than what
   * was done with it.
   *
   * @param further what is to be durable with them
   */
  async write(
    numberId: string,
    changes: readonly CredentialChange[],
    further: readonly Statement[] = [],
  ): Promise<void> {
    await this.#database.commit([...this.writing(numberId, changes), ...further]);
  }

  /** The writes of {@link write}. */
  writing(numberId: string, changes: readonly CredentialChange[]): Statement[] {
    return changes.map(({ type, id, value }) =>
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
    );
  }

  /**
   * Takes one that cannot be read out of the way, whole, so that nothing is ever written over it; not what has replaced
   * it since it was read.
   */
  async setAside(
    numberId: string,
    { type, id, value }: CredentialChange & { readonly value: string },
  ): Promise<void> {
    const parameters = [numberId, type, id, value];
    const where = "WHERE number_id = ? AND type = ? AND id = ? AND value = ?";
    await this.#database.commit([{
      sql: `INSERT INTO credential_set_aside (number_id, type, id, value)
            SELECT number_id, type, id, value FROM credential ${where}`,
      parameters,
    }, { sql: `DELETE FROM credential ${where}`, parameters }]);
  }

  /** Whether one of this type was set aside. */
  async hasSetAside(numberId: string, type: string): Promise<boolean> {
    const sql = "SELECT 1 FROM credential_set_aside WHERE number_id = ? AND type = ? LIMIT 1";
    return await this.#database.selectOne(sql, numberId, type) !== undefined;
  }

  /** What a ciphertext with this hash was decrypted to, if that was lately. */
  async plaintextOf(numberId: string, ciphertextHash: Uint8Array): Promise<Uint8Array | undefined> {
    const row = await this.#database.selectOne(
      "SELECT plaintext FROM plaintext WHERE number_id = ? AND ciphertext_hash = ?",
      numberId,
      ciphertextHash,
    );
    return row?.plaintext as Uint8Array | undefined;
  }

  /** The writes that remember what a ciphertext was decrypted to, in place of the oldest that is remembered. */
  remembering(numberId: string, ciphertextHash: Uint8Array, plaintext: Uint8Array): Statement[] {
    if (plaintext.length > LONGEST_PLAINTEXT_BYTES) return [];
    return [{
      sql: `INSERT INTO plaintext (number_id, position, ciphertext_hash, plaintext)
            SELECT ?, coalesce(max(position), 0) + 1, ?, ? FROM plaintext WHERE number_id = ?`,
      parameters: [numberId, ciphertextHash, plaintext, numberId],
    }, {
      sql: `DELETE FROM plaintext WHERE number_id = ?
            AND position <= (SELECT max(position) FROM plaintext WHERE number_id = ?) - ${PLAINTEXTS_KEPT}`,
      parameters: [numberId, numberId],
    }];
  }

  /** The writes that forget everything about a number's device, with what was written to it and noted of its health and pace. */
  forgetting(numberId: string): Statement[] {
    return OF_DEVICE.map((table) => ({
      sql: `DELETE FROM ${table} WHERE number_id = ?`,
      parameters: [numberId],
    }));
  }
}
