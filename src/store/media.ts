import { BATCH_ROWS, breathe } from "./batches.ts";
import type { Database, Row, Statement } from "./database.ts";
import type { MediaFiles } from "./media_files.ts";

/** Nothing is put off for so long. */
const NEVER_PUT_OFF_MS = 24 * 60 * 60_000;

/** What has become of a medium: to be fetched, published itself, kept to be fetched, or given up. */
export type MediaStatus = "PENDING" | "INLINE" | "STORED" | "FAILED";

/** A medium of a message that came in. */
export interface MediaRecord {
  /** Nobody can guess it. */
  readonly id: string;
  /** Digits. */
  readonly numberId: string;
  /** Of its message, as are the next three. */
  readonly whatsappId: string;
  readonly chat: string;
  readonly fromMe: boolean;
  /** The JID of who wrote it, in a group. */
  readonly participant?: string | undefined;
  /** What its event says of the message, in JSON. */
  readonly about: string;
  /** How it is encrypted. */
  readonly type: string;
  /** As its sender declares it. */
  readonly mimeType: string;
  readonly fileName?: string | undefined;
  readonly mediaKey?: Uint8Array | undefined;
  /** Where the media hosts have it; absent when they have it no more, and the phone has to be asked. */
  readonly directPath?: string | undefined;
  readonly fileSha256?: Uint8Array | undefined;
  readonly fileEncSha256?: Uint8Array | undefined;
}

/** A medium as it stands. */
export interface StoredMedia extends MediaRecord {
  readonly status: MediaStatus;
  /** Why it was given up, in a sentence. */
  readonly error?: string | undefined;
  /** Of its file. */
  readonly size: number;
  /** How often it was tried to get it. */
  readonly attempts: number;
  readonly createdAtMs: number;
}

/** Which media are wanted to be fetched. */
export interface DueMedia {
  /** Of these numbers, those that are due; */
  readonly numberIds: readonly string[];
  /** of any, those that came before: they are given up. */
  readonly overdueBeforeMs: number;
  /** Not these. */
  readonly exceptIds: readonly string[];
  readonly limit: number;
}

/** How a medium was settled. */
export interface Settlement {
  readonly status: Exclude<MediaStatus, "PENDING">;
  /** Bytes of its file. @default 0: there is none */
  readonly size?: number;
  readonly error?: string;
}

/** How many media there are. */
export interface MediaCount {
  readonly pending: number;
  /** Of the files that are kept. */
  readonly bytes: number;
}

/**
 * The media of messages that came in. Each is a row from the moment its message is durable; a file belongs to a row that
 * says so, and files without one are {@link sweep | swept}.
 */
export class Media {
  readonly files: MediaFiles;
  readonly #database: Database;
  readonly #now: () => number;

  constructor(database: Database, files: MediaFiles, now: () => number) {
    this.#database = database;
    this.files = files;
    this.#now = now;
  }

  /** The write that makes a medium one to be fetched. */
  adding(media: MediaRecord): Statement[] {
    const now = this.#now();
    return [{
      sql:
        `INSERT INTO media (id, number_id, whatsapp_id, chat, from_me, participant, about, type, mime_type, file_name,
              media_key, direct_path, file_sha256, file_enc_sha256, status, due_at, created_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'PENDING', ?, ?)`,
      parameters: [
        media.id,
        media.numberId,
        media.whatsappId,
        media.chat,
        media.fromMe ? 1 : 0,
        media.participant ?? null,
        media.about,
        media.type,
        media.mimeType,
        media.fileName ?? null,
        media.mediaKey ?? null,
        media.directPath ?? null,
        media.fileSha256 ?? null,
        media.fileEncSha256 ?? null,
        now,
        now,
      ],
    }];
  }

  async find(id: string): Promise<StoredMedia | undefined> {
    const row = await this.#database.selectOne("SELECT * FROM media WHERE id = ?", id);
    return row && storedMedia(row);
  }

