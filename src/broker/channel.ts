import type { ConfirmChannel } from "amqplib";
import type { Link } from "./connection.ts";
import { goodbye } from "./goodbye.ts";

/** A channel with its end as a signal: amqplib throws when a dead one is used, so ask {@link closed} first. */
export interface OpenChannel {
  readonly channel: ConfirmChannel;
  /** Aborts when the channel is gone, with the broker's reason. */
  readonly closed: AbortSignal;
}

/** Opens a channel with publisher confirms on `link`. */
export async function openChannel({ model, signal }: Link): Promise<OpenChannel> {
  const channel = await model.createConfirmChannel();
  const gone = new AbortController();
  let failure: Error | undefined;
  channel.on("error", (error) => failure = error);
  channel.on("close", () => gone.abort(failure ?? new Error("Channel closed")));
  // With the link's own end as well: a connection can be lost between the channel's birth and these listeners.
  return { channel, closed: AbortSignal.any([gone.signal, signal]) };
}

/** Closes a channel that may be gone already. */
export async function closeChannel({ channel, closed }: OpenChannel): Promise<void> {
  if (!closed.aborted) await goodbye(channel.close(), closed);
}
