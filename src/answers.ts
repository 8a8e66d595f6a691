import type { Announcer, EventFields } from "./announcer.ts";
import type { Delivery } from "./broker/consumer.ts";
import type { ReaderAnswers } from "./broker/reader.ts";
import {
  type HealthCommand,
  isMessage,
  type NumberCommand,
  type SessionCommand,
} from "./contract/commands.ts";
import type { Refusal } from "./contract/parsed.ts";
import type { ChatActions } from "./whatsapp/chats/chat_actions.ts";
import type { Sender } from "./whatsapp/outbound/sender.ts";
import type { Session } from "./whatsapp/session/session.ts";

/** Answers to what no session can carry out. Each resolves when the answer is durable. */
export class Answers implements ReaderAnswers {
  readonly #announcer: Announcer;
  readonly #sender: Sender;
  readonly #chatActions: ChatActions;

  constructor(announcer: Announcer, sender: Sender, chatActions: ChatActions) {
    this.#announcer = announcer;
    this.#sender = sender;
    this.#chatActions = chatActions;
  }

  /** A message that cannot be understood: a send ends in `FAILED`, everything else in an `error`. */
  async refused(refusal: Refusal, delivery: Delivery, kind: "command" | "send"): Promise<void> {
    const { code, error, field, about: { numberId, messageId, backendSessionId } } = refusal;
    const fault = { ...defined({ numberId, messageId }), code, error, ...defined({ field }) };
    if (kind === "command" || messageId === undefined) {
      return await this.#error({ ...defined({ backendSessionId }), ...fault }, delivery);
    }
    const body = this.#announcer.statusBody({ status: "FAILED", ...fault, retryable: false });
    await this.#announcer.commit(this.#announcer.status(body, { correlationId: delivery.commandId }));
  }

  async workerUnknown(
    { numberId, workerId }: SessionCommand | HealthCommand,
    delivery: Delivery,
  ): Promise<void> {
    await this.#error({
      ...defined({ numberId }),
      code: "worker_unknown",
      error: `No worker called '${workerId}' has taken its commands for ten minutes`,
    }, delivery);
  }

  /** Another worker has the number; `heldBy` is its id, where it is the one that answers. */
  async heldElsewhere(
    { action, numberId, backendSessionId }: SessionCommand,
    heldBy: string | undefined,
    delivery: Delivery,
  ): Promise<void> {
    await this.#error({
      ...defined({ numberId, backendSessionId }),
      code: "held_elsewhere",
      error: `Cannot ${action} number ${numberId} as ${
        heldBy === undefined ? "another worker" : `worker '${heldBy}'`
      } holds it`,
      ...defined({ heldBy }),
    }, delivery);
  }

  /** The number belongs to a worker that is away. */
  async pinnedElsewhere(
    { action, numberId, backendSessionId }: SessionCommand,
    delivery: Delivery,
  ): Promise<void> {
    await this.#error({
      ...defined({ numberId, backendSessionId }),
      code: "held_elsewhere",
      error:
        `Cannot ${action} number ${numberId} as it belongs to a worker that is away: start that worker, ` +
        `or free the number with 'worker session unpin ${numberId} --worker ID'`,
    }, delivery);
  }

  async noSession(command: NumberCommand, delivery: Delivery): Promise<void> {
    await this.#failed(command, delivery, "no_session");
  }

  async expired(command: NumberCommand, delivery: Delivery): Promise<void> {
    await this.#failed(command, delivery, "expired");
  }

  /** The health of one number, as it is now. */
  async health({ numberId }: HealthCommand, session: Session | undefined, delivery: Delivery): Promise<void> {
    const options = { correlationId: delivery.commandId };
    await this.#announcer.commit(
      session === undefined
        ? this.#announcer.health({ numberId }, { status: "NOT_FOUND" }, options)
        : session.tellingHealth(options),
    );
  }

  async #failed(
    command: NumberCommand,
    { commandId, message: { properties: { messageId } } }: Delivery,
    cause: "expired" | "no_session",
  ): Promise<void> {
    if (isMessage(command)) await this.#sender.fail(command, commandId, cause);
    else await this.#chatActions.fail({ command, commandId, messageId }, cause);
  }

  async #error(fields: Omit<EventFields, "action">, { commandId }: Delivery): Promise<void> {
    await this.#announcer.commit(
      this.#announcer.event({ action: "error", ...fields }, { correlationId: commandId }),
    );
  }
}

/** The fields that have a value: an event never says `null` where it means "unknown". */
function defined(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
