import type { ConfirmChannel } from "amqplib";
import { closeChannel, type OpenChannel, openChannel } from "./channel.ts";
import type { Link } from "./connection.ts";
import { amqpCode, isInUse, messageOf, NOT_FOUND, PRECONDITION_FAILED } from "./reply_codes.ts";
import { UnusableQueue } from "./unusable_queue.ts";

/** The broker has the entity with other arguments than these; it is used as it is. */
export type Declared = "declared" | "used_as_is";

const OWN_QUEUE = { "x-queue-type": "classic" } as const;

/**
 * Makes sure a queue of the backend's exists: looks first and declares it plainly (durable, no arguments) only when it
 * is absent, because the backend may have declared it with arguments of its own.
 */
export async function ensureBackendQueue(link: Link, queue: string): Promise<void> {
  if (await consumersOf(link, queue) !== undefined) return;
  await onThrowAwayChannel(link, (channel) => channel.assertQueue(queue, { durable: true }));
}

/**
 * Declares a queue of the fleet's own: durable, classic (a quorum queue would accept a second exclusive consumer).
 * One that is there with other arguments stays as it is.
 */
export async function declareOwnQueue(
  link: Link,
  queue: string,
  queueArguments: Record<string, unknown> = {},
): Promise<Declared> {
  try {
    await onThrowAwayChannel(link, (channel) => assertOwnQueue(channel, queue, queueArguments));
    return "declared";
  } catch (error) {
    if (amqpCode(error) === PRECONDITION_FAILED) return "used_as_is";
    throw error;
  }
}

/**
 * {@link declareOwnQueue} for a queue whose only consumer means something. That is tried out where the queue exists with
 * other arguments.
 *
 * @throws {UnusableQueue} when it accepts two exclusive consumers, as quorum queues and streams do
 */
export async function declareExclusiveQueue(
  link: Link,
  queue: string,
  queueArguments: Record<string, unknown> = {},
): Promise<Declared> {
  const declared = await declareOwnQueue(link, queue, queueArguments);
  if (declared === "used_as_is" && !(await isExclusive(link, queue))) throw new UnusableQueue(queue);
  return declared;
}

/**
 * {@link declareExclusiveQueue} on the channel that is to consume the queue, which is returned open. A channel costs
 * both sides more than all that a lease does on it: with hundreds of numbers to claim, one each and not three.
 *
 * @throws {UnusableQueue} as {@link declareExclusiveQueue}
 */
export async function openOnExclusiveQueue(
  link: Link,
  queue: string,
  queueArguments: Record<string, unknown> = {},
): Promise<{ open: OpenChannel; declared: Declared }> {
  const open = await openChannel(link);
  try {
    await assertOwnQueue(open.channel, queue, queueArguments);
    return { open, declared: "declared" };
  } catch (error) {
    await closeChannel(open);
    if (amqpCode(error) !== PRECONDITION_FAILED) throw error;
  }
  if (!(await isExclusive(link, queue))) throw new UnusableQueue(queue);
  return { open: await openChannel(link), declared: "used_as_is" };
}

async function assertOwnQueue(
  channel: ConfirmChannel,
  queue: string,
  queueArguments: Record<string, unknown>,
): Promise<void> {
  await channel.assertQueue(queue, { durable: true, arguments: { ...OWN_QUEUE, ...queueArguments } });
}

/** Whether the broker refuses a second exclusive consumer. What these two are given goes back with their channels. */
async function isExclusive(link: Link, queue: string): Promise<boolean> {
  const consume = async (channel: ConfirmChannel) => {
    await channel.prefetch(1);
    await channel.consume(queue, () => {}, { exclusive: true });
  };
  try {
    await onThrowAwayChannel(link, async (channel) => {
      await consume(channel);
      await onThrowAwayChannel(link, consume);
    });
    return false;
  } catch (error) {
    if (isInUse(error)) return true;
    throw error;
  }
}

/** How many consumers `queue` has; `undefined`: there is no such queue. */
export async function consumersOf(link: Link, queue: string): Promise<number | undefined> {
  try {
    return (await onThrowAwayChannel(link, (channel) => channel.checkQueue(queue))).consumerCount;
  } catch (error) {
    // As long as a broker starts or stops, what is there can be out of reach, and 404 as well.
    if (amqpCode(error) === NOT_FOUND && !/down or inaccessible/.test(messageOf(error))) return undefined;
    throw error;
  }
}

/** Whether `exchange` exists. */
export async function exchangeExists(link: Link, exchange: string): Promise<boolean> {
  try {
    await onThrowAwayChannel(link, (channel) => channel.checkExchange(exchange));
    return true;
  } catch (error) {
    if (amqpCode(error) === NOT_FOUND) return false;
    throw error;
  }
}

/** Runs `work` on a channel of its own: a refusal of the broker closes the channel and nothing else. */
export async function onThrowAwayChannel<T>(
  link: Link,
  work: (channel: ConfirmChannel) => Promise<T>,
): Promise<T> {
  const open = await openChannel(link);
  try {
    return await work(open.channel);
  } finally {
    await closeChannel(open);
  }
}