  /** Those that are to be fetched and belong to a message with this id. */
  async pendingOf(numberId: string, whatsappId: string): Promise<StoredMedia[]> {
    const rows = await this.#database.select(
      "SELECT * FROM media WHERE number_id = ? AND whatsapp_id = ? AND status = 'PENDING'",
      numberId,
      whatsappId,
    );
    return rows.map(storedMedia);
  }

  /** Those that are to be fetched now, the longest due first, and then what a clock that was wrong has put off. */
  async due({ numberIds, overdueBeforeMs, exceptIds, limit }: DueMedia): Promise<StoredMedia[]> {
    const now = this.#now();
    const rows = await this.#database.select(
      `SELECT * FROM media WHERE status = 'PENDING'
         AND (created_at < ? OR (due_at <= ? OR due_at > ?) AND number_id IN (SELECT value FROM json_each(?)))
         AND id NOT IN (SELECT value FROM json_each(?))
         ORDER BY due_at, created_at LIMIT ?`,
      overdueBeforeMs,
      now,
      now + NEVER_PUT_OFF_MS,
      JSON.stringify(numberIds),
      JSON.stringify(exceptIds),
      limit,
    );
    return rows.map(storedMedia);
  }

  /**
   * Counts an attempt, and puts the next one off until `dueAtMs`. Nothing happens to one that has got a new path since.
   *
   * @param options.isGone the media hosts do not have it where it was
   */
  async postpone(
    { id, directPath }: MediaRecord,
    dueAtMs: number,
    { isGone = false, counts = true }: { isGone?: boolean; counts?: boolean } = {},
  ): Promise<void> {
    await this.#database.commit([{
      sql: `UPDATE media SET attempts = attempts + ?, attempted_at = ?, due_at = ?,
              direct_path = CASE WHEN ? THEN NULL ELSE direct_path END
            WHERE id = ? AND status = 'PENDING' AND direct_path IS ?`,
      parameters: [counts ? 1 : 0, this.#now(), dueAtMs, isGone ? 1 : 0, id, directPath ?? null],
    }]);
  }

  /** The phone has uploaded it anew: it is due. */
  async found(id: string, directPath: string): Promise<void> {
    await this.#database.commit([{
      sql: "UPDATE media SET direct_path = ?, due_at = ? WHERE id = ? AND status = 'PENDING'",
      parameters: [directPath, this.#now(), id],
    }]);
  }

  /** What waits for another attempt at a number's media is over, for all that were not tried in the last `sinceMs`. */
  async hurry(numberId: string, sinceMs: number): Promise<void> {
    const now = this.#now();
    await this.#database.commit([{
      sql: `UPDATE media SET due_at = max(?, ifnull(attempted_at, 0) + ?)
            WHERE number_id = ? AND status = 'PENDING' AND due_at > max(?, ifnull(attempted_at, 0) + ?)`,
      parameters: [now, sinceMs, numberId, now, sinceMs],
    }]);
  }

  /** The write that settles a medium, to be committed with the event that says so. */
  settling(id: string, { status, size = 0, error }: Settlement): Statement[] {
    return [{
      sql:
        "UPDATE media SET status = ?, size = ?, error = ?, settled_at = ? WHERE id = ? AND status = 'PENDING'",
      parameters: [status, size, error ?? null, this.#now(), id],
    }];
  }

  /** The write that forgets a number's media: its device is linked no more. Their files are left to {@link sweep}. */
  forgetting(numberId: string): Statement[] {
    return [{ sql: "DELETE FROM media WHERE number_id = ?", parameters: [numberId] }];
  }

  /** How much there is. */
  async count(): Promise<MediaCount> {
    const row = await this.#database.selectOne(
      `SELECT (SELECT count(*) FROM media WHERE status = 'PENDING') AS pending,
              (SELECT sum(size) FROM media WHERE settled_at IS NOT NULL) AS bytes`,
    );
    return { pending: Number(row?.pending ?? 0), bytes: Number(row?.bytes ?? 0) };
  }

  /** Forgets media that were settled before `beforeMs`, and removes their files. */
  async prune(beforeMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const rows = await this.#oldest("settled_at < ?", beforeMs);
      await this.#drop(rows);
      if (rows.length < BATCH_ROWS) return;
      await breathe(signal);
    }
  }

  /** Removes the oldest files, and forgets their media, until those that are left take no more than `maxBytes`. */
  async bound(maxBytes: number, signal: AbortSignal): Promise<void> {
    let excess = (await this.count()).bytes - maxBytes;
    while (excess > 0 && !signal.aborted) {
      const doomed: Row[] = [];
      for (const row of await this.#oldest("settled_at IS NOT NULL AND size > ?", 0)) {
        if (excess <= 0) break;
        excess -= Number(row.size);
        doomed.push(row);
      }
      if (doomed.length === 0) return;
      await this.#drop(doomed);
      await breathe(signal);
    }
  }

  /**
   * Removes the files of media that are forgotten.
   *
   * @param options.atStart also what a process that was killed has left of those it was fetching
   */
  async sweep({ atStart = false }: { atStart?: boolean } = {}): Promise<void> {
    const settled = atStart ? "AND status <> 'PENDING'" : "";
    const ids = [...await this.files.ids()];
    for (let at = 0; at < ids.length; at += BATCH_ROWS) {
      const batch = ids.slice(at, at + BATCH_ROWS);
      const rows = await this.#database.select(
        `SELECT id FROM media WHERE id IN (SELECT value FROM json_each(?)) ${settled}`,
        JSON.stringify(batch),
      );
      const known = new Set(rows.map(({ id }) => id));
      for (const id of batch) if (!known.has(id)) await this.files.remove(id);
    }
  }

  async #oldest(condition: string, parameter: number): Promise<Row[]> {
    return await this.#database.select(
      `SELECT id, size FROM media WHERE ${condition} ORDER BY settled_at LIMIT ?`,
      parameter,
      BATCH_ROWS,
    );
  }

  /** Files first: a row without its file is found again, a file without its row would not be. */
  async #drop(rows: readonly Row[]): Promise<void> {
    if (rows.length === 0) return;
    for (const { id } of rows) await this.files.remove(String(id));
    await this.#database.commit([{
      sql: "DELETE FROM media WHERE id IN (SELECT value FROM json_each(?))",
      parameters: [JSON.stringify(rows.map(({ id }) => id))],
    }]);
  }
}

function storedMedia(row: Row): StoredMedia {
  const text = (value: unknown) => value === null ? undefined : String(value);
  const bytes = (value: unknown) => value === null ? undefined : value as Uint8Array;
  return {
    id: String(row.id),
    numberId: String(row.number_id),
    whatsappId: String(row.whatsapp_id),
    chat: String(row.chat),
    fromMe: row.from_me === 1,
    participant: text(row.participant),
    about: String(row.about),
    type: String(row.type),
    mimeType: String(row.mime_type),
    fileName: text(row.file_name),
    mediaKey: bytes(row.media_key),
    directPath: text(row.direct_path),
    fileSha256: bytes(row.file_sha256),
    fileEncSha256: bytes(row.file_enc_sha256),
    status: row.status as MediaStatus,
    error: text(row.error),
    size: Number(row.size),
    attempts: Number(row.attempts),
    createdAtMs: Number(row.created_at),
  };
}
