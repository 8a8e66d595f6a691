import { BATCH_ROWS, breathe, inBatches } from "./batches.ts";
import type { Database, Statement } from "./database.ts";
import type { SendRecord } from "./ledger.ts";

/** The newest and the oldest moment that count, in ms since the epoch; both of them inclusive. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** When the messages of every number were handed to WhatsApp, and since when its device is linked: what its pace is kept by. */
export class Handovers {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** The write that counts a message, to be committed before WhatsApp hears of it. Each attempt is one that it may see. */
  counting({ numberId, whatsappId }: SendRecord, toNew: boolean): Statement[] {
    return [{
      sql: "INSERT OR IGNORE INTO handover (number_id, at, whatsapp_id, to_new) VALUES (?, ?, ?, ?)",
      parameters: [numberId, this.#now(), whatsappId, toNew ? 1 : 0],
    }];
  }

  /** When the `nth` latest message was handed over, the latest being the first; `undefined`: there were not so many. */
  async nthLatest(numberId: string, nth: number, { fromMs, toMs }: Span): Promise<number | undefined> {
    const row = await this.#database.selectOne(
      "SELECT at FROM handover WHERE number_id = ? AND at BETWEEN ? AND ? ORDER BY at DESC LIMIT 1 OFFSET ?",
      numberId,
      fromMs,
      toMs,
      nth - 1,
    );
    return row && Number(row.at);
  }

  /** When the latest message to somebody new was handed over. */
  async latestToNew(numberId: string, { fromMs, toMs }: Span): Promise<number | undefined> {
    const row = await this.#database.selectOne(
      "SELECT max(at) AS at FROM handover WHERE number_id = ? AND at BETWEEN ? AND ? AND to_new = 1",
      numberId,
      fromMs,
      toMs,
    );
    return row?.at == null ? undefined : Number(row.at);
  }

  /** The write that notes since when the number's device is linked; what was noted first stays. */
  linking(numberId: string, sinceMs = this.#now()): Statement[] {
    return [{
      sql: "INSERT OR IGNORE INTO linked (number_id, at) VALUES (?, ?)",
      parameters: [numberId, sinceMs],
    }];
  }

  /** Since when the number's device is linked, in ms since the epoch; 0 when that was before it was noted. */
  async linkedSince(numberId: string): Promise<number> {
    const row = await this.#database.selectOne("SELECT at FROM linked WHERE number_id = ?", numberId);
    return Number(row?.at ?? 0);
  }

  /** Forgets what was handed over before `beforeMs`. */
  async prune(beforeMs: number, signal: AbortSignal): Promise<void> {
    for (let numberId = ""; !signal.aborted; await breathe(signal)) {
      const next = await this.#database.selectOne(
        "SELECT min(number_id) AS number_id FROM handover WHERE number_id > ?",
        numberId,
      );
      if (typeof next?.number_id !== "string") return;
      numberId = next.number_id;
      await this.#pruneOne(numberId, beforeMs, signal);
    }
  }

  async #pruneOne(numberId: string, beforeMs: number, signal: AbortSignal): Promise<void> {
    await inBatches(() =>
      this.#database.commit([{
        sql: `DELETE FROM handover WHERE number_id = ? AND at <= (
                SELECT max(at) FROM (SELECT at FROM handover WHERE number_id = ? AND at < ? ORDER BY at LIMIT ?))`,
        parameters: [numberId, numberId, beforeMs, BATCH_ROWS],
      }]), signal);
  }
}
