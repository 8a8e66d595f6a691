import type { WASocket } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { ReachoutTimelock } from "./vitals.ts";

/** What a message to somebody new is refused with. */
const RESTRICTED_FROM_NEW_CONTACTS = "463";

/** Options of {@link watchReachout}. */
export interface ReachoutOptions {
  /** WhatsApp said whether the number may write to new people: asked, or of its own accord. */
  readonly onTimelock: (timelock: ReachoutTimelock) => void;
  /** WhatsApp refused a message to somebody new. For how long it will, and whether it is for that, is about to be asked. */
  readonly onRefused: () => void;
  readonly isOver: () => boolean;
  readonly log: Logger;
}

/**
 * Watches whether WhatsApp lets the account of a socket write to people it has not written to before. It tells of changes;
 * what was before has to be asked for, and so has what a refusal means, which Baileys takes for a missing token.
 *
 * @returns asks now
 */
export function watchReachout(
  baileys: WASocket,
  { onTimelock, onRefused, isOver, log }: ReachoutOptions,
): () => void {
  let asking = false;
  const ask = async () => {
    if (asking || isOver()) return;
    asking = true;
    try {
      await baileys.fetchAccountReachoutTimelock();
    } catch (error) {
      if (!isOver()) log.debug({ err: error }, "WhatsApp did not say whether the number is restricted");
    } finally {
      asking = false;
    }
  };
  baileys.ev.on("connection.update", ({ reachoutTimeLock }) => {
    if (reachoutTimeLock !== undefined && !isOver()) onTimelock(reachoutTimeLock);
  });
  baileys.ws.on("CB:ack,class:message", ({ attrs }: { attrs: Record<string, string | undefined> }) => {
    if (attrs.error !== RESTRICTED_FROM_NEW_CONTACTS || isOver()) return;
    onRefused();
    ask();
  });
  return ask;
}
