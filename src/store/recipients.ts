import type { Database, Statement } from "./database.ts";

/** Which message it is, as `Ledger.findByWhatsappId` knows it. */
export interface SendKey {
  /** Digits. */
  readonly numberId: string;
  readonly whatsappId: string;
}

/** Somebody a message to a group is for, by one or two JIDs without device: as the group names them, and the other form. */
export type Names = readonly [person: string] | readonly [person: string, alias: string];

/** What a recipient has done with a message; each of it takes for granted what stands before it. */
export type Reached = "DELIVERED" | "READ" | "PLAYED";

/** How many people a message is for, and how many of them have it, have read it, have played it; or more than that. */
export interface Tally {
  readonly total: number;
  readonly delivered: number;
  readonly read: number;
  readonly played: number;
}

const ORDER: readonly Reached[] = ["DELIVERED", "READ", "PLAYED"];

/** The recipients of messages to groups. */
export class Recipients {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * The writes that make a message one for these people; who it was for before, and has not been heard of, it is not for
   * any more.
   */
  async addressing({ numberId, whatsappId }: SendKey, people: readonly Names[]): Promise<Statement[]> {
    const rows = await this.#database.select(
      "SELECT person, alias FROM recipient WHERE number_id = ? AND whatsapp_id = ? AND reached > 0",
      numberId,
      whatsappId,
    );
    const heardOf = new Set(rows.flatMap(({ person, alias }) => [person, alias]));
    const others = people.filter((names) => !names.some((name) => heardOf.has(name)));
    return [{
      sql: "DELETE FROM recipient WHERE number_id = ? AND whatsapp_id = ? AND reached = 0",
      parameters: [numberId, whatsappId],
    }, {
      sql: `INSERT OR IGNORE INTO recipient (number_id, whatsapp_id, person, alias)
            SELECT ?, ?, value ->> 0, value ->> 1 FROM json_each(?)`,
      parameters: [numberId, whatsappId, JSON.stringify(others)],
    }];
  }

  /** How far a message has come; its total is 0 where it is not known whom it was for. */
  async tally({ numberId, whatsappId }: SendKey): Promise<Tally> {
    const row = await this.#database.selectOne(
      `SELECT count(*) AS total, sum(reached >= 1) AS delivered, sum(reached >= 2) AS read, sum(reached >= 3) AS played
         FROM recipient WHERE number_id = ? AND whatsapp_id = ?`,
      numberId,
      whatsappId,
    );
    const count = (value: unknown) => Number(value ?? 0);
    return {
      total: count(row?.total),
      delivered: count(row?.delivered),
      read: count(row?.read),
      played: count(row?.played),
    };
  }

  /**
   * What is to be written when people have come as far as `reached`, and what each of them to whom that is news had done
   * before. People the message was not for are passed over.
   *
   * @param names of all of them, each by every JID that is known
   */
  async reaching(
    { numberId, whatsappId }: SendKey,
    names: readonly string[],
    reached: Reached,
  ): Promise<{ readonly statements: Statement[]; readonly before: readonly (Reached | undefined)[] }> {
    const rank = ORDER.indexOf(reached) + 1;
    const rows = await this.#database.select(
      `SELECT person, reached FROM recipient WHERE number_id = ?1 AND whatsapp_id = ?2 AND reached < ?3
          AND (person IN (SELECT value FROM json_each(?4)) OR alias IN (SELECT value FROM json_each(?4)))`,
      numberId,
      whatsappId,
      rank,
      JSON.stringify(names),
    );
    if (rows.length === 0) return { statements: [], before: [] };
    const statement = {
      sql: `UPDATE recipient SET reached = ? WHERE number_id = ? AND whatsapp_id = ?
               AND person IN (SELECT value FROM json_each(?))`,
      parameters: [rank, numberId, whatsappId, JSON.stringify(rows.map(({ person }) => person))],
    };
    return { statements: [statement], before: rows.map((row) => ORDER[Number(row.reached) - 1]) };
  }
}

/** A tally after people have come as far as `reached`; `before` is what each of them had done. */
export function tallied(tally: Tally, before: readonly (Reached | undefined)[], reached: Reached): Tally {
  const gained = (step: Reached) => {
    const isNew = (past: Reached | undefined) =>
      past === undefined || ORDER.indexOf(past) < ORDER.indexOf(step);
    return ORDER.indexOf(reached) < ORDER.indexOf(step) ? 0 : before.filter(isNew).length;
  };
  return {
    total: tally.total,
    delivered: tally.delivered + gained("DELIVERED"),
    read: tally.read + gained("READ"),
    played: tally.played + gained("PLAYED"),
  };
}

/** The write that forgets up to `limit` recipients of the oldest `limit` sends first recorded before `beforeMs`. */
export function forgettingRecipients(beforeMs: number, limit: number): Statement {
  return {
    sql: `DELETE FROM recipient WHERE (number_id, whatsapp_id, person) IN (
            SELECT recipient.number_id, recipient.whatsapp_id, person FROM (
              SELECT number_id, whatsapp_id FROM send WHERE created_at < ? ORDER BY created_at LIMIT ?
            ) JOIN recipient USING (number_id, whatsapp_id) LIMIT ?)`,
    parameters: [beforeMs, limit, limit],
  };
}
