import { BATCH_ROWS, breathe, inBatches } from "./batches.ts";
import { meeting } from "./contacts.ts";
import type { Database, Row, Statement } from "./database.ts";
import { unparking } from "./parked.ts";
import { forgettingRecipients } from "./recipients.ts";

/**
 * How far a send has come. `PENDING` is the ledger's own: written down before WhatsApp hears of it, so that a receipt
 * finds its command even after a crash. The others are the statuses the backend is told.
 */
export type SendStatus = "PENDING" | "SENT" | "DELIVERED" | "READ" | "PLAYED" | "FAILED";

/** One send command and what became of it. */
export interface SendRecord {
  /** Digits. */
  readonly numberId: string;
  /** What makes two commands the same send: see `fingerprint` of the sender. */
  readonly fingerprint: string;
  readonly whatsappId: string;
  /** The JID it was sent to. */
  readonly chat: string;
  /** `correlation_id` of all that is said about this send. */
  readonly answerTo?: string | undefined;
  /** The ids as the backend wrote them, in JSON. */
  readonly messageIdJson?: string | undefined;
  readonly numberIdJson: string;
  readonly status: SendStatus;
  /** A repeat of the command gets the latest answer again and nothing goes out. */
  readonly final: boolean;
  /** The latest answer: its AMQP `message_id` and its JSON body. */
  readonly answerId?: string | undefined;
  readonly answer?: string | undefined;
  /** The encoded WhatsApp message, for a contact that asks for it again. */
  readonly content?: Uint8Array | undefined;
  /** Fields of its `SENT` that belong to the message itself, in JSON. */
  readonly remarksJson?: string | undefined;
}

const ORDER: readonly SendStatus[] = ["PENDING", "FAILED", "SENT", "DELIVERED", "READ", "PLAYED"];

/** Whether a send that is at `from` may be reported as `to`: statuses never go backwards. */
export function isProgress(from: SendStatus, to: SendStatus): boolean {
  return ORDER.indexOf(to) > ORDER.indexOf(from);
}

/** The statuses after `from` up to `to`, in order; `FAILED` is no step on the way to another. */
export function stepsBetween(from: SendStatus, to: SendStatus): SendStatus[] {
  return ORDER.slice(ORDER.indexOf(from) + 1, ORDER.indexOf(to) + 1).filter((status) => status !== "FAILED");
}

/** How much time's contents are added up at once. */
const SLICE_MS = 10 * 60_000;
/** Read from an index alone. */
export const BYTES_OF_SLICE =
  "SELECT sum(length(content)) AS bytes FROM send WHERE created_at >= ? AND created_at < ?";

