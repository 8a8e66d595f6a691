import type {
  SignalDataSet,
  SignalDataTypeMap,
  SignalKeyStoreWithTransaction,
} from "@whiskeysockets/baileys";
import type { Statement } from "../../store/database.ts";
import type { StoredAuthState } from "./auth_state.ts";
import { Identities } from "../identities.ts";
import { SessionTrials } from "./session_trials.ts";

/** What becomes durable together with a change of keys. */
export interface Effect {
  readonly statements: readonly Statement[];
  /** Called when it is durable. */
  readonly done?: () => void;
}

/** The effects of several messages as one. */
export async function effectOf<T>(
  messages: readonly T[],
  each: (message: T) => Promise<Effect>,
): Promise<Effect> {
  const effects: Effect[] = [];
  for (const message of messages) effects.push(await each(message));
  return {
    statements: effects.flatMap(({ statements }) => statements),
    done: () => effects.forEach(({ done }) => done?.()),
  };
}

/** What an operation has changed so far. */
interface Changes {
  readonly keys: SignalDataSet;
  readonly effects: Effect[];
}

/** What belongs to the Signal address of a device, which has two names. */
const OF_DEVICES: ReadonlySet<string> = new Set(["session", "identity-key", "sender-key"]);
/** Written at once: Baileys learns whose LID it is at any time, with no operation on the keys around it. */
const LID_MAPPING = "lid-mapping";

/**
 * The keys of one socket's Signal repository: operations on them are done one at a time, and each is durable when it
 * resolves. They replace Baileys' transactions, which lose ratchets under traffic in both directions:
 *
 * - One begins with a send and ends after it was written. In between it holds copies of ratchets, and writes them down
 *   over what a message that came in meanwhile has made of them.
 * - They find their changes by the asynchronous context. libsignal has one queue for each address, shared by all numbers
 *   of the process, and runs what waits in it in the context of whoever came first.
 */
export class SignalKeys {
  readonly #auth: StoredAuthState;
  readonly #identities: Identities;
  readonly #trials = new SessionTrials();
  #changes: Changes | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(auth: StoredAuthState) {
    this.#auth = auth;
    this.#identities = new Identities(auth.keys);
  }

  /** The store to give to the repository, which changes keys only in what it does {@link alone}. */
  readonly store: SignalKeyStoreWithTransaction = {
    get: async <T extends keyof SignalDataTypeMap>(type: T, ids: string[]) => {
      const values = await this.#read(type, ids);
      if (OF_DEVICES.has(type)) await this.#adopt(type, ids.filter((id) => !(id in values)), values);
      if (type === "session") {
        for (const [id, record] of Object.entries(values)) {
          values[id] = this.#trials.shown(id, record) as SignalDataTypeMap[T];
        }
      }
      return values;
    },
    set: async ({ [LID_MAPPING]: mapping, ...keys }) => {
      if (mapping !== undefined) {
        await this.#auth.commit({ [LID_MAPPING]: await this.#identities.replacing(mapping) }, []);
      }
      for (const [id, record] of Object.entries(keys.session ?? {})) {
        keys.session![id] = this.#trials.whole(id, record) as SignalDataTypeMap["session"];
      }
      if (this.#changes === undefined) return await this.#auth.commit(keys, []);
      for (const [type, values] of Object.entries(keys)) this.#change(type as keyof SignalDataSet, values);
    },
    isInTransaction: () => this.#changes !== undefined,
    transaction: (work) => work(),
  };

  /** Does `work` on the keys. Resolves when what it changed is durable; when it fails, nothing has changed. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(() => this.#carryOut(work));
    this.#last = done.catch(() => {});
    return done;
  }

  /** Decrypts with one session after the other; to be done {@link alone}. */
  decrypt<T>(decrypt: () => Promise<T>): Promise<T> {
    return this.#trials.decrypt(decrypt);
  }

  /** Makes `effect` durable together with what the operation in hand changes, if it succeeds. */
  add(effect: Effect): void {
    if (this.#changes === undefined) throw new Error("Nothing is being done with the keys");
    this.#changes.effects.push(effect);
  }

  async #read<T extends keyof SignalDataTypeMap>(
    type: T,
    ids: string[],
  ): Promise<{ [id: string]: SignalDataTypeMap[T] }> {
    const changed: { [id: string]: SignalDataTypeMap[T] | null } = this.#changes?.keys[type] ?? {};
    const values = await this.#auth.keys.get(type, ids.filter((id) => !(id in changed)));
    for (const id of ids) {
      const value = changed[id];
      if (value !== undefined && value !== null) values[id] = value;
    }
    return values;
  }

  #change(type: keyof SignalDataSet, values: NonNullable<SignalDataSet[keyof SignalDataSet]>): void {
    Object.assign(this.#changes!.keys[type] ??= {}, values);
  }

  /**
   * Takes what is missing from the same device's other name, and keeps it under this one from now on: once it is known
   * whose LID is whose, and when a group changes from one form to the other. Baileys moves the sessions of devices alone
   * that it has asked the server for, and what comes on any other could not be decrypted.
   */
  async #adopt<T extends keyof SignalDataTypeMap>(
    type: T,
    missing: string[],
    values: { [id: string]: SignalDataTypeMap[T] },
  ): Promise<void> {
    for (const id of missing) {
      // What was taken away just now is not to come back.
      if (id in (this.#changes?.keys[type] ?? {})) continue;
      const other = await this.#identities.otherAddress(id);
      if (other === undefined) continue;
      const { [other]: value } = await this.#read(type, [other]);
      if (value === undefined) continue;
      values[id] = value;
      if (this.#changes !== undefined) this.#change(type, { [id]: value, [other]: null } as never);
    }
  }

  async #carryOut<T>(work: () => Promise<T>): Promise<T> {
    const { keys, effects } = this.#changes = { keys: {}, effects: [] } as Changes;
    let result: T;
    try {
      result = await work();
      await this.#auth.commit(keys, effects.flatMap(({ statements }) => statements));
    } finally {
      this.#changes = undefined;
    }
    for (const { done } of effects) done?.();
    return result;
  }
}
