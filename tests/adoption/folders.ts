/** Auth folders without a phone behind them, and the worker's state they are adopted into. */
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { type AuthenticationCreds, initAuthCreds, useMultiFileAuthState } from "@whiskeysockets/baileys";
import { adoptAuthFolders } from "../../src/adoption/adopt.ts";
import { Announcer } from "../../src/announcer.ts";
import { makeLog } from "../../src/log.ts";
import type { AtStart } from "../../src/store/session_records.ts";
import { Database } from "../../src/store/database.ts";
import { makeStore, type Store } from "../../src/store/store.ts";
import { loadCreds } from "../../src/whatsapp/signal/auth_state.ts";

/** The folder of number 6. */
export const NAME = "session_6_+221771234567";

/** A line of the log. */
export type LogLine = { readonly level: number; readonly msg: string } & Record<string, unknown>;

/** What a store has of a number: its device's public key, and how many of its first twenty prekeys. */
export interface Stored {
  readonly identity: Uint8Array | undefined;
  readonly preKeys: number;
  readonly atStart: AtStart | undefined;
  readonly idJson?: string;
}

/** The state folder of a worker, before and after its starts. Hold it with `await using`. */
export class StateFolder implements AsyncDisposable {
  readonly log: LogLine[] = [];
  readonly #remove: boolean;

  private constructor(readonly path: string, remove: boolean) {
    this.#remove = remove;
  }

  static async make(path?: string): Promise<StateFolder> {
    if (path !== undefined) return new StateFolder(path, false);
    return new StateFolder(await Deno.makeTempDir({ prefix: "adoption-test-" }), true);
  }

  /** Writes a folder as `useMultiFileAuthState` does. @returns the device's credentials */
  async oldSession(
    name: string = NAME,
    { linked = true, preKeys = 3, mtime }: { linked?: boolean; preKeys?: number; mtime?: Date } = {},
  ): Promise<AuthenticationCreds> {
    const folder = join(this.path, name);
    const { state, saveCreds } = await useMultiFileAuthState(folder);
    Object.assign(state.creds, initAuthCreds());
    if (linked) {
      Object.assign(state.creds, { me: { id: "221771234567:1@s.whatsapp.net" }, account: { details: "" } });
    }
    await saveCreds();
    const pair = { public: Buffer.alloc(32, 1), private: Buffer.alloc(32, 2) };
    const all = Array.from({ length: preKeys }, (_, index) => [index + 1, pair]);
    await state.keys.set({ "pre-key": Object.fromEntries(all) });
    if (mtime) await Deno.utime(join(folder, "creds.json"), mtime, mtime);
    return state.creds;
  }

  /**
   * What a start of the worker does before it loads its sessions.
   *
   * @param onOpen called when its database is open
   */
  async adopt(onOpen = () => {}): Promise<void> {
    await this.withStore((store) => {
      onOpen();
      const announcer = new Announcer({
        store,
        queues: { sessionEvent: "events", messageReceive: "", messageStatus: "", numberHealth: "" },
        workerId: "worker-1",
        now: () => 1,
        newId: () => crypto.randomUUID(),
        onNews: () => {},
      });
      const destination = { write: (line: string) => void this.log.push(JSON.parse(line)) };
      const log = makeLog({ level: "info", pretty: false, workerId: "worker-1", destination });
      return adoptAuthFolders({ sessionDir: this.path, store, announcer, now: () => 1, log });
    });
  }

  async withStore<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const database = await Database.open(this.path);
    try {
      return await work(makeStore(database, () => 1));
    } finally {
      database.close();
    }
  }

  /** What the store has of number 6. */
  async number(numberId = "6"): Promise<Stored> {
    return (await this.numbers([numberId]))[0]!;
  }

  /** What the store has of these numbers. */
  numbers(numberIds: readonly string[]): Promise<Stored[]> {
    return this.withStore(async (store) => {
      const records = await store.sessions.all();
      const ids = Array.from({ length: 20 }, (_, index) => String(index + 1));
      return await Promise.all(numberIds.map(async (numberId): Promise<Stored> => {
        const record = records.find((record) => record.numberId === numberId);
        const creds = await loadCreds(store.credentials, numberId).catch(() => undefined);
        return {
          identity: creds?.signedIdentityKey.public,
          preKeys: (await store.credentials.read(numberId, "pre-key", ids)).size,
          atStart: record?.atStart,
          ...(record && { idJson: record.numberIdJson }),
        };
      }));
    });
  }

  /** The `error` events that wait to be published. */
  errors(): Promise<Record<string, unknown>[]> {
    return this.withStore(async ({ outbox }) => {
      const rows = await outbox.next({ rows: 100, bytes: 1e6 }, []);
      return rows.map(({ body }) => JSON.parse(body)).filter(({ action }) => action === "error");
    });
  }

  /** Every folder in it, as paths. */
  folders(): string[] {
    const below = (place: string): string[] =>
      [...Deno.readDirSync(join(this.path, place))].filter(({ isDirectory }) => isDirectory)
        .flatMap(({ name }) => {
          const path = place === "" ? name : `${place}/${name}`;
          return ["adopted", "not-adopted"].includes(path) ? below(path) : [path];
        });
    return below("").sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#remove) await Deno.remove(this.path, { recursive: true });
  }
}
