import { setTimeout as delay } from "node:timers/promises";
import { proto } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Message } from "../../contract/messages.ts";
import { idText } from "../../contract/ids.ts";
import { stringifyJson } from "../../contract/json.ts";
import type { SendRecord } from "../../store/ledger.ts";
import type { Store } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry.ts";
import type { AddressGuard } from "../media/address_guard.ts";
import type { OutgoingMedia } from "../media/outgoing.ts";
import type { Receipts, SendFailure } from "../receipts.ts";
import { isConnectedBy } from "../session/await_connection.ts";
import { type Admission, type PacedSend, type Pacing } from "../pacing/pacing.ts";
import { ALONE, type Place } from "../pacing/place.ts";
import type { Session } from "../session/session.ts";
import type { Transmission } from "../transmissions.ts";
import { compose } from "./compose.ts";
import { type ComposeContext, type Composition, Unsendable } from "./composition.ts";
import { fingerprint, whatsappIdOf } from "./message_id.ts";
import { refusalOf } from "./refusals.ts";

/**
 * How long a send is held while its number is not connected, before it goes back to the head of its queue: a broker
 * closes the channel of whoever holds a message for longer than its `consumer_timeout` (30 minutes).
 */
const HOLD_MS = 5 * 60_000;
/** Before a message that could not be handed over is tried again. */
const RETRY_PAUSE_MS = 500;

/** How long the queue of a number stands still for WhatsApp to say until when it is restricted: one round trip, as a rule. */
const RESTRICTION_PATIENCE_MS = 2_000;

/** Timers that are set for longer end at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A send in hand. */
export interface Send {
  readonly command: Message;
  /** `message_id` or `correlation_id` of the command. */
  readonly commandId: string | undefined;
  /** When it is of no use any more, in ms since the epoch. */
  readonly expiresAtMs: number;
  /** As the broker has it. @default 0 */
  readonly priority?: number | undefined;
  /** @default nothing can pass it */
  readonly place?: Place | undefined;
}

/** Options of {@link Sender}. */
export interface SenderOptions {
  readonly store: Store;
  readonly receipts: Receipts;
  readonly media: OutgoingMedia;
  /** Says which hosts may be asked for what a message names. */
  readonly guard: AddressGuard;
  readonly pacing: Pacing;
  /** The session of a number, if this worker holds it. */
  readonly sessionOf: (numberId: string) => Session | undefined;
  /** How long WhatsApp's server may take to acknowledge a message. */
  readonly messageTimeoutMs: number;
  /** How often a message is handed to WhatsApp before it has failed. */
  readonly maxAttempts: number;
  /** @default 5 minutes */
  readonly holdMs?: number | undefined;
  readonly now: () => number;
  readonly newId: () => string;
  readonly telemetry?: Telemetry | undefined;
  readonly log: Logger;
}

/** `accepted` by WhatsApp's server; `repeated`: answered as before; `later`; or the code of its {@link SendFailure}. */
type Settlement = string;

/** What becomes of a send that is not settled. */
type Postponement = "later" | { readonly parkForMs: number };

/** Sends messages, each with one effect however often its command comes. */
export class Sender {
  readonly #options: SenderOptions;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /**
   * Carries out one send. `done`: its outcome is durable. `later`: its number is not connected and it is to be taken
   * from the queue again. Else it is to be taken out of the way of others for so long.
   */
  async send(send: Send, signal: AbortSignal): Promise<"done" | Postponement> {
    const settlement = await this.#settle(send, signal);
    if (settlement === "later" || typeof settlement === "object") return settlement;
    this.#options.telemetry?.sent(send.command.type, settlement);
    return "done";
  }

  async #settle(send: Send, signal: AbortSignal): Promise<Settlement | Postponement> {
    const { command, commandId, expiresAtMs } = send;
    const { receipts, pacing, sessionOf, holdMs = HOLD_MS, now, telemetry } = this.#options;
    const record = await this.#recordOf(command, commandId);
    if (record.final) return await this.#repeat(record);

