import { proto } from "@whiskeysockets/baileys";
import type { Message } from "../../contract/messages.ts";
import { stringifyJson } from "../../contract/json.ts";
import type { SendRecord } from "../../store/ledger.ts";
import type { Store } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry.ts";
import { deadlineIn, pause } from "../../waiting.ts";
import type { AddressGuard } from "../media/outgoing/address_guard.ts";
import type { OutgoingMedia } from "../media/outgoing/outgoing_media.ts";
import type { Admission, Pacing } from "../pacing/pacing.ts";
import { ALONE, type Place } from "../pacing/place.ts";
import type { Receipts } from "../receipts/receipts.ts";
import { isConnectedBy } from "../session/await_connection.ts";
import type { Session } from "../session/session.ts";
import type { Socket } from "../socket/socket.ts";
import type { Transmission } from "./transmissions.ts";
import { compose } from "./compose.ts";
import type { Composition } from "./composition.ts";
import {
  BANNED,
  EXPIRED,
  EXPIRED_UNMADE,
  NO_SESSION,
  notSent,
  type SendFailure,
  UNCONFIRMED,
  Unsendable,
} from "./failures.ts";
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

/** A send, as it was taken from its number's queue. */
export interface Send {
  /** Reads the command anew. It may hold a medium, which is in memory once already: in the message of the broker's. */
  readonly read: () => Message;
  /** `message_id` or `correlation_id` of the command. */
  readonly commandId: string | undefined;
  /** When it is of no use any more, in ms since the epoch. */
  readonly expiresAtMs: number;
  /** As the broker has it. @default 0 */
  readonly priority?: number | undefined;
  /** @default nothing can pass it */
  readonly place?: Place | undefined;
}

/** What sends go out with. */
export interface SendingOptions {
  readonly store: Store;
  readonly receipts: Receipts;
  readonly media: OutgoingMedia;
  /** Says which hosts may be asked for what a message names. */
  readonly guard: AddressGuard;
  readonly pacing: Pacing;
  /** How long WhatsApp's server may take to acknowledge a message. */
  readonly messageTimeoutMs: number;
  /** How often a message is handed to WhatsApp before it has failed. */
  readonly maxAttempts: number;
  /** @default 5 minutes */
  readonly holdMs?: number | undefined;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
}

/** What a send is carried out for. */
export interface SendContext {
  /** Without a medium's bytes, for as long as it waits. */
  readonly command: Message;
  /** As the ledger has it, or would. */
  readonly record: SendRecord;
  readonly session: Session;
  /** Aborts when the send has to go back to its queue. */
  readonly signal: AbortSignal;
}

/** What becomes of a send that is not settled: it is taken from its queue again at once, or is out of the way for a while. */
export type Postponement = "later" | { readonly parkForMs: number };

/** What came of a send. WhatsApp has it (`accepted`), it is not settled, or it has failed, which is still to be written down. */
export type Ending = "accepted" | Postponement | { readonly failure: SendFailure };

/** It has been counted before. */
const ADMITTED: Extract<Admission, { outcome: "go" }> = { outcome: "go", counting: () => [] };

/** Whether WhatsApp may have a send, by what the ledger says of it. */
export function isHandedOver({ status, content }: SendRecord): boolean {
  return status === "PENDING" && content !== undefined;
}

/** One send that is carried out: over as many links as it takes, up to the word of WhatsApp's server. */
export class SendInHand {
  readonly #options: SendingOptions;
  readonly #send: Send;
  readonly #command: Message;
  readonly #session: Session;
  readonly #signal: AbortSignal;
  #record: SendRecord;
  /** WhatsApp may have it. */
  #handedOver: boolean;
  #admission: Extract<Admission, { outcome: "go" }> | undefined;
  /** What became of it on the link before. */
  #latest: SendFailure = UNCONFIRMED;

  constructor(options: SendingOptions, send: Send, { command, record, session, signal }: SendContext) {
    this.#options = options;
    this.#send = send;
    this.#command = command;
    this.#session = session;
    this.#signal = signal;
    this.#record = { ...record, status: "PENDING", answerTo: send.commandId };
    this.#handedOver = isHandedOver(record);
    this.#admission = this.#handedOver ? ADMITTED : undefined;
  }

  /** As it is to be written down. */
  get record(): SendRecord {
    return this.#record;
  }

