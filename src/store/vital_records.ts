import type { Database } from "./database.ts";
import type { ReceivedKey } from "./received.ts";

/** How many undecryptable messages of a number are remembered, so that who sends rubbish does not fill the disk. */
const UNDECRYPTABLE_KEPT = 1_000;

/** What a restart must not make a session forget about its own health. */
export interface VitalRecord {
  /** The last sign of the phone; `undefined` when none was seen. */
  readonly phoneSeenAtMs: number | undefined;
  /** Since when signs of the phone are looked for; `undefined` when they are not yet. */
  readonly phoneWatchedSinceMs: number | undefined;
  /** How many messages came in and could not be decrypted to this day, at most 1,000. */
  readonly undecryptable: number;
  /** Until when the number may write to nobody new; `Infinity` when nobody knows, `undefined` when it may. */
  readonly restrictedUntilMs: number | undefined;
}

/** The vitals of every number that outlive the process. */
export class VitalRecords {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  async read(numberId: string): Promise<VitalRecord> {
    const restriction = await this.#database.selectOne(
      "SELECT until_at FROM restriction WHERE number_id = ?",
      numberId,
    );
    const phone = await this.#database.selectOne("SELECT * FROM phone WHERE number_id = ?", numberId);
    return {
      phoneSeenAtMs: phone?.seen_at == null ? undefined : Number(phone.seen_at),
      phoneWatchedSinceMs: phone && Number(phone.watched_since),
      restrictedUntilMs: restriction && Number(restriction.until_at ?? Infinity),
      undecryptable: await this.#countUndecryptable(numberId),
    };
  }

  /** Signs of the phone are looked for from now on; `seenAtMs` is the last one. Fails at once when the disk does. */
  async notePhone(numberId: string, seenAtMs: number | undefined): Promise<void> {
    await this.#database.commit([{
      sql: `INSERT INTO phone (number_id, seen_at, watched_since) VALUES (?, ?, ?)
            ON CONFLICT (number_id) DO UPDATE SET seen_at = coalesce(excluded.seen_at, seen_at)`,
      parameters: [numberId, seenAtMs ?? null, this.#now()],
    }], { patient: false });
  }

  /** The number may write to nobody new until then, `Infinity`: until that is known; `undefined`: it may again. */
  async noteRestriction(numberId: string, untilMs: number | undefined): Promise<void> {
    await this.#database.commit([
      untilMs === undefined
        ? { sql: "DELETE FROM restriction WHERE number_id = ?", parameters: [numberId] }
        : {
          sql: "INSERT OR REPLACE INTO restriction (number_id, until_at) VALUES (?, ?)",
          parameters: [numberId, untilMs === Infinity ? null : untilMs],
        },
    ]);
  }

  /** A message could not be decrypted. @returns how many of the number's there are now */
  async noteUndecryptable({ numberId, chat, whatsappId }: ReceivedKey): Promise<number> {
    await this.#database.commit([{
      sql: "INSERT OR IGNORE INTO undecryptable (number_id, chat, whatsapp_id, noted_at) VALUES (?, ?, ?, ?)",
      parameters: [numberId, chat, whatsappId, this.#now()],
    }, {
      sql: `DELETE FROM undecryptable WHERE number_id = ? AND told = 1 AND (chat, whatsapp_id) IN (
              SELECT chat, whatsapp_id FROM undecryptable WHERE number_id = ?
              ORDER BY noted_at DESC LIMIT -1 OFFSET ${UNDECRYPTABLE_KEPT})`,
      parameters: [numberId, numberId],
    }]);
    return await this.#countUndecryptable(numberId);
  }

  /**
   * A message was decrypted, perhaps after all.
   *
   * @param message with every name its chat may have had
   * @returns how many of the number's could not be
   */
  async noteDecrypted(
    { numberId, chats, whatsappId }: Omit<ReceivedKey, "chat"> & { readonly chats: readonly string[] },
  ): Promise<number> {
    await this.#database.commit(chats.map((chat) => ({
      sql: "DELETE FROM undecryptable WHERE number_id = ? AND chat = ? AND whatsapp_id = ?",
      parameters: [numberId, chat, whatsappId],
    })));
    return await this.#countUndecryptable(numberId);
  }

  async #countUndecryptable(numberId: string): Promise<number> {
    const row = await this.#database.selectOne(
      "SELECT count(*) AS count FROM undecryptable WHERE number_id = ?",
      numberId,
    );
    return Math.min(Number(row?.count ?? 0), UNDECRYPTABLE_KEPT);
  }
}
