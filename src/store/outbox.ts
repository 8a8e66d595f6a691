import type { Database, Row, Statement } from "./database.ts";

/** An event on its way to the broker. It stays here until the broker has confirmed it. */
export interface OutboxMessage {
  /** The queue it is for, published through the default exchange. */
  readonly queue: string;
  /** AMQP `message_id`: the same on every repeat. */
  readonly messageId: string;
  /** AMQP `type`. */
  readonly type: string;
  /** AMQP `correlation_id`: the command this answers. */
  readonly correlationId?: string | undefined;
  /** The JSON text, as it goes over the wire. */
  readonly body: string;
  /** Only the newest message of a key is worth sending: the others are dropped when it is added. */
  readonly collapseKey?: string | undefined;
  /** When it is of no use any more, in ms since the epoch. */
  readonly expiresAtMs?: number | undefined;
}

/** An {@link OutboxMessage} with its place in the order. */
export interface OutboxRow extends OutboxMessage {
  readonly position: number;
  /** When it became durable, in ms since the epoch. */
  readonly addedAtMs: number;
}

/** How much is taken from the outbox at once. */
export interface OutboxLimit {
  readonly rows: number;
  readonly bytes: number;
}

/** How much waits to be published. */
export interface OutboxDepth {
  readonly depth: number;
  /** When the oldest waiting message was added, in ms since the epoch. */
  readonly oldestAtMs?: number;
}

/** Events that wait for the broker, in the order they happened. */
export class Outbox {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** The writes that add `message`, to be committed with the change it reports. */
  adding(message: OutboxMessage): Statement[] {
    const insert: Statement = {
      sql:
        `INSERT INTO outbox (queue, message_id, type, correlation_id, body, collapse_key, expires_at, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      parameters: [
        message.queue,
        message.messageId,
        message.type,
        message.correlationId ?? null,
        message.body,
        message.collapseKey ?? null,
        message.expiresAtMs ?? null,
        this.#now(),
      ],
    };
    if (message.collapseKey === undefined) return [insert];
    return [{ sql: "DELETE FROM outbox WHERE collapse_key = ?", parameters: [message.collapseKey] }, insert];
  }

  /**
   * The oldest messages that are for none of `exceptQueues`, as many as `limit` allows but at least one; those that
   * expired are dropped.
   */
  async next(limit: OutboxLimit, exceptQueues: readonly string[]): Promise<OutboxRow[]> {
    await this.dropExpired();
    const rows = await this.#database.select(
      `SELECT * FROM (
         SELECT *, sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS bytes_before FROM (
           SELECT * FROM outbox WHERE queue NOT IN (SELECT value FROM json_each(?)) ORDER BY position LIMIT ?
         )
       ) WHERE bytes_before < ? ORDER BY position`,
      JSON.stringify(exceptQueues),
      limit.rows,
      limit.bytes,
    );
    return rows.map(outboxRow);
  }

  /** Drops what is of no use any more. */
  async dropExpired(): Promise<void> {
    await this.#database.commit([{
      sql: "DELETE FROM outbox WHERE expires_at <= ?",
      parameters: [this.#now()],
    }]);
  }

  /** Forgets what the broker has confirmed. */
  async remove(positions: readonly number[]): Promise<void> {
    await this.#database.commit([{
      sql: "DELETE FROM outbox WHERE position IN (SELECT value FROM json_each(?))",
      parameters: [JSON.stringify(positions)],
    }]);
  }

  /** How much waits, and since when. */
  async depth(): Promise<OutboxDepth> {
    const row = await this.#database.selectOne(
      "SELECT count(*) AS depth, min(created_at) AS oldest FROM outbox WHERE expires_at IS NULL OR expires_at > ?",
      this.#now(),
    );
    const depth = Number(row?.depth ?? 0);
    return depth === 0 ? { depth } : { depth, oldestAtMs: Number(row?.oldest) };
  }
}

function outboxRow(row: Row): OutboxRow {
  return {
    position: Number(row.position),
    addedAtMs: Number(row.created_at),
    queue: String(row.queue),
    messageId: String(row.message_id),
    type: String(row.type),
    body: String(row.body),
    correlationId: row.correlation_id === null ? undefined : String(row.correlation_id),
    collapseKey: row.collapse_key === null ? undefined : String(row.collapse_key),
    expiresAtMs: row.expires_at === null ? undefined : Number(row.expires_at),
  };
}
