import { BATCH_ROWS, inBatches } from "./batches.ts";
import type { Database, Row, Statement } from "./database.ts";

/** What names a message. */
export interface MessageId {
  /** Digits. */
  readonly numberId: string;
  readonly whatsappId: string;
  /** The chat's JID. */
  readonly chat: string;
}

/** A message that came in, or what has become of one that was sent from here. */
export interface StoredMessage extends MessageId {
  /** Its owner wrote it, on another device. */
  readonly fromMe: boolean;
  /** The JID that who wrote it had there, if it was not its owner: their chat may be named by another one of theirs. */
  readonly author?: string | undefined;
  /** The encoded WhatsApp message; empty when it was sent from here and is taken back. */
  readonly content: Uint8Array;
}

/** Read from an index alone. */
const BYTES = "SELECT sum(length(content)) AS bytes FROM message";

/**
 * The messages that came in over the last days, whole. What was sent from here is in the ledger as it went out, and here once
 * it has changed since.
 */
export class Messages {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** The write that keeps a message; one that is there already stays as it is. */
  keeping(message: StoredMessage): Statement[] {
    return this.#writing(message, "DO NOTHING");
  }

  /** The write that gives a message, kept or not, another content: it was edited. */
  replacing(message: StoredMessage): Statement[] {
    return this.#writing(
      message,
      "DO UPDATE SET content = excluded.content, from_me = excluded.from_me, participant = excluded.participant",
    );
  }

  /** Whether a message is kept. */
  async has({ numberId, whatsappId, chat }: MessageId): Promise<boolean> {
    const row = await this.#database.selectOne(
      "SELECT 1 FROM message WHERE number_id = ? AND whatsapp_id = ? AND chat = ?",
      numberId,
      whatsappId,
      chat,
    );
    return row !== undefined;
  }

  /** The write that forgets a message: it was taken back. */
  forgettingOne({ numberId, whatsappId, chat }: MessageId): Statement[] {
    return [{
      sql: "DELETE FROM message WHERE number_id = ? AND whatsapp_id = ? AND chat = ?",
      parameters: [numberId, whatsappId, chat],
    }];
  }

  /** Every message with this id: who writes one chooses it, so that two chats may have the same. */
  async find(numberId: string, whatsappId: string): Promise<StoredMessage[]> {
    const rows = await this.#database.select(
      "SELECT * FROM message WHERE number_id = ? AND whatsapp_id = ?",
      numberId,
      whatsappId,
    );
    return rows.map(storedMessage);
  }

  /** Forgets messages kept before `beforeMs`. */
  async prune(beforeMs: number, signal: AbortSignal): Promise<void> {
    await inBatches(() =>
      this.#database.commit([{
        sql: `DELETE FROM message WHERE (number_id, whatsapp_id, chat) IN (
                SELECT number_id, whatsapp_id, chat FROM message WHERE created_at < ? ORDER BY created_at LIMIT ?)`,
        parameters: [beforeMs, BATCH_ROWS],
      }]), signal);
  }

  /** Forgets the oldest messages, until those that are left take no more than `maxBytes`. */
  async bound(maxBytes: number, signal: AbortSignal): Promise<void> {
    let excess = Number((await this.#database.selectOne(BYTES))?.bytes ?? 0) - maxBytes;
    await inBatches(async () => {
      if (excess <= 0) return 0;
      const oldest = await this.#database.select(
        `SELECT number_id, whatsapp_id, chat, length(content) AS bytes FROM message ORDER BY created_at LIMIT ?`,
        BATCH_ROWS,
      );
      const forgotten: Statement[] = [];
      for (const { number_id, whatsapp_id, chat, bytes } of oldest) {
        if (excess <= 0) break;
        excess -= Number(bytes);
        const id = { numberId: String(number_id), whatsappId: String(whatsapp_id), chat: String(chat) };
        forgotten.push(...this.forgettingOne(id));
      }
      return await this.#database.commit(forgotten);
    }, signal);
  }

  #writing(
    { numberId, whatsappId, chat, fromMe, author, content }: StoredMessage,
    onConflict: string,
  ): Statement[] {
    return [{
      sql: `INSERT INTO message (number_id, whatsapp_id, chat, from_me, participant, content, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (number_id, whatsapp_id, chat) ${onConflict}`,
      parameters: [numberId, whatsappId, chat, fromMe ? 1 : 0, author ?? null, content, this.#now()],
    }];
  }
}

function storedMessage(row: Row): StoredMessage {
  return {
    numberId: String(row.number_id),
    whatsappId: String(row.whatsapp_id),
    chat: String(row.chat),
    fromMe: row.from_me === 1,
    author: row.participant === null ? undefined : String(row.participant),
    content: row.content as Uint8Array,
  };
}
