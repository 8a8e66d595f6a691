/** The backend's business and the contacts': does what the traffic schedule says, and notes it down. */

import type { Received } from "../backend/backend.ts";
import type { Publication, RoutingKey } from "./backend.ts";
import type { Deployment } from "./deployment.ts";
import type { CommandFact, InboundFact, SendFact, ShownFact } from "./facts.ts";
import type { Cast, Line } from "./schedule.ts";
import type { CommandStep, InboundStep, SendStep, TrafficStep } from "./traffic_schedule.ts";

/** Those who write to each other through the workers. */
export class People {
  readonly sends = new Map<number, SendFact>();
  readonly inbound: InboundFact[] = [];
  readonly commands: CommandFact[] = [];
  readonly #deployment: Deployment;
  readonly #cast: Cast;
  /** By number, the worker that has it. */
  readonly #holders: ReadonlyMap<number, string>;
  /** What is published about a number is published one after the other: that is what its order means. */
  readonly #sending = new Map<number, Promise<void>>();
  /** Commands for a number wait for each other's answers. */
  readonly #commanding = new Map<number | undefined, Promise<void>>();
  readonly #unanswered = new Map<string, () => void>();

  constructor(deployment: Deployment, cast: Cast, holders: ReadonlyMap<number, string>) {
    this.#deployment = deployment;
    this.#cast = cast;
    this.#holders = holders;
  }

  /** Does a step; what it leads to goes on by itself. */
  take(step: TrafficStep): void {
    switch (step.kind) {
      case "send":
        return this.#send(step);
      case "repeat":
        return this.#sendAgain(this.sends.get(step.messageId)!);
      case "inbound":
        return this.#write(step);
      case "command":
        return this.#command(step);
    }
  }

  /** Something came to the backend. */
  hear({ body, properties }: Received): void {
    const { correlationId } = properties;
    if (correlationId !== undefined) {
      this.#unanswered.get(correlationId)?.();
      this.#unanswered.delete(correlationId);
    }
    if (properties.type !== "message_status" || body.status !== "FAILED" || body.retryable !== true) return;
    const send = this.sends.get(Number(body.messageId));
    if (send === undefined || !send.step.resend || body.code === "expired" || this.#resent.has(send)) return;
    this.#resent.add(send);
    this.#sendAgain(send);
  }

  readonly #resent = new Set<SendFact>();

  /** Resolves when everything that was taken so far is with the broker, or with WhatsApp, and every command is answered. */
  async settled(): Promise<void> {
    await Promise.all([...this.#sending.values(), ...this.#commanding.values()]);
  }

  /** What the contacts have on their phones. */
  shown(): ShownFact[] {
    return this.#cast.contacts.flatMap((contact) =>
      this.#deployment.standIn.contact(contact).inbox.map((message, place): ShownFact => {
        const { id: whatsappId, from, text, atMs, repeats } = message;
        return { contact, whatsappId, from, text, atMs, place, repeats };
      })
    );
  }

  #send(step: SendStep): void {
    const expiresAtMs = step.expiresInMs === undefined ? undefined : Date.now() + step.expiresInMs;
    const fact: SendFact = { step, text: `s-${step.messageId}`, expiresAtMs, commands: [] };
    this.sends.set(step.messageId, fact);
    this.#sendAgain(fact);
  }

  #sendAgain({ step, text, expiresAtMs, commands }: SendFact): void {
    const command = publication({
      messageId: step.messageId,
      whatsappNumberId: step.numberId,
      recipientNumber: `+${step.contact}`,
      content: text,
      type: "TEXT",
      mediaUrl: null,
      ...expiresAtMs === undefined ? {} : { expiresAt: expiresAtMs },
    });
    commands.push(command);
    const before = this.#sending.get(step.numberId) ?? Promise.resolve();
    const { backend } = this.#deployment;
    this.#sending.set(step.numberId, before.then(() => backend.publish("message.send", command)));
  }

  #write(step: InboundStep): void {
    const fact: InboundFact = { step, text: `i-${step.n}`, atMs: Date.now() };
    this.inbound.push(fact);
    const { phoneNumber } = this.#line(step.numberId);
    this.#deployment.standIn.contact(step.contact).sendText(phoneNumber, fact.text)
      .then((id) => fact.whatsappId = id)
      // It has no id, which the account shows.
      .catch(() => {});
  }

  #command(step: CommandStep): void {
    const { action, numberId } = step;
    const workerId = this.#named(step);
    const command = publication({
      action: action === "worker_status" ? "status" : action,
      ...numberId === undefined
        ? {}
        : { numberId, ...action === "create" ? { phoneNumber: `+${this.#line(numberId).phoneNumber}` } : {} },
      ...workerId === undefined ? {} : { workerId },
      timestamp: Date.now(),
    });
    this.commands.push({ step, command });
    const routingKey: RoutingKey = action === "health_check" ? "number.health" : "session.update";
    const before = this.#commanding.get(numberId) ?? Promise.resolve();
    this.#commanding.set(
      numberId,
      before.then(async () => {
        const answered = new Promise<void>((resolve) => this.#unanswered.set(command.amqpId, resolve));
        await this.#deployment.backend.publish(routingKey, command);
        await answered;
      }),
    );
  }

  #named({ numberId, to }: CommandStep): string | undefined {
    if (numberId === undefined || to === "nobody") return undefined;
    const holder = this.#holders.get(numberId)!;
    return to === "holder" ? holder : this.#cast.workers.find((worker) => worker !== holder);
  }

  #line(numberId: number): Line {
    return this.#cast.lines.find((line) => line.numberId === numberId)!;
  }
}

/** A command under an id of its own. */
export function publication(body: Record<string, unknown>): Publication {
  return { amqpId: crypto.randomUUID(), body, attemptsAtMs: [] };
}
