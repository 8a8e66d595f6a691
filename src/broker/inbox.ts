import type { Logger } from "pino";
import { type Link, staleConnectionMs } from "./connection.ts";
import { consume, type Handler } from "./consumer.ts";
import type { DeadLetters } from "./dead_letter.ts";
import { type BrokerNames, routingKey } from "./names.ts";
import { isInUse } from "./reply_codes.ts";
import { declareExclusiveQueue, onThrowAwayChannel } from "./topology.ts";
import { pause } from "../waiting.ts";

/** How often a second process with the same id asks whether the first has gone. */
const RIVAL_PAUSE_MS = 2_000;

/** Options of {@link inboxRole}. */
export interface InboxOptions {
  readonly names: BrokerNames;
  readonly workerId: string;
  readonly handler: Handler;
  /** Numbers whose commands come here: bound again when somebody deleted the inbox, and their bindings with it. */
  readonly numbers: () => Iterable<string>;
  /** Called when this process has the inbox, for the first time and after every reconnect. */
  readonly onHeld: () => void;
  /** Called when the broker says that another process has it. */
  readonly onRefused?: () => void;
  readonly deadLetters: DeadLetters;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** A role of the connection: takes the commands for this worker, alone. A second process with its id waits and says so. */
export function inboxRole(options: InboxOptions) {
  const { names, workerId, handler, numbers, onHeld, onRefused, deadLetters, log, signal } = options;
  let wasHeld = false;
  let refusedSinceMs: number | undefined;
  return async (link: Link): Promise<void> => {
    const inbox = names.inbox(workerId);
    await declareInbox(link, names, workerId, numbers());
    try {
      await consume(link, {
        queue: inbox,
        exclusive: true,
        handler,
        onConsuming: () => {
          wasHeld = true;
          refusedSinceMs = undefined;
          onHeld();
        },
        deadLetters,
        log,
        signal,
      });
    } catch (error) {
      if (!isInUse(error)) throw error;
      refusedSinceMs ??= performance.now();
      onRefused?.();
      const remedy = "Give every worker a WORKER_ID of its own";
      if (!wasHeld) {
        log.warn({ inbox, remedy }, "another process with this WORKER_ID runs; waiting for it to end");
      } else if (performance.now() - refusedSinceMs < staleConnectionMs(link)) {
        log.info(
          { inbox },
          "the broker still holds the inbox, maybe for the connection that was lost; waiting",
        );
      } else log.error({ inbox, remedy }, "another process with this WORKER_ID has taken its commands over");
      await pause(RIVAL_PAUSE_MS, AbortSignal.any([signal, link.signal]));
    }
  };
}

/** Makes sure that what is routed to a worker has a queue to wait in. */
export async function declareInbox(
  link: Link,
  names: BrokerNames,
  workerId: string,
  numberIds: Iterable<string> = [],
): Promise<void> {
  const inbox = names.inbox(workerId);
  await declareExclusiveQueue(link, inbox);
  const keys = [...workerRoutingKeys(workerId), ...[...numberIds].map(routingKey.number)];
  await onThrowAwayChannel(link, async (channel) => {
    await Promise.all(keys.map((key) => channel.bindQueue(inbox, names.router, key)));
  });
}

/** The backend writes `worker-1`, `"1"` or `1` and means one worker. */
function workerRoutingKeys(workerId: string): string[] {
  const [, digits] = /^worker-(\d+)$/.exec(workerId) ?? [];
  return [workerId, ...(digits === undefined ? [] : [digits])].map(routingKey.worker);
}
