import { join } from "node:path";
import { Contacts } from "./contacts.ts";
import { Credentials } from "./credentials.ts";
import { type CommitOptions, Database, type Statement } from "./database.ts";
import { Handovers } from "./handovers.ts";
import { Ledger } from "./ledger.ts";
import { Media } from "./media.ts";
import { MediaFiles, type MediaFilesOptions } from "./media_files.ts";
import { Memory } from "./memory.ts";
import { Messages } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { Parked } from "./parked.ts";
import { Placeholders } from "./placeholders.ts";
import { Received } from "./received.ts";
import { Recipients } from "./recipients.ts";
import { RetryCounts } from "./retry_counts.ts";
import type { Room } from "./room.ts";
import { SessionRecords } from "./session_records.ts";
import { Undecryptable } from "./undecryptable.ts";
import { VitalRecords } from "./vital_records.ts";

/** Everything a worker keeps on disk, one part a subject. */
export interface Store {
  readonly contacts: Contacts;
  readonly credentials: Credentials;
  readonly handovers: Handovers;
  readonly ledger: Ledger;
  readonly media: Media;
  readonly memory: Memory;
  readonly messages: Messages;
  readonly outbox: Outbox;
  readonly parked: Parked;
  readonly placeholders: Placeholders;
  readonly received: Received;
  readonly recipients: Recipients;
  readonly retryCounts: RetryCounts;
  readonly sessions: SessionRecords;
  readonly undecryptable: Undecryptable;
  readonly vitals: VitalRecords;
  /** Whether there is room to write. */
  readonly room: Room;
  /** Makes writes of several parts durable together, all or none; waits for the disk: see {@link Database.commit}. */
  commit(statements: readonly Statement[], options?: CommitOptions): Promise<void>;
  close(): void;
}

/** The parts of the store over one database. */
export function makeStore(database: Database, now: () => number, mediaFiles?: MediaFilesOptions): Store {
  const files = new MediaFiles(join(database.folder, "media", "received"), mediaFiles);
  return {
    contacts: new Contacts(database),
    credentials: new Credentials(database),
    handovers: new Handovers(database, now),
    ledger: new Ledger(database, now),
    media: new Media(database, files, now),
    memory: new Memory(database),
    messages: new Messages(database, now),
    outbox: new Outbox(database, now),
    parked: new Parked(database, now),
    placeholders: new Placeholders(database),
    received: new Received(database, now),
    recipients: new Recipients(database),
    retryCounts: new RetryCounts(database, now),
    sessions: new SessionRecords(database, now),
    undecryptable: new Undecryptable(database, now),
    vitals: new VitalRecords(database, now),
    room: database.room,
    commit: async (statements, options) => void await database.commit(statements, options),
    close: () => database.close(),
  };
}
