import type { Logger } from "pino";
import type { Handler } from "./broker/consumer.ts";
import type { Room } from "./store/room.ts";

/** The broker closes the channel of whoever holds a message too long: before that it goes back to its queue for a moment. */
const HOLD_MS = 5 * 60_000;

/**
 * Takes no message while its effect could not be written down: the one that comes is held, and with it all behind it,
 * until there is room or `signal` ends the wait.
 */
export function whileWritable(room: Room, handler: Handler, signal: AbortSignal): Handler {
  return async (delivery) => {
    if (room.failingForMs === undefined) return await handler(delivery);
    const patience = AbortSignal.any([delivery.lost, signal, AbortSignal.timeout(HOLD_MS)]);
    return await room.writable(patience) ? await handler(delivery) : "requeue";
  };
}

/** Options of {@link watchDisk}. */
export interface DiskWatchOptions {
  readonly room: Room;
  readonly log: Logger;
  /** Called when nothing can be written any more, and when all is well again. */
  readonly onChange: () => void;
  /** Called with why, when the database turns out to be damaged. */
  readonly onDamaged: (damage: Error) => void;
}

/** Says once that the worker takes nothing because of its disk, and once that it goes on. */
export function watchDisk({ room, log, onChange, onDamaged }: DiskWatchOptions): void {
  room.watch({
    failing: ({ code, message, remedy }) => {
      log.error({ code, remedy }, `${message}; no command and no send is taken until it can be written`);
      onChange();
    },
    recovered: (failedForMs) => {
      log.info({ failedForMs }, "the state can be written again, all that waited is written");
      onChange();
    },
    damaged: onDamaged,
  });
}
