import type { Logger } from "pino";
import { closeChannel, type OpenChannel } from "./channel.ts";
import { type Connection, type Link, staleConnectionMs } from "./connection.ts";
import { consumeOn, type Handler } from "./consumer.ts";
import type { DeadLetters } from "./dead_letter.ts";
import { type BrokerNames, routingKey } from "./names.ts";
import { amqpCode, isInUse, PRECONDITION_FAILED } from "./reply_codes.ts";
import { consumersOf, onThrowAwayChannel, openOnExclusiveQueue } from "./topology.ts";
import { QueuePlace } from "./queue_place.ts";
import { UnusableQueue } from "./unusable_queue.ts";
import { pause } from "../waiting.ts";

/** How often a lease that its old connection may still hold is claimed again. */
const RECLAIM_PAUSE_MS = 1_000;
/** How long after its birth a number's queue may be without its first consumer. */
const BIRTH_PAUSE_MS = 500;
/** How often a queue that is to be deleted is looked at until its handler has emptied it. */
const DRAIN_PAUSE_MS = 50;
/** Urgent sends pass the others of their number. Part of the queue from its first day: adding it later is refused. */
const MAX_PRIORITY = 2;

/** Options of {@link Leases}. */
export interface LeasesOptions {
  readonly connection: Connection;
  readonly names: BrokerNames;
  readonly workerId: string;
  /** Takes the sends of every number held, each number's one at a time. */
  readonly handler: Handler;
  readonly deadLetters: DeadLetters;
  /** The lease was held and went to somebody else while the broker was away: the socket must close. */
  readonly onLost: (numberId: string) => void;
  readonly log: Logger;
}

/** How a claim ended. */
export type Claim =
  /** This worker has the number; no other can open it. */
  | "held"
  /** Another worker has it. */
  | "refused"
  /** It belongs to a worker that is away: the number waits for it, or for a person to unpin it. */
  | "pinned"
  /** The worker is shutting down, or the lease was released before the broker answered. */
  | "given_up";

interface Held {
  readonly claim: Promise<Claim>;
  /** Ends the lease. */
  readonly release: AbortController;
  /** Resolves when it has ended. */
  readonly ended: Promise<void>;
}

/** How the end of a number went; `given_up`: the lease was released first, and its queue is still there. */
export type Forgetting = "forgotten" | "given_up";

/**
 * The numbers this worker owns. Consuming a number's queue exclusively *is* the lease: the broker refuses a second
 * consumer, and frees it when the connection dies. Each lease has its own channel, because a refusal closes it.
 */
export class Leases {
  readonly #options: LeasesOptions;
  readonly #held = new Map<string, Held>();
  readonly #bound = new Set<string>();
  /** Numbers on their way out; each resolves when the number is free again. */
  readonly #forgetting = new Map<string, Promise<Forgetting>>();

  constructor(options: LeasesOptions) {
    this.#options = options;
  }

  /** Numbers whose commands are routed to this worker. */
  get bound(): ReadonlySet<string> {
    return this.#bound;
  }

  /**
   * Claims a number and takes its sends from then on; waits for the broker when it is away. A number's queue is there
   * for as long as the store of some worker has the number: who is not that worker gets it only while there is none.
   *
   * @param options.own this worker's store has the number. Who holds it may be its own old connection, which a broker
   * that lost sight of the host keeps for three heartbeats: `refused` only when it is not free by then.
   * @param options.onFree done when nobody has the number and before it has a queue: the time to write it down. Earlier,
   * a kill would make another worker's number look like this one's.
   */
  async claim(
    numberId: string,
    { own = false, onFree = () => Promise.resolve() }: { own?: boolean; onFree?: () => Promise<void> } = {},
  ): Promise<Claim> {
    // A number that was logged out and is opened again at once: its old lease is about to go, and its queue with it.
    while (this.#forgetting.has(numberId)) await this.#forgetting.get(numberId);
    const held = this.#held.get(numberId);
    if (held !== undefined) return await settledClaim(held);
    const release = new AbortController();
    const claim = Promise.withResolvers<Claim>();
    const ended = this.#options.connection.keep(
      `lease of number ${numberId}`,
      this.#role(numberId, { own, onFree, settled: claim.resolve, release }),
      release.signal,
    ).finally(() => {
      claim.resolve("given_up");
      this.#held.delete(numberId);
    });
    const claimed = { claim: claim.promise, release, ended };
    this.#held.set(numberId, claimed);
    return await settledClaim(claimed);
  }

  /** Gives a number up, after the send in hand is done. What waits in its queue stays there. */
  async release(numberId: string): Promise<void> {
    const held = this.#held.get(numberId);
    held?.release.abort();
    await held?.ended;
  }

  /**
   * Removes a number's queue and binding, once its handler has answered everything that still waits there, and
   * releases the lease. For numbers whose credentials are gone.
   */
  async forget(numberId: string): Promise<Forgetting> {
    const held = this.#held.get(numberId);
    if (held === undefined) return "given_up";
    let forgetting = this.#forgetting.get(numberId);
    if (forgetting === undefined) {
      forgetting = this.#forget(numberId, held).finally(() => this.#forgetting.delete(numberId));
      this.#forgetting.set(numberId, forgetting);
    }
    return await forgetting;
  }

