/** A session of libsignal's, as it is stored. */
interface Session {
  readonly indexInfo: { readonly used?: number };
}

/** All sessions with one device, by their base keys, as they are stored. */
interface SessionRecord {
  readonly _sessions: Readonly<Record<string, Session>>;
}

interface Trial {
  /** Which session is shown, the most recently used being the first. */
  readonly index: number;
  /** The whole records, by address. */
  readonly records: Map<string, SessionRecord>;
}

/**
 * Shows libsignal one session of a record at a time while it decrypts. Left to itself it tries them all, turns the ratchet
 * of each before the MAC tells it that the message is another's, and writes all of them down: those that it tried in vain
 * are spoilt, and the next message on one of them is a "Bad MAC".
 *
 * Who stores the records passes them through {@link shown} as they are read and through {@link whole} as they are
 * written, and does one thing at a time.
 */
export class SessionTrials {
  #trial: Trial | undefined;

  /** Does `decrypt` with one session after the other, until it succeeds. Rejects as the last one did. */
  async decrypt<T>(decrypt: () => Promise<T>): Promise<T> {
    for (let index = 0;; index++) {
      const { records } = this.#trial = { index, records: new Map() };
      try {
        return await decrypt();
      } catch (error) {
        const isLast = [...records.values()].every(({ _sessions }) =>
          Object.keys(_sessions).length <= index + 1
        );
        if (isLast) throw error;
      } finally {
        this.#trial = undefined;
      }
    }
  }

  /** The part of a stored record that libsignal may see now. */
  shown(address: string, record: unknown): unknown {
    if (this.#trial === undefined || !isRecord(record)) return record;
    const { index, records } = this.#trial;
    records.set(address, record);
    const sessions = Object.entries(record._sessions).toSorted(([, one], [, other]) =>
      (other.indexInfo.used ?? 0) - (one.indexInfo.used ?? 0)
    );
    return { ...record, _sessions: Object.fromEntries(sessions.slice(index, index + 1)) };
  }

  /** What is to be stored of a record that libsignal has seen in part. */
  whole(address: string, record: unknown): unknown {
    const before = this.#trial?.records.get(address);
    if (before === undefined || !isRecord(record)) return record;
    return { ...record, _sessions: { ...before._sessions, ...record._sessions } };
  }
}

function isRecord(value: unknown): value is SessionRecord {
  return typeof value === "object" && value !== null && "_sessions" in value;
}
