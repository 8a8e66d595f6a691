import type { Database, Row, Statement } from "./database.ts";
import type { ReceivedKey } from "./received.ts";

/** How many a number may wait for, so that who announces rubbish does not fill the disk. */
const KEPT = 1_000;

/** A message that was announced without its content. */
export interface Placeholder extends ReceivedKey {
  readonly fromMe: boolean;
  /** Who wrote it, in a group. */
  readonly participant: string | undefined;
  readonly sentAtMs: number;
  /** How often the phone was asked again. */
  readonly attempts: number;
}

/** The messages of every number whose content its phone has yet to hand on: WhatsApp does not announce them again. */
export class Placeholders {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Remembers a message that is announced; one that is known already stays as it is. Beyond 1,000 the oldest go.
   *
   * @returns how many of the number's were forgotten for it
   */
  async note({ numberId, chat, whatsappId, fromMe, participant, sentAtMs }: Placeholder): Promise<number> {
    await this.#database.commit([{
      sql: `INSERT OR IGNORE INTO placeholder (number_id, chat, whatsapp_id, from_me, participant, sent_at)
            VALUES (?, ?, ?, ?, ?, ?)`,
      parameters: [numberId, chat, whatsappId, Number(fromMe), participant ?? null, sentAtMs],
    }]);
    return await this.#database.commit([{
      sql: `DELETE FROM placeholder WHERE number_id = ? AND (chat, whatsapp_id) IN (
              SELECT chat, whatsapp_id FROM placeholder WHERE number_id = ?
              ORDER BY sent_at DESC LIMIT -1 OFFSET ${KEPT})`,
      parameters: [numberId, numberId],
    }]);
  }

  /** Those of a number, the oldest first. */
  async of(numberId: string): Promise<Placeholder[]> {
    const sql = "SELECT * FROM placeholder WHERE number_id = ? ORDER BY sent_at";
    return (await this.#database.select(sql, numberId)).map(placeholder);
  }

  /** The phone is about to be asked again. @returns whether the content is still missed */
  async asking({ numberId, chat, whatsappId }: ReceivedKey): Promise<boolean> {
    return await this.#database.commit([{
      sql: `UPDATE placeholder SET attempts = attempts + 1
            WHERE number_id = ? AND chat = ? AND whatsapp_id = ?`,
      parameters: [numberId, chat, whatsappId],
    }]) > 0;
  }

  /** The writes that forget a message. */
  forgetting({ numberId, chat, whatsappId }: ReceivedKey): Statement[] {
    return [{
      sql: "DELETE FROM placeholder WHERE number_id = ? AND chat = ? AND whatsapp_id = ?",
      parameters: [numberId, chat, whatsappId],
    }];
  }
}

function placeholder(row: Row): Placeholder {
  return {
    numberId: String(row.number_id),
    chat: String(row.chat),
    whatsappId: String(row.whatsapp_id),
    fromMe: row.from_me === 1,
    participant: row.participant === null ? undefined : String(row.participant),
    sentAtMs: Number(row.sent_at),
    attempts: Number(row.attempts),
  };
}
