import type { ConsumeMessage } from "amqplib";
import { setTimeout as delay } from "node:timers/promises";
import { type ConfirmedChannel, forwardedProperties, PublishFailed } from "./publishing.ts";

/** How long the broker may take to confirm a message. One that has a memory or disk alarm takes for ever. */
const CONFIRM_PATIENCE_MS = 120_000;

/**
 * Publishes a copy of a message to `queue`, with its bytes and properties but for the `without` headers.
 *
 * @throws {PublishFailed} when the broker is gone, or takes no messages
 * @throws {Error} when AMQP cannot carry its properties a second time
 */
export async function forward(
  channel: ConfirmedChannel,
  queue: string,
  message: ConsumeMessage,
  without: (header: string) => boolean = () => false,
): Promise<"routed" | "unroutable"> {
  const { headers, ...properties } = forwardedProperties(message);
  const kept = Object.entries(headers).filter(([name]) => !without(name));
  const published = channel.publish("", queue, message.content, {
    ...properties,
    headers: Object.fromEntries(kept),
  });
  const settled = new AbortController();
  try {
    return await Promise.race([published, impatience(settled.signal)]);
  } finally {
    settled.abort();
  }
}

async function impatience(settled: AbortSignal): Promise<never> {
  await delay(CONFIRM_PATIENCE_MS, undefined, { signal: settled });
  throw new PublishFailed(
    `The broker has not confirmed a message for ${
      CONFIRM_PATIENCE_MS / 1_000
    } s: it may have a memory or disk alarm`,
  );
}
