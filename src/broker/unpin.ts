import { Buffer } from "node:buffer";
import type { ConsumeMessage } from "amqplib";
import { decodeNumberCommand, readHealthCommand, readSessionCommand } from "../contract/commands.ts";
import { idText } from "../contract/ids.ts";
import { decodeBody, stringifyJson } from "../contract/json.ts";
import type { Link } from "./connection.ts";
import { isExpiredSend } from "./expired_sends.ts";
import { forward } from "./forwarding.ts";
import { type BrokerNames, routingKey } from "./names.ts";
import { ConfirmedChannel } from "./publishing.ts";
import { amqpCode, NOT_FOUND, PRECONDITION_FAILED } from "./reply_codes.ts";
import { sift, type Verdict } from "./sift.ts";
import { exchangeExists, onThrowAwayChannel } from "./topology.ts";

/** A number and the worker that had it. */
export interface Pin {
  /** Canonical, see `idText`. */
  readonly numberId: string;
  readonly workerId: string;
}

/** How a queue stands; `undefined` is one that does not exist. */
export type Standing = { readonly messages: number; readonly consumers: number } | undefined;

/** What there is of a number on the broker. */
export interface PinLook {
  /** The number's queue. A consumer of it has the number. */
  readonly number: Standing;
  /** The worker's inbox. A consumer of it is the running worker. */
  readonly inbox: Standing;
}

/** Why a number was not unpinned; nothing of it was lost. */
export type Obstacle =
  /** A worker has the number. */
  | "in_use"
  /** The inbox of another worker than the one named is bound to the number. */
  | "other_holder"
  /** The sends could not be given back, because the backend's queue does not exist. */
  | "no_send_queue";

/** The number stays pinned. */
export class UnpinRefused extends Error {
  override readonly name = "UnpinRefused";
  constructor(readonly obstacle: Obstacle) {
    super(`The number cannot be unpinned: ${obstacle}`);
  }
}

/** What was done to unpin a number. */
export interface Unpinned {
  /** Whether its queue was there to be deleted. */
  readonly queueDeleted: boolean;
  /** Sends that went back to the backend's queue, where the reader answers them. */
  readonly sends: number;
  /** Commands for the number that went from the worker's inbox back to the reader. */
  readonly commands: number;
  /** Commands for the number that stay in the inbox, because they name the worker they are for. */
  readonly commandsLeft: number;
  /** `running`: the worker runs and takes its commands itself. */
  readonly inbox: "missing" | "running" | "swept";
}

/** Looks at what unpinning would change. */
export async function lookAtPin(link: Link, names: BrokerNames, pin: Pin): Promise<PinLook> {
  return {
    number: await standingOf(link, names.number(pin.numberId)),
    inbox: await standingOf(link, names.inbox(pin.workerId)),
  };
}

/**
 * Frees the number of a worker that will not come back: its binding, its queue and what waits for it. Killed at any
 * point it loses nothing that waits, and done again it finishes: each step leaves what the next ones need to be found again.
 *
 * @throws {UnpinRefused} when it is not to be freed, or not yet
 * @throws {PublishFailed} when the broker is gone
 */
export async function unpin(link: Link, names: BrokerNames, pin: Pin): Promise<Unpinned> {
  const sends = await empty(link, names, pin);
  const commands = await sweepInbox(link, names, pin);
  return { ...sends, ...commands };
}

/** Unbinds the number, hands what waits in its queue to the reader, and deletes it. */
async function empty(
  link: Link,
  names: BrokerNames,
  pin: Pin,
): Promise<Pick<Unpinned, "queueDeleted" | "sends">> {
  const queue = names.number(pin.numberId);
  let held = false;
  let sends = 0;
  const visit = async (message: ConsumeMessage, channel: ConfirmedChannel): Promise<Verdict> => {
    if (await forward(channel, names.messageSend, message) !== "routed") {
      throw new UnpinRefused("no_send_queue");
    }
    sends++;
    return "take";
  };
  const onClaimed = async () => {
    if (!held) await unbind(link, names, pin);
    held = true;
  };
  for (;;) {
    const { outcome } = await sift(link, { queue, visit, onClaimed });
    if (outcome === "missing") {
      if (!held) await unbind(link, names, pin);
      return { queueDeleted: held, sends };
    }
    // It may have come back as its queue was being emptied.
    if (outcome === "in_use") throw new UnpinRefused("in_use");
    if (await deleteIdle(link, queue)) return { queueDeleted: true, sends };
  }
}

