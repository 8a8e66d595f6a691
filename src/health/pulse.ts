import type { BrokerState } from "../broker/connection.ts";
import type { Outbox } from "../store/outbox.ts";
import { unlessAborted } from "../waiting.ts";
import type { Session } from "../whatsapp/session/session.ts";

/** How the worker stands at this moment, for whoever watches over its process. */
export interface Pulse {
  readonly numbers: number;
  readonly connected: number;
  readonly broker: BrokerState;
  /** Whether another process has the inbox of this worker's id. */
  readonly rival: boolean;
  /** How many events wait for the broker; `undefined` when the store does not answer. */
  readonly outbox: number | undefined;
  readonly diskFailing: boolean;
  /**
   * Whether it gets on with its work, so that a restart would gain nothing. What fails outside, as a broker that is away
   * or a full disk, is no reason to restart.
   */
  readonly alive: boolean;
}

/** Where it is taken. */
export interface PulseSources {
  readonly sessions: () => readonly Session[];
  readonly outbox: Pick<Outbox, "depth">;
  readonly diskFailing: () => boolean;
  readonly broker: { readonly state: BrokerState; readonly attended: boolean };
  readonly rival: () => boolean;
  /** How long the store may take to answer. @default 5 s */
  readonly storePatienceMs?: number;
}

/** Makes what takes the pulse. It resolves within a few seconds, whatever hangs, as long as the event loop does not. */
export function makePulse(
  { sessions, outbox, diskFailing, broker, rival, storePatienceMs = 5_000 }: PulseSources,
): () => Promise<Pulse> {
  return async () => {
    const all = sessions();
    // A database that cannot be read ends the worker by itself.
    const answer = outbox.depth().then(({ depth }) => depth, () => undefined);
    const depth = await unlessAborted(answer, AbortSignal.timeout(storePatienceMs));
    return {
      numbers: all.length,
      connected: all.filter(({ state }) => state === "connected").length,
      broker: broker.state,
      rival: rival(),
      outbox: depth,
      diskFailing: diskFailing(),
      alive: broker.attended && (depth !== undefined || diskFailing()),
    };
  };
}
