import type { Delivery } from "./consumer.ts";
import type { BrokerNames } from "./names.ts";
import { forwardedProperties, PublishFailed } from "./publishing.ts";
import type { SharedChannel } from "./shared_channel.ts";
import { declareOwnQueue } from "./topology.ts";

/** The mark of a send that comes back from where it was parked: its deadline is the one it had. */
export const PARKED = "x-parked";

/** Whether a message among commands is a send that was parked. */
export function isParkedSend({ message }: Pick<Delivery, "message">): boolean {
  return message.properties.headers?.[PARKED] !== undefined;
}

/** The arguments of the queue in which sends are parked. Each has its own time: the broker looks at the first alone. */
export function parkedArguments({ pending }: BrokerNames): Record<string, unknown> {
  return { "x-dead-letter-exchange": "", "x-dead-letter-routing-key": pending };
}

/**
 * Parks a send at the broker: it comes back to its number's queue, behind what is there by then, after `forMs` or when
 * those parked before it do. Resolves when the broker has it.
 *
 * @throws {PublishFailed} when the broker is gone: the send must stay where it is
 */
export async function parkSend(
  { channel, names }: { channel: SharedChannel; names: BrokerNames },
  { message }: Delivery,
  forMs: number,
): Promise<void> {
  const options = {
    ...forwardedProperties(message, { [PARKED]: true }),
    expiration: String(Math.max(0, Math.ceil(forMs))),
  };
  const publish = () => channel.publish("", names.parked, message.content, options);
  if (await publish() === "routed") return;
  await channel.on((link) => declareOwnQueue(link, names.parked, parkedArguments(names)));
  if (await publish() === "unroutable") throw new PublishFailed(`The queue '${names.parked}' is gone`);
}
