import { setImmediate as nextTurn } from "node:timers/promises";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Backlog } from "./backlog.ts";

/** The part of Baileys' websocket that this needs. */
interface Emitter {
  listeners(event: string): unknown[];
  removeAllListeners(event: string): unknown;
  on(event: string, listener: (stanza: BinaryNode) => void): unknown;
}

/** Options of {@link takeInOrder}. */
export interface InOrderOptions {
  /** Done with each stanza before Baileys gets it; when it fails, Baileys does not and the server keeps the stanza. */
  readonly first: (stanza: BinaryNode) => Promise<void> | void;
  /** Is told of every stanza that waits, and when it waits no more. */
  readonly backlog?: Pick<Backlog, "add" | "done">;
  /** Once true, stanzas that still wait are left to be delivered to the next socket. */
  readonly isOver: () => boolean;
  readonly onError: (error: unknown) => void;
}

/**
 * Gives Baileys the stanzas of one kind one at a time, each when it is done with the one before. Left to itself it queues
 * those that waited on the server, and lets what comes meanwhile overtake them.
 *
 * @param event as Baileys' websocket names it: `CB:message`
 */
export function takeInOrder(
  ws: Emitter,
  event: string,
  { first, backlog, isOver, onError }: InOrderOptions,
): void {
  const handlers = ws.listeners(event) as ((stanza: BinaryNode) => Promise<void>)[];
  ws.removeAllListeners(event);
  const take = async (stanza: BinaryNode) => {
    if (isOver()) return;
    await first(stanza);
    // By this mark Baileys would queue it: here it has waited already.
    const { offline: _, ...attrs } = stanza.attrs;
    for (const handle of handlers) await handle({ ...stanza, attrs });
    // With many of them waiting nothing else would get its turn, the receipts on their way out among it.
    await nextTurn();
  };
  let last = Promise.resolve();
  ws.on(event, (stanza) => {
    backlog?.add();
    last = last.then(() => take(stanza)).catch(onError).then(() => backlog?.done());
  });
}