/** Takes the number's keys off its queue and off the worker's inbox, and makes sure that no other inbox has it. */
async function unbind(link: Link, names: BrokerNames, { numberId, workerId }: Pin): Promise<void> {
  if (!(await exchangeExists(link, names.router))) return;
  const inbox = names.inbox(workerId), key = routingKey.number(numberId);
  if (await standingOf(link, names.number(numberId)) !== undefined) {
    const queue = names.number(numberId);
    // From here on the reader has nowhere to put a send for it, and says so to the backend.
    await onThrowAwayChannel(
      link,
      (channel) => channel.unbindQueue(queue, names.router, routingKey.send(numberId)),
    );
  }
  if (await standingOf(link, inbox) !== undefined) {
    await onThrowAwayChannel(link, (channel) => channel.unbindQueue(inbox, names.router, key));
  }
  const channel = await ConfirmedChannel.open(link);
  try {
    // AMQP tells nobody who is bound. But what is bound to nothing comes back, and what expires at once leaves no trace in
    // the inbox of a worker that is away; one that runs answers how the number stands.
    const question = Buffer.from(stringifyJson({ action: "status", numberId }));
    if (await channel.publish(names.router, key, question, { expiration: "0" }) === "routed") {
      throw new UnpinRefused("other_holder");
    }
  } finally {
    await channel.close();
  }
}

/** Hands the commands for the number that wait in the worker's inbox to the reader. */
async function sweepInbox(
  link: Link,
  names: BrokerNames,
  pin: Pin,
): Promise<Pick<Unpinned, "commands" | "commandsLeft" | "inbox">> {
  let commands = 0, commandsLeft = 0;
  const { outcome } = await sift(link, {
    queue: names.inbox(pin.workerId),
    visit: async (message, channel): Promise<Verdict> => {
      if (isExpiredSend({ message }) && numberOfSend(message) === pin.numberId) {
        // Now that nobody has the number, the reader answers it.
        return await forward(channel, names.expired, message) === "routed" ? "take" : "leave";
      }
      const command = commandFor(message, pin.numberId);
      if (command === undefined) return "leave";
      // The reader would route one that names its worker right back here.
      if (command.workerId !== undefined || await forward(channel, names.pending, message) !== "routed") {
        commandsLeft++;
        return "leave";
      }
      commands++;
      return "take";
    },
  });
  const inbox = { sifted: "swept", missing: "missing", in_use: "running" } as const;
  return { commands, commandsLeft, inbox: inbox[outcome] };
}

function numberOfSend({ content }: ConsumeMessage): string | undefined {
  const send = decodeNumberCommand(content);
  return send.ok ? idText(send.value.numberId) : undefined;
}

function commandFor({ content }: ConsumeMessage, numberId: string): { workerId?: string } | undefined {
  const body = decodeBody(content);
  if (!body.ok) return undefined;
  const read = body.value.action === "health_check" ? readHealthCommand : readSessionCommand;
  const command = read(body.value);
  if (!command.ok || command.value.numberId === undefined) return undefined;
  return idText(command.value.numberId) === numberId ? command.value : undefined;
}

/**
 * Deletes a queue that nobody consumes and nothing is in. It has to be unbound before: what is published to it in the
 * very milliseconds in which the broker deletes it is lost, though the broker confirms it (measured with 3.10).
 *
 * @returns false when somebody consumes it, or something is in it
 */
async function deleteIdle(link: Link, queue: string): Promise<boolean> {
  try {
    await onThrowAwayChannel(
      link,
      (channel) => channel.deleteQueue(queue, { ifEmpty: true, ifUnused: true }),
    );
    return true;
  } catch (error) {
    if (amqpCode(error) === PRECONDITION_FAILED) return false;
    throw error;
  }
}

async function standingOf(link: Link, queue: string): Promise<Standing> {
  try {
    const { messageCount, consumerCount } = await onThrowAwayChannel(
      link,
      (channel) => channel.checkQueue(queue),
    );
    return { messages: messageCount, consumers: consumerCount };
  } catch (error) {
    if (amqpCode(error) === NOT_FOUND) return undefined;
    throw error;
  }
}
