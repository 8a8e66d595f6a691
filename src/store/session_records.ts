import type { Database, Row, Statement } from "./database.ts";

/**
 * What a restart makes of a session; `log_out`: it is opened for nothing else; `forget`: it is over, and what its number
 * still has on the broker is to go.
 */
export type AtStart = "open" | "closed" | "banned" | "log_out" | "forget";

/** How the phone is asked to link this device. */
export type PairingMethod = "qr" | "code";

/** What the worker must still know of a session after a restart. */
export interface SessionRecord {
  /** Digits. */
  readonly numberId: string;
  /** The number's id as the backend wrote it, in JSON (`6`, `"6"`, `7212345678901234567`). */
  readonly numberIdJson: string;
  /** Digits, as asked for by the backend; the phone that scans may be another one. */
  readonly phoneNumber: string;
  /** The backend's own id of the session, in JSON. */
  readonly backendSessionIdJson?: string | undefined;
  /** What a restart makes of the session. */
  readonly atStart: AtStart;
  /** @default "qr" */
  readonly pairingMethod?: PairingMethod;
  /** `message_id` or `correlation_id` of the command the session is carrying out. */
  readonly commandId?: string | undefined;
}

/** The sessions this worker holds. */
export class SessionRecords {
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  async all(): Promise<SessionRecord[]> {
    const rows = await this.#database.select("SELECT * FROM session ORDER BY created_at, number_id");
    return rows.map(sessionRecord);
  }

  async save(record: SessionRecord): Promise<void> {
    await this.#database.commit(this.saving(record));
  }

  /** The writes that save a session. */
  saving(record: SessionRecord): Statement[] {
    return [{
      sql:
        `INSERT INTO session (number_id, number_id_json, phone_number, backend_session_id_json, at_start, pairing_method, command_id, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (number_id) DO UPDATE SET
              number_id_json = excluded.number_id_json, phone_number = excluded.phone_number,
              backend_session_id_json = excluded.backend_session_id_json,
              at_start = excluded.at_start, pairing_method = excluded.pairing_method, command_id = excluded.command_id`,
      parameters: [
        record.numberId,
        record.numberIdJson,
        record.phoneNumber,
        record.backendSessionIdJson ?? null,
        record.atStart,
        record.pairingMethod ?? "qr",
        record.commandId ?? null,
        this.#now(),
      ],
    }];
  }

  /** The writes that take up a number which another program had: as its record has it if there is one, but to be opened. */
  adopting(numberId: string, phoneNumber: string): Statement[] {
    return [{
      sql: `INSERT INTO session (number_id, number_id_json, phone_number, at_start, created_at)
            VALUES (?, ?, ?, 'open', ?)
            ON CONFLICT (number_id) DO UPDATE SET phone_number = excluded.phone_number, at_start = 'open'`,
      parameters: [numberId, numberId, phoneNumber, this.#now()],
    }];
  }

  /** The writes that end a session. Its record stays until the broker has nothing of its number any more. */
  ending(numberId: string): Statement[] {
    return [{ sql: "UPDATE session SET at_start = 'forget' WHERE number_id = ?", parameters: [numberId] }];
  }

  /** Forgets a session that has ended, unless the number has been opened again meanwhile. */
  async forget(numberId: string): Promise<void> {
    await this.#database.commit([{
      sql: "DELETE FROM session WHERE number_id = ? AND at_start = 'forget'",
      parameters: [numberId],
    }]);
  }
}

function sessionRecord(row: Row): SessionRecord {
  return {
    numberId: String(row.number_id),
    numberIdJson: String(row.number_id_json),
    phoneNumber: String(row.phone_number),
    backendSessionIdJson: row.backend_session_id_json === null
      ? undefined
      : String(row.backend_session_id_json),
    atStart: row.at_start as AtStart,
    pairingMethod: row.pairing_method as PairingMethod,
    commandId: row.command_id === null ? undefined : String(row.command_id),
  };
}