    const session = sessionOf(record.numberId);
    if (session === undefined) return await this.#fail(record, withoutSession(record));
    let pending: SendRecord = { ...record, status: "PENDING", answerTo: commandId };
    const heldUntilMs = Math.min(now() + holdMs, expiresAtMs);
    let transmission: Transmission = { outcome: "disconnected" };
    let unmade: SendFailure | undefined;
    let handedOver = isHandedOver(record);
    let admission: Admission | undefined = handedOver ? ADMITTED : undefined;
    for (let attempt = 1; attempt <= this.#options.maxAttempts; attempt++) {
      if (attempt > 1) await delay(RETRY_PAUSE_MS, undefined, { signal }).catch(() => {});
      if (!(await isConnectedBy(session, heldUntilMs, { now, signal }))) {
        if (expiresAtMs <= now()) return await this.#fail(pending, handedOver ? UNCONFIRMED : EXPIRED);
        if (session.state === "ended") {
          return await this.#fail(pending, handedOver ? UNCONFIRMED : NO_SESSION);
        }
        return session.state === "banned" ? await this.#fail(pending, BANNED) : "later";
      }
      if (expiresAtMs <= now()) return await this.#fail(pending, handedOver ? UNCONFIRMED : EXPIRED);
      // Not by what was read before the wait: receipts may have come first when the link did.
      const socket = session.openSocket;
      if (socket === undefined) continue;
      admission ??= await pacing.admit(pacedSend(pending, send), session, signal);
      if (admission.outcome === "fail") return await this.#fail(pending, admission.failure);
      if (admission.outcome === "park") return { parkForMs: admission.forMs };
      if (admission.outcome === "later") return "later";
      let composition: Composition;
      const deadline = deadlineOf(expiresAtMs - now());
      try {
        const making = AbortSignal.any([signal, deadline.signal]);
        composition = await this.#composed(pending, { command, socket, log: session.log, signal: making });
      } catch (error) {
        // A medium that is still fetched then is fetched again by whoever has the number next.
        if (signal.aborted) return "later";
        if (!(error instanceof Unsendable)) {
          if (deadline.signal.aborted) return await this.#fail(pending, EXPIRED_UNMADE);
          throw error;
        }
        // Without its link a message cannot be made, and with the next one it may be.
        if (error.failure.retryable && session.openSocket !== socket) {
          if (now() >= heldUntilMs) return "later";
          unmade = error.failure;
          continue;
        }
        return await this.#fail(pending, error.failure);
      } finally {
        deadline.end();
      }
      if (expiresAtMs <= now()) return await this.#fail(pending, handedOver ? UNCONFIRMED : EXPIRED_UNMADE);
      const { message, remarks } = composition;
      pending = {
        ...pending,
        content: proto.Message.encode(message).finish(),
        ...(remarks === undefined ? {} : { remarksJson: stringifyJson(remarks) }),
      };
      if (await receipts.begin(pending, admission.counting()) === "answered") return "accepted";
      admission = ADMITTED;
      handedOver = true;
      const handedOverAt = performance.now();
      const sentAtMs = now();
      transmission = await session.transmit(record.chat, message, {
        whatsappId: record.whatsappId,
        timeoutMs: this.#options.messageTimeoutMs,
        onMembers: (members) => receipts.addressed(record, members),
      });
      if (transmission.outcome === "accepted") {
        telemetry?.acknowledged(performance.now() - handedOverAt);
        return "accepted";
      }
      if (transmission.outcome === "refused") {
        const failure = await this.#refusal(session, transmission.code, {
          chat: record.chat,
          sentAtMs,
          signal,
        });
        return await this.#fail(pending, failure);
      }
      if (transmission.outcome === "unsendable") return await this.#fail(pending, transmission.failure);
      // On a link that lives, silence says that it was written: once more would be twice on the wire.
      if (transmission.outcome === "unanswered") break;
    }
    return await this.#fail(pending, pending.content === undefined && unmade || failureOf(transmission));
  }

  /** A send that waited until it was of no use, or has no number to go out from. */
  async fail(
    command: Message,
    commandId: string | undefined,
    cause: "expired" | "no_session",
  ): Promise<void> {
    const record = await this.#recordOf(command, commandId);
    const settlement = record.final
      ? await this.#repeat(record)
      : await this.#fail(record, cause === "expired" ? await this.#expiry(record) : withoutSession(record));
    this.#options.telemetry?.sent(command.type, settlement);
  }

  async #expiry(record: SendRecord): Promise<SendFailure> {
    return isHandedOver(record) ? UNCONFIRMED : await this.#options.pacing.failureOf(record) ?? EXPIRED;
  }

  async #repeat(record: SendRecord): Promise<Settlement> {
    await this.#options.receipts.repeat(record);
    return "repeated";
  }

  async #fail(record: SendRecord, failure: SendFailure): Promise<Settlement> {
    this.#options.pacing.ends(record);
    return await this.#options.receipts.failed(record, failure) === "failed" ? failure.code : "accepted";
  }

  /** With the end of a restriction, which WhatsApp is asked for when it refuses, and tells after that. */
  async #refusal(
    session: Session,
    code: string,
    { chat, sentAtMs, signal }: { chat: string; sentAtMs: number; signal: AbortSignal },
  ): Promise<SendFailure> {
    const failure = refusalOf(code, chat);
    if (failure.code !== "restricted_from_new_contacts") return failure;
    const retryAt = await session.restrictionEndMs(sentAtMs, {
      patienceMs: RESTRICTION_PATIENCE_MS,
      signal,
    });
    return retryAt === undefined ? failure : { ...failure, retryAt };
  }

  async #recordOf(command: Message, commandId: string | undefined): Promise<SendRecord> {
    const { store, newId } = this.#options;
    const numberId = idText(command.numberId);
    const print = fingerprint(command, commandId ?? newId());
    const known = await store.ledger.find(numberId, print);
    return known === undefined
      ? {
        numberId,
        fingerprint: print,
        whatsappId: whatsappIdOf(print),
        chat: command.to,
        answerTo: commandId,
        messageIdJson: command.messageId === undefined ? undefined : stringifyJson(command.messageId),
        numberIdJson: stringifyJson(command.numberId),
        status: "PENDING",
        final: false,
      }
      : { ...known, answerTo: commandId ?? known.answerTo };
  }

  /** The message as it was handed over before, with its keys and what was uploaded for it; or one that is made now. */
  async #composed(
    { numberId, content }: SendRecord,
    { command, ...context }: { command: Message } & Pick<ComposeContext, "socket" | "log" | "signal">,
  ): Promise<Composition> {
    if (content !== undefined) return { message: proto.Message.decode(content) };
    const { store, media, guard, now } = this.#options;
    return await compose(command, { numberId, store, media, guard, now, ...context });
  }
}

