import { Credentials } from "./credentials.ts";
import { Database, type Statement } from "./database.ts";
import { Ledger } from "./ledger.ts";
import { Memory } from "./memory.ts";
import { Outbox } from "./outbox.ts";
import { Received } from "./received.ts";
import { SessionRecords } from "./session_records.ts";

/** Everything a worker keeps on disk, one part a subject. */
export interface Store {
  readonly credentials: Credentials;
  readonly ledger: Ledger;
  readonly memory: Memory;
  readonly outbox: Outbox;
  readonly received: Received;
  readonly sessions: SessionRecords;
  /** Makes writes of several parts durable together: all or none. */
  commit(statements: readonly Statement[]): Promise<void>;
  close(): void;
}

/** The parts of the store over one database. */
export function makeStore(database: Database, now: () => number): Store {
  return {
    credentials: new Credentials(database),
    ledger: new Ledger(database, now),
    memory: new Memory(database),
    outbox: new Outbox(database, now),
    received: new Received(database, now),
    sessions: new SessionRecords(database, now),
    commit: (statements) => database.commit(statements),
    close: () => database.close(),
  };
}
