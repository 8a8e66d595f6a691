import { idText } from "../../contract/ids.ts";
import { stringifyJson } from "../../contract/json.ts";
import type { Message } from "../../contract/messages.ts";
import type { SendRecord } from "../../store/ledger.ts";
import type { Session } from "../session/session.ts";
import { EXPIRED, NO_SESSION, type SendFailure, UNCONFIRMED } from "./failures.ts";
import { fingerprint, whatsappIdOf } from "./message_id.ts";
import {
  isHandedOver,
  type Postponement,
  type Send,
  type SendingOptions,
  SendInHand,
} from "./send_in_hand.ts";

/** Options of {@link Sender}. */
export interface SenderOptions extends SendingOptions {
  /** The session of a number, if this worker holds it. */
  readonly sessionOf: (numberId: string) => Session | undefined;
  readonly newId: () => string;
}

/** `accepted` by WhatsApp's server; `repeated`: answered as before; or the code of its {@link SendFailure}. */
type Settlement = string;

/** A command, told apart from all others by its fingerprint. */
interface Identified {
  /** Without a medium's bytes. */
  readonly command: Message;
  readonly commandId: string | undefined;
  readonly fingerprint: string;
}

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
    const identified = this.#identified(send.read(), send.commandId);
    const settlement = await this.#settle(send, identified, signal);
    if (settlement === "later" || typeof settlement === "object") return settlement;
    this.#options.telemetry?.sent(identified.command.type, settlement);
    return "done";
  }

  /** A send that waited until it was of no use, or has no number to go out from. */
  async fail(
    command: Message,
    commandId: string | undefined,
    cause: "expired" | "no_session",
  ): Promise<void> {
    const record = await this.#recordOf(this.#identified(command, commandId));
    const settlement = record.final
      ? await this.#repeat(record)
      : await this.#fail(record, cause === "expired" ? await this.#expiry(record) : withoutSession(record));
    this.#options.telemetry?.sent(command.type, settlement);
  }

  async #settle(
    send: Send,
    identified: Identified,
    signal: AbortSignal,
  ): Promise<Settlement | Postponement> {
    const record = await this.#recordOf(identified);
    if (record.final) return await this.#repeat(record);
    const session = this.#options.sessionOf(record.numberId);
    if (session === undefined) return await this.#fail(record, withoutSession(record));
    const inHand = new SendInHand(this.#options, send, { ...identified, record, session, signal });
    const ending = await inHand.carryOut();
    return typeof ending === "object" && "failure" in ending
      ? await this.#fail(inHand.record, ending.failure)
      : ending;
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

  #identified(command: Message, commandId: string | undefined): Identified {
    const print = fingerprint(command, commandId ?? this.#options.newId());
    return { command: withoutBytes(command), commandId, fingerprint: print };
  }

  async #recordOf({ command, commandId, fingerprint: print }: Identified): Promise<SendRecord> {
    const numberId = idText(command.numberId);
    const known = await this.#options.store.ledger.find(numberId, print);
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
}

/** Of what was handed to WhatsApp before its session ended nobody knows whether it arrived. */
function withoutSession(record: SendRecord): SendFailure {
  return isHandedOver(record) ? UNCONFIRMED : NO_SESSION;
}

/** What is known of a send while it waits: a medium's bytes are read again by whoever makes the message. */
function withoutBytes(command: Message): Message {
  const { mediaUrl } = command;
  const light = { ...command, ...(/^data:/i.test(mediaUrl ?? "") ? { mediaUrl: null } : {}) };
  if ("mediaBase64" in light) delete light.mediaBase64;
  return light;
}