/** Every send of the last days: what makes a repeated command have one effect. */
export class Ledger {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  async find(numberId: string, fingerprint: string): Promise<SendRecord | undefined> {
    const row = await this.#database.selectOne(
      "SELECT * FROM send WHERE number_id = ? AND fingerprint = ?",
      numberId,
      fingerprint,
    );
    return row && sendRecord(row);
  }

  async findByWhatsappId(numberId: string, whatsappId: string): Promise<SendRecord | undefined> {
    const row = await this.#database.selectOne(
      "SELECT * FROM send WHERE number_id = ? AND whatsapp_id = ?",
      numberId,
      whatsappId,
    );
    return row && sendRecord(row);
  }

  /**
   * The writes that record `record`, whole; the time of its first record stays. From then on it is not parked any more, and
   * whom it has reached is somebody the number knows.
   */
  recording(record: SendRecord): Statement[] {
    const hasGoneOut = record.status !== "PENDING" && record.status !== "FAILED";
    return [
      {
        sql:
          `INSERT INTO send (number_id, fingerprint, whatsapp_id, chat, answer_to, message_id_json, number_id_json,
                              status, final, answer_id, answer, content, remarks, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (number_id, fingerprint) DO UPDATE SET
              answer_to = excluded.answer_to, status = excluded.status, final = excluded.final,
              answer_id = excluded.answer_id, answer = excluded.answer, content = excluded.content,
              remarks = excluded.remarks`,
        parameters: [
          record.numberId,
          record.fingerprint,
          record.whatsappId,
          record.chat,
          record.answerTo ?? null,
          record.messageIdJson ?? null,
          record.numberIdJson,
          record.status,
          record.final ? 1 : 0,
          record.answerId ?? null,
          record.answer ?? null,
          record.content ?? null,
          record.remarksJson ?? null,
          this.#now(),
        ],
      },
      ...unparking(record.numberId, record.fingerprint),
      ...hasGoneOut ? meeting(record.numberId, [record.chat]) : [],
    ];
  }

  /** Forgets sends first recorded before `beforeMs`; a repeat of one of those would be sent again. */
  async prune(beforeMs: number, signal: AbortSignal): Promise<void> {
    await inBatches(async () => {
      // One send may have a thousand of them, which nothing but their send leads to.
      await inBatches(() => this.#database.commit([forgettingRecipients(beforeMs, BATCH_ROWS)]), signal);
      if (signal.aborted) return 0;
      return await this.#database.commit([{
        sql: `DELETE FROM send WHERE (number_id, fingerprint) IN (
                SELECT number_id, fingerprint FROM send WHERE created_at < ? ORDER BY created_at LIMIT ?)`,
        parameters: [beforeMs, BATCH_ROWS],
      }]);
    }, signal);
  }

  /** Forgets the contents of the oldest sends, until those that are left take no more than `maxBytes`. */
  async boundContent(maxBytes: number, signal: AbortSignal): Promise<void> {
    let excess = await this.#contentBytes(signal) - maxBytes;
    let fromMs = Number.MIN_SAFE_INTEGER;
    await inBatches(async () => {
      if (excess <= 0) return 0;
      const rows = await this.#database.select(
        `SELECT number_id, fingerprint, created_at, length(content) AS bytes FROM send
          WHERE created_at >= ? AND length(content) > 0 ORDER BY created_at LIMIT ?`,
        fromMs,
        BATCH_ROWS,
      );
      const forgotten: Statement[] = [];
      for (const { number_id, fingerprint, created_at, bytes } of rows) {
        if (excess <= 0) break;
        excess -= Number(bytes);
        fromMs = Number(created_at);
        forgotten.push({
          sql: "UPDATE send SET content = NULL WHERE number_id = ? AND fingerprint = ?",
          parameters: [String(number_id), String(fingerprint)],
        });
      }
      return await this.#database.commit(forgotten);
    }, signal);
  }

  /** How much the contents of all sends take, added up a little at a time. */
  async #contentBytes(signal: AbortSignal): Promise<number> {
    let bytes = 0;
    for (let fromMs = Number.MIN_SAFE_INTEGER; !signal.aborted;) {
      const first = await this.#database.selectOne(
        "SELECT min(created_at) AS at FROM send WHERE created_at >= ?",
        fromMs,
      );
      if (typeof first?.at !== "number") break;
      fromMs = first.at + SLICE_MS;
      const slice = await this.#database.selectOne(BYTES_OF_SLICE, first.at, fromMs);
      bytes += Number(slice?.bytes ?? 0);
      await breathe(signal);
    }
    return bytes;
  }
}

function sendRecord(row: Row): SendRecord {
  const text = (value: unknown) => value === null ? undefined : String(value);
  return {
    numberId: String(row.number_id),
    fingerprint: String(row.fingerprint),
    whatsappId: String(row.whatsapp_id),
    chat: String(row.chat),
    answerTo: text(row.answer_to),
    messageIdJson: text(row.message_id_json),
    numberIdJson: String(row.number_id_json),
    status: row.status as SendStatus,
    final: row.final === 1,
    answerId: text(row.answer_id),
    answer: text(row.answer),
    content: row.content instanceof Uint8Array ? row.content : undefined,
    remarksJson: text(row.remarks),
  };
}
