/** amqplib by hand, to set the worker's bridge beside: no lock, no leases, no reading of what is carried. */

import { Buffer } from "node:buffer";
import { type ChannelModel, connect, type ConsumeMessage } from "amqplib";

/** Called with what has arrived, before it is acknowledged. */
export type OnMessage = (message: ConsumeMessage) => void;

/** A connection with the settings the worker's has. */
export async function connectPlainly(url: string): Promise<ChannelModel & AsyncDisposable> {
  const model = await connect(url, { noDelay: true, timeout: 10_000 });
  return Object.assign(model, { [Symbol.asyncDispose]: () => model.close() });
}

/** Puts persistent messages into queues (`[queue, body]`), and waits until the broker has all of them. */
export async function publishAll(
  model: ChannelModel,
  messages: Iterable<readonly [string, unknown]>,
): Promise<void> {
  const channel = await model.createConfirmChannel();
  for (const [queue, body] of messages) {
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(body)), {
      persistent: true,
      contentType: "text/plain",
      messageId: crypto.randomUUID(),
    });
  }
  await channel.waitForConfirms();
  await channel.close();
}

/** A consumer that only acknowledges. @returns what ends it */
export async function consumePlainly(
  model: ChannelModel,
  queue: string,
  prefetch: number,
  onMessage: OnMessage,
): Promise<() => Promise<void>> {
  const channel = await model.createChannel();
  await channel.prefetch(prefetch);
  await channel.consume(queue, (message) => {
    if (message === null) return;
    onMessage(message);
    channel.ack(message);
  });
  return () => channel.close();
}

/**
 * One hop: forwards from `queue` to `next` in turn, acknowledges once the broker has confirmed, and consumes each of
 * `next` with prefetch 1. What the worker's way costs at the least, whoever writes it. @returns what ends it
 */
export async function hopPlainly(
  model: ChannelModel,
  { queue, next, prefetch }: { queue: string; next: readonly string[]; prefetch: number },
  onMessage: OnMessage,
): Promise<() => Promise<void>> {
  const ends = await Promise.all(next.map((queue) => consumePlainly(model, queue, 1, onMessage)));
  const channel = await model.createConfirmChannel();
  await channel.prefetch(prefetch);
  let turn = 0;
  await channel.consume(queue, (message) => {
    if (message === null) return;
    const { contentType, messageId } = message.properties;
    channel.sendToQueue(next[turn++ % next.length]!, message.content, {
      persistent: true,
      mandatory: true,
      contentType,
      messageId,
    }, (error) => {
      if (!error) channel.ack(message);
    });
  });
  return async () => {
    await channel.waitForConfirms();
    await channel.close();
    for (const end of ends) await end();
  };
}
