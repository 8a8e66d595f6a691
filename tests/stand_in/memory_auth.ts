import {
  type AuthenticationCreds,
  BufferJSON,
  initAuthCreds,
  type SignalDataSet,
  type SignalDataTypeMap,
} from "@whiskeysockets/baileys";

/** Credentials and keys that outlive a socket. */
export class MemoryAuth {
  readonly creds: AuthenticationCreds;
  readonly #rows: Map<string, unknown>;

  constructor(creds: AuthenticationCreds = initAuthCreds(), rows: Iterable<[string, unknown]> = []) {
    this.creds = creds;
    this.#rows = new Map(rows);
  }

  /** The state as it is now: what a program killed from here on finds when it starts again. */
  snapshot(): MemoryAuth {
    const creds = JSON.parse(JSON.stringify(this.creds, BufferJSON.replacer), BufferJSON.reviver);
    return new MemoryAuth(creds as AuthenticationCreds, this.#rows);
  }

  readonly keys = {
    get: <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
      const found = ids.filter((id) => this.#rows.has(`${type}/${id}`))
        .map((id) => [id, this.#rows.get(`${type}/${id}`)]);
      return Object.fromEntries(found) as { [id: string]: SignalDataTypeMap[T] };
    },
    set: (data: SignalDataSet) => {
      for (const [type, values] of Object.entries(data)) {
        for (const [id, value] of Object.entries(values)) {
          if (value === null) this.#rows.delete(`${type}/${id}`);
          else this.#rows.set(`${type}/${id}`, value);
        }
      }
    },
  };
}
