import type { MediaNews } from "../media/incoming/fetcher.ts";
import type { Socket } from "../socket/socket.ts";
import type { SocketEvents } from "../socket/socket_events.ts";
import type { Traffic } from "../traffic.ts";
import type { Standing } from "./standing.ts";

/** Who is told what a socket tells. */
export interface TrafficEventsOptions {
  readonly traffic: Traffic;
  readonly standing: Standing;
  readonly media: MediaNews;
  /** The socket that tells it. */
  readonly socket: () => Socket;
}

/** What a socket tells of messages: what comes in, what becomes of those that went out, and whether any may. */
export function trafficEvents({ traffic, standing, media, socket }: TrafficEventsOptions) {
  return {
    onMessages: (messages) => traffic.messages(messages, socket()),
    onDecrypted: (message) => traffic.decrypted(message, socket()),
    onUndecryptable: (message, reason) => traffic.undecryptable(message, reason, socket()),
    onLost: (message, reason) => traffic.lost(message, reason, socket()),
    onCall: (call) => traffic.call(call, socket()),
    onUnavailable: (message) => traffic.unavailable(message, socket()),
    onPlain: (message) => traffic.plain(message, socket()),
    onReceipt: (receipt) => traffic.receipt(receipt, socket()),
    onAck: (whatsappId, error) => traffic.ack(whatsappId, error),
    onMediaUpdate: (update) => media.answered(standing.record.numberId, update),
    // What is noted counts at once, also for what was told before and waits for its turn.
    onTimelock: (timelock) => {
      const noted = standing.vitals.timelock(timelock);
      traffic.inTurn("telling of a restriction", async () => {
        await noted;
        await standing.tellNews();
      });
    },
    onRefusedNew: () => {
      const noted = standing.vitals.refusedNew();
      traffic.inTurn("noting a restriction", () => noted);
    },
  } satisfies Partial<SocketEvents>;
}
