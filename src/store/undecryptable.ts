import type { Database, Row, Statement } from "./database.ts";
import type { ReceivedKey } from "./received.ts";

/** A message that came in and could not be decrypted. */
export interface UndecryptableMessage extends ReceivedKey {
  readonly fromMe: boolean;
  /** The JID of who wrote it, in a group. */
  readonly participant: string | undefined;
  readonly pushName: string | undefined;
  /** In seconds, as WhatsApp has it. */
  readonly sentAtS: number;
  /** A word. */
  readonly reason: string;
  /** When it could not be decrypted first. */
  readonly notedAtMs: number;
}

/** The messages of every number that could not be decrypted, and of which nobody has been told yet. */
export class Undecryptable {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** Writes one down; one that is there already stays as it is. */
  async note(message: Omit<UndecryptableMessage, "notedAtMs">): Promise<void> {
    const { numberId, chat, whatsappId, fromMe, participant, pushName, sentAtS, reason } = message;
    await this.#database.commit([{
      sql: `INSERT OR IGNORE INTO undecryptable
              (number_id, chat, whatsapp_id, noted_at, from_me, participant, push_name, sent_at, reason, told)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
      parameters: [
        numberId,
        chat,
        whatsappId,
        this.#now(),
        Number(fromMe),
        participant ?? null,
        pushName ?? null,
        sentAtS,
        reason,
      ],
    }]);
  }

  /** Those of a number that are to be told, the oldest first. */
  async untold(numberId: string): Promise<UndecryptableMessage[]> {
    const rows = await this.#database.select(
      "SELECT * FROM undecryptable WHERE number_id = ? AND told = 0 ORDER BY noted_at",
      numberId,
    );
    return rows.map(undecryptableMessage);
  }

  /** The write that says that one was told, or need not be. */
  settling({ numberId, chat, whatsappId }: ReceivedKey): Statement[] {
    return [{
      sql: "UPDATE undecryptable SET told = 1 WHERE number_id = ? AND chat = ? AND whatsapp_id = ?",
      parameters: [numberId, chat, whatsappId],
    }];
  }
}

function undecryptableMessage(row: Row): UndecryptableMessage {
  const text = (value: unknown) => value === null ? undefined : String(value);
  return {
    numberId: String(row.number_id),
    chat: String(row.chat),
    whatsappId: String(row.whatsapp_id),
    fromMe: row.from_me === 1,
    participant: text(row.participant),
    pushName: text(row.push_name),
    sentAtS: Number(row.sent_at),
    reason: String(row.reason),
    notedAtMs: Number(row.noted_at),
  };
}