  /** Carries it out. To be called once. */
  async carryOut(): Promise<Ending> {
    const { maxAttempts, holdMs = HOLD_MS, now } = this.#options;
    const heldUntilMs = Math.min(now() + holdMs, this.#send.expiresAtMs);
    for (let attempt = 1; attempt <= maxAttempts; attempt++) {
      if (attempt > 1) await pause(RETRY_PAUSE_MS, this.#signal);
      const ending = await this.#attempt(heldUntilMs);
      if (ending !== undefined) return ending;
    }
    return { failure: this.#latest };
  }

  /** @returns nothing when the next link may fare better */
  async #attempt(heldUntilMs: number): Promise<Ending | undefined> {
    const { receipts, now } = this.#options;
    if (!(await isConnectedBy(this.#session, heldUntilMs, { now, signal: this.#signal }))) {
      return this.#unconnected();
    }
    if (this.#isOverdue) return this.#lateFor(EXPIRED);
    // Not by what was read before the wait: receipts may have come first when the link did.
    const socket = this.#session.openSocket;
    if (socket === undefined) return undefined;
    const admission = this.#admission ?? await this.#admit();
    if (admission.outcome === "fail") return { failure: admission.failure };
    if (admission.outcome === "park") return { parkForMs: admission.forMs };
    if (admission.outcome === "later") return "later";
    this.#admission = admission;
    const made = await this.#make(socket, heldUntilMs);
    if (made === undefined || typeof made === "string" || "failure" in made) return made;
    if (this.#isOverdue) return this.#lateFor(EXPIRED_UNMADE);
    const { message, remarks } = made;
    this.#record = {
      ...this.#record,
      content: proto.Message.encode(message).finish(),
      ...(remarks === undefined ? {} : { remarksJson: stringifyJson(remarks) }),
    };
    if (await receipts.begin(this.#record, admission.counting()) === "answered") return "accepted";
    this.#admission = ADMITTED;
    this.#handedOver = true;
    return await this.#handOver(message);
  }

  get #isOverdue(): boolean {
    return this.#send.expiresAtMs <= this.#options.now();
  }

  /** Of what was handed over nobody knows whether it arrived. */
  #lateFor(cause: SendFailure): Ending {
    return { failure: this.#handedOver ? UNCONFIRMED : cause };
  }

  #unconnected(): Ending {
    const { state } = this.#session;
    if (this.#isOverdue) return this.#lateFor(EXPIRED);
    if (state === "ended") return this.#lateFor(NO_SESSION);
    return state === "banned" ? { failure: BANNED } : "later";
  }

  async #admit(): Promise<Admission> {
    const { expiresAtMs, priority = 0, place = ALONE } = this.#send;
    const paced = { record: this.#record, command: this.#command, expiresAtMs, priority, place };
    return await this.#options.pacing.admit(paced, this.#session, this.#signal);
  }

  /** The message as it was handed over before, with its keys and what was uploaded for it; or one that is made now. */
  async #make(
    socket: Socket,
    heldUntilMs: number,
  ): Promise<Composition | "later" | { readonly failure: SendFailure } | undefined> {
    const { store, media, guard, now } = this.#options;
    const { numberId, content } = this.#record;
    if (content !== undefined) return { message: proto.Message.decode(content) };
    using deadline = deadlineIn(this.#send.expiresAtMs - now());
    const signal = AbortSignal.any([this.#signal, deadline.signal]);
    const { log } = this.#session;
    try {
      return await compose(this.#send.read(), { numberId, socket, store, media, guard, now, log, signal });
    } catch (error) {
      // A medium that is still fetched then is fetched again by whoever has the number next.
      if (this.#signal.aborted) return "later";
      if (!(error instanceof Unsendable)) {
        if (deadline.signal.aborted) return { failure: EXPIRED_UNMADE };
        throw error;
      }
      const { failure } = error;
      // Without its link a message cannot be made, and with the next one it may be.
      if (!failure.retryable || this.#session.openSocket === socket) return { failure };
      if (now() >= heldUntilMs) return "later";
      this.#latest = failure;
      return undefined;
    }
  }

  async #handOver(message: proto.IMessage): Promise<Ending | undefined> {
    const { receipts, messageTimeoutMs: timeoutMs, now, telemetry } = this.#options;
    const { chat, whatsappId } = this.#record;
    const handedOverAt = performance.now();
    const sentAtMs = now();
    const transmission = await this.#session.transmit(chat, message, {
      whatsappId,
      timeoutMs,
      onMembers: (members) => receipts.addressed(this.#record, members),
    });
    switch (transmission.outcome) {
      case "accepted":
        telemetry?.acknowledged(performance.now() - handedOverAt);
        return "accepted";
      case "refused":
        return { failure: await this.#refusal(transmission, sentAtMs) };
      case "unsendable":
        return { failure: transmission.failure };
      case "unanswered":
        // On a link that lives, silence says that it was written: once more would be twice on the wire.
        return { failure: UNCONFIRMED };
      case "failed":
        this.#latest = notSent(transmission.error);
        return undefined;
      case "disconnected":
        this.#latest = UNCONFIRMED;
        return undefined;
    }
  }

  /** With the end of a restriction, which WhatsApp is asked for when it refuses, and tells after that. */
  async #refusal(
    { code }: Extract<Transmission, { outcome: "refused" }>,
    sentAtMs: number,
  ): Promise<SendFailure> {
    const failure = refusalOf(code, this.#record.chat);
    if (failure.code !== "restricted_from_new_contacts") return failure;
    const retryAt = await this.#session.restrictionEndMs(sentAtMs, {
      patienceMs: RESTRICTION_PATIENCE_MS,
      signal: this.#signal,
    });
    return retryAt === undefined ? failure : { ...failure, retryAt };
  }
}
