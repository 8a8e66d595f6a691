import { BATCH_ROWS, inBatches } from "./batches.ts";
import type { Database, Statement } from "./database.ts";

/** What names one message WhatsApp delivered. */
export interface ReceivedKey {
  /** Digits. */
  readonly numberId: string;
  /** The chat's JID. */
  readonly chat: string;
  readonly whatsappId: string;
}

/** The messages already passed on: WhatsApp delivers again what it believes was lost. */
export class Received {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  async has({ numberId, chat, whatsappId }: ReceivedKey): Promise<boolean> {
    const row = await this.#database.selectOne(
      "SELECT 1 FROM received WHERE number_id = ? AND chat = ? AND whatsapp_id = ?",
      numberId,
      chat,
      whatsappId,
    );
    return row !== undefined;
  }

  /** The write that remembers a message, to be committed with the event that reports it. */
  remembering({ numberId, chat, whatsappId }: ReceivedKey): Statement[] {
    return [{
      sql: "INSERT INTO received (number_id, chat, whatsapp_id, received_at) VALUES (?, ?, ?, ?)",
      parameters: [numberId, chat, whatsappId, this.#now()],
    }];
  }

  /** Forgets messages received before `beforeMs`. */
  async prune(beforeMs: number, signal: AbortSignal): Promise<void> {
    await inBatches(() =>
      this.#database.commit([{
        sql: `DELETE FROM received WHERE (number_id, chat, whatsapp_id) IN (
                SELECT number_id, chat, whatsapp_id FROM received WHERE received_at < ? ORDER BY received_at LIMIT ?)`,
        parameters: [beforeMs, BATCH_ROWS],
      }]), signal);
  }
}
