import {
  type BinaryNode,
  getBinaryNodeChildren,
  isJidGroup,
  isJidStatusBroadcast,
} from "@whiskeysockets/baileys";
import type { Announcer } from "../announcer.ts";
import { parseJson } from "../contract/json.ts";
import type { Statement } from "../store/database.ts";
import { isProgress, type SendRecord, type SendStatus, stepsBetween } from "../store/ledger.ts";
import type { Store } from "../store/store.ts";
import type { Telemetry } from "../telemetry.ts";

/** Why a send failed, for the backend. */
export interface SendFailure {
  readonly code: string;
  readonly error: string;
  /** The same command, sent again, may succeed. */
  readonly retryable: boolean;
}

/** Writes down how far sends have come and tells the backend: once per change, never backwards. */
export class Receipts {
  readonly #store: Store;
  readonly #announcer: Announcer;
  readonly #newId: () => string;
  readonly #telemetry: Telemetry | undefined;
  /** A record is read, judged and written without another change in between. */
  #last: Promise<void> = Promise.resolve();

  constructor(store: Store, announcer: Announcer, newId: () => string, telemetry?: Telemetry) {
    this.#store = store;
    this.#announcer = announcer;
    this.#newId = newId;
    this.#telemetry = telemetry;
  }

  /**
   * A send is about to be handed to WhatsApp: writes that down. `answered`: it has been there before, and a receipt that
   * came meanwhile has told so; handing it over again would be one more repeat, and would tell its statuses anew.
   */
  begin(record: SendRecord): Promise<"begun" | "answered"> {
    return this.#inTurn(() => this.#begin(record));
  }

  /**
   * A status has been reached. Those before it are told first when nothing was heard of them: what was read has been
   * delivered, and Baileys tells only the last of two receipts that come together.
   */
  reached(numberId: string, whatsappId: string, status: SendStatus): Promise<void> {
    return this.#inTurn(() => this.#reached(numberId, whatsappId, status));
  }

  /** A send has failed. `answered`: its record has reached more than that, and stays as it is. */
  failed(record: SendRecord, failure: SendFailure): Promise<"failed" | "answered"> {
    return this.#inTurn(() => this.#failed(record, failure));
  }

  /** Says again what was said last about a send. */
  async repeat({ answer, answerId, answerTo }: SendRecord): Promise<void> {
    if (answer === undefined || answerId === undefined) return;
    await this.#announcer.commit(
      this.#announcer.status(answer, { messageId: answerId, correlationId: answerTo }),
    );
  }

  async #begin(record: SendRecord): Promise<"begun" | "answered"> {
    const current = await this.#store.ledger.find(record.numberId, record.fingerprint);
    if (current?.final) {
      await this.#answerAlso(current, record);
      return "answered";
    }
    await this.#store.commit(this.#store.ledger.recording(record));
    return "begun";
  }

  async #reached(numberId: string, whatsappId: string, status: SendStatus): Promise<void> {
    let record = await this.#store.ledger.findByWhatsappId(numberId, whatsappId);
    if (record === undefined) return;
    const statements: Statement[] = [];
    const steps = stepsBetween(record.status, status);
    for (const step of steps) {
      const change = this.#answer({ ...record, status: step, final: true }, {
        whatsappMessageId: whatsappId,
        ...(step === "SENT" ? remarksOf(record) : {}),
      });
      record = change.record;
      statements.push(...change.statements);
    }
    if (statements.length > 0) await this.#announcer.commit(statements);
    for (const step of steps) this.#telemetry?.status(step);
  }

  async #failed(record: SendRecord, failure: SendFailure): Promise<"failed" | "answered"> {
    const current = await this.#store.ledger.find(record.numberId, record.fingerprint) ?? record;
    if (isProgress("FAILED", current.status)) {
      await this.#answerAlso(current, record);
      return "answered";
    }
    const failed: SendRecord = {
      ...current,
      answerTo: record.answerTo,
      status: "FAILED",
      final: !failure.retryable,
    };
    await this.#announcer.commit(this.#answer(failed, { ...failure }).statements);
    this.#telemetry?.status(failed.status);
    return "failed";
  }

  /** What was told to one command is told to another one that wanted the same. */
  async #answerAlso(current: SendRecord, { answerTo }: SendRecord): Promise<void> {
    if (current.answerTo !== answerTo) await this.repeat({ ...current, answerTo });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.then(() => {}, () => {});
    return done;
  }

  #answer(
    record: SendRecord,
    fields: Record<string, unknown>,
  ): { record: SendRecord; statements: Statement[] } {
    const answer = this.#announcer.statusBody({
      ...(record.messageIdJson === undefined ? {} : { messageId: parseJson(record.messageIdJson) }),
      numberId: parseJson(record.numberIdJson),
      status: record.status,
      ...fields,
    });
    const answerId = this.#newId();
    const answered = { ...record, answer, answerId };
    return {
      record: answered,
      statements: [
        ...this.#store.ledger.recording(answered),
        ...this.#announcer.status(answer, { messageId: answerId, correlationId: record.answerTo }),
      ],
    };
  }
}

function remarksOf({ remarksJson }: SendRecord): Record<string, unknown> {
  return remarksJson === undefined ? {} : parseJson(remarksJson) as Record<string, unknown>;
}

/** What a receipt says of messages. */
export interface Receipt {
  readonly whatsappIds: readonly string[];
  readonly status: SendStatus;
}

/** The types of receipts that say how far a message has come; one without a type says that it was delivered. */
const STATUS_OF_TYPE: ReadonlyMap<string, SendStatus> = new Map([
  ["inactive", "DELIVERED"],
  ["read", "READ"],
  ["played", "PLAYED"],
]);

/** What a `<receipt>` says of messages of this number; `undefined` for what is no news of them. */
export function receiptOf({ attrs, content }: BinaryNode): Receipt | undefined {
  const { id, from = "", type, recipient } = attrs;
  const status = type === undefined ? "DELIVERED" : STATUS_OF_TYPE.get(type);
  // With a recipient, another device of the account tells what it has done with a message of somebody else.
  if (id === undefined || status === undefined || recipient !== undefined) return undefined;
  // In a group everybody reports for themselves.
  if (isJidGroup(from) || isJidStatusBroadcast(from)) return undefined;
  const list = Array.isArray(content) ? getBinaryNodeChildren(content[0], "item") : [];
  return { whatsappIds: [id, ...list.map((item) => item.attrs.id ?? "")], status };
}
