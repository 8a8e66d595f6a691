import type { Database, Statement } from "./database.ts";

/** The people whom a number has written to or heard of, by every JID they were met under. Not a group's members. */
export class Contacts {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The writes that take note of somebody; of a group, a newsletter or a broadcast there is nothing to note. */
  meeting(numberId: string, jids: readonly string[]): Statement[] {
    return meeting(numberId, jids);
  }

  /** Whether one of these JIDs, all of them one person's, is known. */
  async knows(numberId: string, jids: readonly string[]): Promise<boolean> {
    const row = await this.#database.selectOne(
      "SELECT 1 FROM contact WHERE number_id = ? AND jid IN (SELECT value FROM json_each(?)) LIMIT 1",
      numberId,
      JSON.stringify(jids),
    );
    return row !== undefined;
  }
}

/** {@link Contacts.meeting}, for what is written down with it. */
export function meeting(numberId: string, jids: readonly string[]): Statement[] {
  return jids.filter((jid) => /@(s\.whatsapp\.net|lid)$/.test(jid)).map((jid) => ({
    sql: "INSERT OR IGNORE INTO contact (number_id, jid) VALUES (?, ?)",
    parameters: [numberId, jid],
  }));
}
