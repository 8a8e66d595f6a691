import type { Answers } from "./answers.ts";
import type { Delivery, Handler, Outcome } from "./broker/consumer.ts";
import { isExpiredSend } from "./broker/expired_sends.ts";
import { deadlineOf, readSend, ROUTED_AT } from "./broker/reader.ts";
import { workerIdMatches } from "./contract/addresses.ts";
import {
  isMessage,
  readHealthCommand,
  readSessionCommand,
  type SessionCommand,
} from "./contract/commands.ts";
import { idText } from "./contract/ids.ts";
import { decodeBody } from "./contract/json.ts";
import type { ChatAction, Message } from "./contract/messages.ts";
import type { Refusal } from "./contract/parsed.ts";
import type { Telemetry } from "./telemetry.ts";
import type { ChatActions } from "./whatsapp/chats/chat_actions.ts";
import type { Sender } from "./whatsapp/outbound/sender.ts";
import type { CommandOutcome, Sessions } from "./whatsapp/session/sessions.ts";

/** Options of {@link Intake}. */
export interface IntakeOptions {
  readonly workerId: string;
  readonly sessions: Sessions;
  readonly sender: Sender;
  readonly chatActions: ChatActions;
  readonly answers: Answers;
  /** Announces how this worker is, in answer to the command with this id. */
  readonly answerWorker: (commandId: string | undefined) => Promise<void>;
  /** Hands a command to the worker that holds the number; `unroutable` when there is none. */
  readonly forwardToHolder: (numberId: string, delivery: Delivery) => Promise<"routed" | "unroutable">;
  /** Takes a send out of the way of others for a while; resolves when the broker has it elsewhere. */
  readonly park: (delivery: Delivery, forMs: number) => Promise<void>;
  /** How long a send may wait whose deadline got lost on the way. */
  readonly sendWaitMs: number;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
  /** Aborts when the worker stops: what waits goes back to its queue. */
  readonly signal: AbortSignal;
}

/** Acts on what was routed to this worker. Each handler resolves when the effect of its message is durable. */
export class Intake {
  readonly #options: IntakeOptions;
  /** The command in hand for each number: they come through two queues, and one follows the other. */
  readonly #inHand = new Map<string, Promise<unknown>>();

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Handler of the worker's inbox, and of the commands that any worker may take: for sessions, and for health. */
  readonly takeCommand: Handler = async (delivery) => {
    const { answers, sessions, telemetry } = this.#options;
    const startedAt = performance.now();
    if (isExpiredSend(delivery)) return await this.#answerExpired(delivery);
    const body = decodeBody(delivery.message.content);
    if (body.ok && body.value.action === "health_check") {
      const request = readHealthCommand(body.value);
      if (!request.ok) return await this.#refuse(request, delivery, "command");
      await answers.health(request.value, sessions.get(idText(request.value.numberId)), delivery);
      telemetry?.command("health_check", "done", performance.now() - startedAt);
      return "ack";
    }
    const command = body.ok ? readSessionCommand(body.value) : body;
    if (!command.ok) return await this.#refuse(command, delivery, "command");
    const outcome = await this.#carryOut(command.value, delivery);
    telemetry?.command(command.value.action, outcome, performance.now() - startedAt);
    return outcome === "given_up" ? "requeue" : "ack";
  };

  /** Handler of the numbers' queues: messages to send, and what else is to be done in their chats. */
  readonly takeSend: Handler = async (delivery) => {
    const { sender, chatActions, park, sendWaitMs, now, signal } = this.#options;
    const { refusal, action } = lookAt(delivery);
    if (refusal !== undefined) return await this.#refuse(refusal, delivery, "send");
    const { commandId, place, message: { properties: { messageId, priority, headers } } } = delivery;
    const expiresAtMs = deadlineOf(delivery) ?? now() + sendWaitMs;
    // A send that is held while its channel dies comes again by itself: letting go of it frees its number's lease.
    const ended = AbortSignal.any([signal, delivery.lost]);
    if (action === undefined) {
      const send = { read: () => messageIn(delivery), commandId, expiresAtMs, priority, place };
      const outcome = await sender.send(send, ended);
      if (typeof outcome === "string") return outcome === "done" ? "ack" : "requeue";
      await park(delivery, outcome.parkForMs);
      return "ack";
    }
    const routedAtMs = Number(headers?.[ROUTED_AT]) || now();
    const taken = { command: action, commandId, messageId, routedAtMs, expiresAtMs };
    return await chatActions.take(taken, ended) === "done" ? "ack" : "requeue";
  };

  /** A send of one of its numbers that waited too long: this worker knows whether it has gone out before. */
  async #answerExpired(delivery: Delivery): Promise<Outcome> {
    const send = readSend(delivery);
    if (!send.ok) return await this.#refuse(send, delivery, "send");
    await this.#options.answers.expired(send.value, delivery);
    return "ack";
  }

  async #carryOut(command: SessionCommand, delivery: Delivery): Promise<CommandOutcome> {
    const { workerId, sessions, answers, answerWorker, forwardToHolder } = this.#options;
    if (command.numberId === undefined) {
      await answerWorker(delivery.commandId);
    } else if (command.workerId !== undefined && !workerIdMatches(command.workerId, workerId)) {
      // It was meant for a worker that was refused the number's lease and passed it on to whoever has it.
      await answers.heldElsewhere(command, workerId, delivery);
      return "held_elsewhere";
    } else {
      const numberId = idText(command.numberId);
      const outcome = await this.#inTurn(
        numberId,
        () => sessions.handle({ command, commandId: delivery.commandId }),
      );
      if (outcome === "pinned_elsewhere") await answers.pinnedElsewhere(command, delivery);
      if (outcome === "held_elsewhere" && await forwardToHolder(numberId, delivery) === "unroutable") {
        await answers.heldElsewhere(command, undefined, delivery);
      }
      return outcome;
    }
    return "done";
  }

  async #inTurn(numberId: string, work: () => Promise<CommandOutcome>): Promise<CommandOutcome> {
    const before = this.#inHand.get(numberId);
    // How the one before ended is told to whoever brought it.
    const done = before === undefined ? work() : before.then(work, work);
    this.#inHand.set(numberId, done);
    try {
      return await done;
    } finally {
      if (this.#inHand.get(numberId) === done) this.#inHand.delete(numberId);
    }
  }

  async #refuse(refusal: Refusal, delivery: Delivery, kind: "command" | "send"): Promise<Outcome> {
    await this.#options.answers.refused(refusal, delivery, kind);
    return { dead: refusal.code };
  }
}

/**
 * Why a delivery cannot be read, or what it asks to be done in a chat; neither when it is a message. That may hold a medium
 * and is read anew by whoever needs it: what is in hand here is in memory for as long as the message waits.
 */
function lookAt(delivery: Delivery): { refusal?: Refusal; action?: ChatAction } {
  const command = readSend(delivery);
  if (!command.ok) return { refusal: command };
  return isMessage(command.value) ? {} : { action: command.value };
}

function messageIn(delivery: Delivery): Message {
  const command = readSend(delivery);
  if (command.ok && isMessage(command.value)) return command.value;
  throw new TypeError("Cannot read again the message that was read before");
}
