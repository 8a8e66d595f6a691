import type { Database, Statement } from "./database.ts";

/** A send that waits for its number to be allowed to write to people it does not know. */
export interface ParkedSend {
  /** Digits. */
  readonly numberId: string;
  readonly fingerprint: string;
  /** As the broker has it. */
  readonly priority: number;
  /** When it is of no use any more, in ms since the epoch. */
  readonly expiresAtMs: number;
}

/** For how long a parked send is waited for that does not come back: somebody may have taken it off the broker. */
const MISSED_AFTER_MS = 15 * 60_000;

/**
 * The order of the sends that are parked at the broker. They come back from there again and again, and what is published
 * later is not to go out before them.
 */
export class Parked {
  readonly #database: Database;
  readonly #now: () => number;
  readonly #startedAtMs: number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
    this.#startedAtMs = now();
  }

  /** The write that takes note of a send which is about to be parked; it keeps the place it has. */
  parking({ numberId, fingerprint, priority, expiresAtMs }: ParkedSend): Statement[] {
    const nowMs = this.#now();
    return [{
      sql: `INSERT INTO parked (number_id, fingerprint, position, priority, expires_at, since, parked_at)
            SELECT ?, ?, coalesce(max(position), 0) + 1, ?, ?, ?, ? FROM parked WHERE number_id = ?
            ON CONFLICT (number_id, fingerprint) DO UPDATE SET parked_at = excluded.parked_at`,
      parameters: [numberId, fingerprint, priority, expiresAtMs, nowMs, nowMs, numberId],
    }];
  }

  /** Since when the send has been parked again and again, in ms since the epoch; `undefined`: it is not. */
  async since(
    { numberId, fingerprint }: Pick<ParkedSend, "numberId" | "fingerprint">,
  ): Promise<number | undefined> {
    const row = await this.#database.selectOne(
      "SELECT since FROM parked WHERE number_id = ? AND fingerprint = ?",
      numberId,
      fingerprint,
    );
    return row && Number(row.since);
  }

  /** Whether the send has to let another one go first, which was parked before it and is as urgent. */
  async isBehind({ numberId, fingerprint, priority }: Omit<ParkedSend, "expiresAtMs">): Promise<boolean> {
    const row = await this.#database.selectOne(
      `SELECT 1 FROM parked AS other
        WHERE number_id = ? AND fingerprint <> ? AND priority >= ? AND expires_at > ? AND max(parked_at, ?) > ?
          AND position < coalesce(
            (SELECT position FROM parked WHERE number_id = other.number_id AND fingerprint = ?), position + 1)
        LIMIT 1`,
      numberId,
      fingerprint,
      priority,
      this.#now(),
      this.#startedAtMs,
      this.#now() - MISSED_AFTER_MS,
      fingerprint,
    );
    return row !== undefined;
  }

  /** How many sends are parked, expired ones among them. */
  async count(): Promise<number> {
    const row = await this.#database.selectOne("SELECT count(*) AS count FROM parked");
    return Number(row?.count);
  }

  /** How many sends of each number are parked. */
  async counts(): Promise<Map<string, number>> {
    const rows = await this.#database.select(
      "SELECT number_id, count(*) AS count FROM parked WHERE expires_at > ? GROUP BY number_id",
      this.#now(),
    );
    return new Map(rows.map(({ number_id, count }) => [String(number_id), Number(count)]));
  }

  /** Forgets those that expired before `beforeMs`: whoever had them has answered them. */
  async prune(beforeMs: number): Promise<void> {
    await this.#database.commit([{ sql: "DELETE FROM parked WHERE expires_at < ?", parameters: [beforeMs] }]);
  }
}

/** The write that ends the wait of a send: with it, its outcome or its handing over is written down. */
export function unparking(numberId: string, fingerprint: string): Statement[] {
  return [{
    sql: "DELETE FROM parked WHERE number_id = ? AND fingerprint = ?",
    parameters: [numberId, fingerprint],
  }];
}