  async #forget(numberId: string, { release, ended }: Held): Promise<Forgetting> {
    const { connection, names } = this.#options;
    let outcome: Forgetting = "given_up";
    const forgetting = async (link: Link): Promise<void> => {
      await this.#unbind(link, numberId);
      // What is published to a queue in the very milliseconds of its deletion is lost, though the broker confirms it.
      await onThrowAwayChannel(
        link,
        (channel) => channel.unbindQueue(names.number(numberId), names.router, routingKey.send(numberId)),
      );
      while (!link.signal.aborted && !release.signal.aborted) {
        try {
          await onThrowAwayChannel(
            link,
            (channel) => channel.deleteQueue(names.number(numberId), { ifEmpty: true }),
          );
          outcome = "forgotten";
          release.abort();
        } catch (error) {
          if (amqpCode(error) !== PRECONDITION_FAILED) throw error;
          await pause(DRAIN_PAUSE_MS, link.signal);
        }
      }
    };
    await connection.keep(`end of number ${numberId}`, forgetting, release.signal);
    await ended;
    return outcome;
  }

  /** Gives all numbers up. */
  async releaseAll(): Promise<void> {
    await Promise.all([...this.#held.keys()].map((numberId) => this.release(numberId)));
  }

  #role(
    numberId: string,
    { own, onFree, settled, release }: {
      own: boolean;
      onFree: () => Promise<void>;
      settled: (claim: Claim) => void;
      release: AbortController;
    },
  ) {
    const { names, workerId, handler, deadLetters, onLost, log } = this.#options;
    const queue = names.number(numberId);
    let isOurs = own;
    let wasHeld = false;
    let refusedSinceMs: number | undefined;

    return async (link: Link): Promise<void> => {
      if (!isOurs) {
        const obstacle = await this.#obstacle(link, queue);
        if (obstacle !== undefined) {
          await this.#unbind(link, numberId);
          settled(obstacle);
          return release.abort();
        }
        await onFree();
        isOurs = true;
      }
      let opened: OpenChannel | undefined;
      try {
        const { open, declared } = await openOnExclusiveQueue(link, queue, {
          "x-max-priority": MAX_PRIORITY,
          "x-dead-letter-exchange": "",
          "x-dead-letter-routing-key": names.expired,
        });
        opened = open;
        if (declared === "used_as_is") {
          log.warn({ queue }, "a number's queue exists with other arguments and is used as it is");
        }
        // One that is on its way out answers what is there, and gets nothing more.
        if (!this.#forgetting.has(numberId)) await this.#bindSends(open, numberId);
        const { channel } = open;
        const place = new QueuePlace(async () => (await channel.checkQueue(queue)).messageCount);
        await consumeOn(open, {
          queue,
          exclusive: true,
          handler: (delivery) => {
            place.taken();
            return handler({ ...delivery, place });
          },
          deadLetters,
          log,
          signal: release.signal,
          onConsuming: async () => {
            wasHeld = true;
            refusedSinceMs = undefined;
            // Commands that name no worker find this one by the number, for as long as its store has the credentials.
            this.#bound.add(numberId);
            await open.channel.bindQueue(names.inbox(workerId), names.router, routingKey.number(numberId));
            settled("held");
          },
        });
      } catch (error) {
        if (error instanceof UnusableQueue) {
          log.error({ numberId, remedy: error.remedy }, error.message);
          release.abort();
          settled("refused");
          if (wasHeld) onLost(numberId);
          return;
        }
        if (!isInUse(error)) throw error;
        refusedSinceMs ??= performance.now();
        if ((wasHeld || own) && performance.now() - refusedSinceMs < staleConnectionMs(link)) {
          await pause(RECLAIM_PAUSE_MS, AbortSignal.any([release.signal, link.signal]));
          return;
        }
        // Or commands for the number would come here as well, and go round in circles between two inboxes.
        await this.#unbind(link, numberId);
        release.abort();
        settled("refused");
        if (wasHeld) onLost(numberId);
      } finally {
        if (opened !== undefined) await closeChannel(opened);
      }
    };
  }

  /** Why a number that is not this worker's cannot become so. */
  async #obstacle(link: Link, queue: string): Promise<"refused" | "pinned" | undefined> {
    let consumers = await consumersOf(link, queue);
    if (consumers === 0) {
      await pause(BIRTH_PAUSE_MS, link.signal);
      consumers = await consumersOf(link, queue);
    }
    if (consumers === undefined) return undefined;
    return consumers === 0 ? "pinned" : "refused";
  }

  /** What the reader has for the number comes to its queue, for as long as some worker's store has the number. */
  async #bindSends({ channel }: OpenChannel, numberId: string): Promise<void> {
    const { names } = this.#options;
    await channel.bindQueue(names.number(numberId), names.router, routingKey.send(numberId));
  }

  async #unbind(link: Link, numberId: string): Promise<void> {
    const { names, workerId } = this.#options;
    this.#bound.delete(numberId);
    await onThrowAwayChannel(
      link,
      (channel) => channel.unbindQueue(names.inbox(workerId), names.router, routingKey.number(numberId)),
    );
  }
}

/** How a claim went. One that failed has left nothing behind: the next starts anew. */
async function settledClaim({ claim, ended }: Held): Promise<Claim> {
  const outcome = await claim;
  if (outcome !== "held") await ended;
  return outcome;
}
