import { isJidGroup } from "@whiskeysockets/baileys";
import type { Announcer } from "../../announcer.ts";
import { parseJson } from "../../contract/json.ts";
import type { Statement } from "../../store/database.ts";
import { isProgress, type SendRecord, type SendStatus, stepsBetween } from "../../store/ledger.ts";
import { type Names, type Reached, tallied, type Tally } from "../../store/recipients.ts";
import type { Store } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry.ts";
import { following } from "../inbound/keeping.ts";
import type { SendFailure } from "../outbound/failures.ts";

/** What is known of messages: the server has them, or the people they are for have done something with them. */
export interface News {
  readonly whatsappIds: readonly string[];
  readonly status: "SENT" | Reached;
  /** In a group: which group it is, and who of its members has come so far, each by every JID that is known of them. */
  readonly group?: { readonly jid: string; readonly names: readonly string[] };
}

/** How far a send has come, and what of it the backend is to be told: statuses in their order, each with the same tally. */
interface Progress {
  readonly steps: readonly SendStatus[];
  readonly tally?: Tally | undefined;
  readonly statements: readonly Statement[];
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
   *
   * @param further what is to be durable with it
   */
  begin(record: SendRecord, further: readonly Statement[] = []): Promise<"begun" | "answered"> {
    return this.#inTurn(() => this.#begin(record, further));
  }

  /**
   * A send is for these members of a group, as it will be handed over now. Statuses of a group are those that every one of
   * them has reached.
   */
  addressed(record: SendRecord, members: readonly Names[]): Promise<void> {
    return this.#inTurn(() => this.#addressed(record, members));
  }

  /**
   * Messages have come further. The statuses before are told first when nothing was heard of them: what was read has been
   * delivered, and Baileys tells only the last of two receipts that come together. All of it is one commit.
   */
  reached(numberId: string, news: News): Promise<void> {
    return this.#inTurn(() => this.#reached(numberId, news));
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

  async #begin(record: SendRecord, further: readonly Statement[]): Promise<"begun" | "answered"> {
    const current = await this.#store.ledger.find(record.numberId, record.fingerprint);
    if (current?.final) {
      await this.#answerAlso(current, record);
      return "answered";
    }
    await this.#store.commit([...this.#store.ledger.recording(record), ...further]);
    return "begun";
  }

  async #addressed(
    { numberId, fingerprint, whatsappId }: SendRecord,
    members: readonly Names[],
  ): Promise<void> {
    const current = await this.#store.ledger.find(numberId, fingerprint);
    // It has been there before, and whom it was for then is who answers.
    if (current?.final) return;
    await this.#store.commit(await this.#store.recipients.addressing({ numberId, whatsappId }, members));
  }

  async #reached(numberId: string, news: News): Promise<void> {
    const statements: Statement[] = [];
    const told: SendStatus[] = [];
    for (const whatsappId of new Set(news.whatsappIds)) {
      const record = await this.#store.ledger.findByWhatsappId(numberId, whatsappId);
      if (record === undefined) continue;
      const progress = await this.#progress(record, news);
      statements.push(...progress.statements, ...this.#telling(record, progress));
      if (progress.steps.length > 0 && isProgress(record.status, "SENT")) {
        statements.push(...await following(record, this.#store));
      }
      told.push(...progress.steps.filter((step) => step !== record.status));
    }
    if (statements.length > 0) await this.#announcer.commit(statements);
    for (const step of told) this.#telemetry?.status(step);
  }

  async #progress(record: SendRecord, { status, group }: News): Promise<Progress> {
    if (!isJidGroup(record.chat)) {
      const steps = group === undefined ? stepsBetween(record.status, status) : [];
      return { steps, statements: [] };
    }
    const tally = await this.#store.recipients.tally(record);
    if (status === "SENT" || group?.jid !== record.chat) {
      // A receipt from elsewhere is not about the group.
      const steps = status === "SENT" ? stepsBetween(record.status, status) : [];
      return { steps, tally, statements: [] };
    }
    const { statements, before } = await this.#store.recipients.reaching(record, group.names, status);
    const now = tallied(tally, before, status);
    const steps = stepsBetween(record.status, reachedByAll(now));
    // That some of them have come further is news as well.
    return {
      steps: steps.length === 0 && before.length > 0 ? [record.status] : steps,
      tally: now,
      statements,
    };
  }

  /** The writes that take a send through `steps` and tell each of them. */
  #telling(record: SendRecord, { steps, tally }: Progress): Statement[] {
    const { numberId, whatsappId } = record;
    // Without any it is not known whom it was for.
    const recipients = tally !== undefined && tally.total > 0 ? { recipients: tally } : undefined;
    return steps.flatMap((status) =>
      this.#answer(
        { ...record, status, final: true },
        { whatsappMessageId: whatsappId, ...recipients, ...(status === "SENT" ? remarksOf(record) : {}) },
        recipients && `status ${numberId} ${whatsappId} ${status}`,
      )
    );
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
    await this.#announcer.commit(this.#answer(failed, { ...failure }));
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

  /** @param collapseKey under which it takes the place of what still waits for the broker */
  #answer(record: SendRecord, fields: Record<string, unknown>, collapseKey?: string): Statement[] {
    const answer = this.#announcer.statusBody({
      ...(record.messageIdJson === undefined ? {} : { messageId: parseJson(record.messageIdJson) }),
      numberId: parseJson(record.numberIdJson),
      status: record.status,
      ...fields,
    });
    const answerId = this.#newId();
    const options = { messageId: answerId, correlationId: record.answerTo, collapseKey };
    return [
      ...this.#store.ledger.recording({ ...record, answer, answerId }),
      ...this.#announcer.status(answer, options),
    ];
  }
}

function remarksOf({ remarksJson }: SendRecord): Record<string, unknown> {
  return remarksJson === undefined ? {} : parseJson(remarksJson) as Record<string, unknown>;
}

/** What every recipient has come to; the server has what anybody has. */
function reachedByAll({ total, delivered, read, played }: Tally): "SENT" | Reached {
  if (total === 0 || delivered < total) return "SENT";
  if (read < total) return "DELIVERED";
  return played < total ? "READ" : "PLAYED";
}