/** It has been counted before. */
const ADMITTED: Admission = { outcome: "go", counting: () => [] };

function pacedSend(
  record: SendRecord,
  { command, expiresAtMs, priority = 0, place = ALONE }: Send,
): PacedSend {
  return { record, command, expiresAtMs, priority, place };
}

const EXPIRED: SendFailure = {
  code: "expired",
  error: "The message was not sent in time because its number was not connected",
  retryable: true,
};

const EXPIRED_UNMADE: SendFailure = {
  code: "expired",
  error: "The message was not sent in time because its medium took too long to fetch and to upload",
  retryable: true,
};

const NO_SESSION: SendFailure = {
  code: "no_session",
  error: "No worker has a session for this number: open one with 'create'",
  retryable: true,
};

const BANNED: SendFailure = {
  code: "banned",
  error: "WhatsApp has banned this number",
  retryable: true,
};

const UNCONFIRMED: SendFailure = {
  code: "unconfirmed",
  error: "WhatsApp did not confirm the message; it may or may not have arrived",
  retryable: true,
};

/** Of what was handed to WhatsApp before its session ended nobody knows whether it arrived. */
function withoutSession(record: SendRecord): SendFailure {
  return isHandedOver(record) ? UNCONFIRMED : NO_SESSION;
}

/** Aborts after `ms`, unless it is ended before. */
function deadlineOf(ms: number): { readonly signal: AbortSignal; readonly end: () => void } {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), Math.min(ms, LONGEST_TIMER_MS));
  return { signal: over.signal, end: () => clearTimeout(timer) };
}

function isHandedOver({ status, content }: SendRecord): boolean {
  return status === "PENDING" && content !== undefined;
}

function failureOf(transmission: Transmission): SendFailure {
  if (transmission.outcome === "failed") {
    return { code: "not_sent", error: `Cannot send the message: ${transmission.error}`, retryable: true };
  }
  return UNCONFIRMED;
}
