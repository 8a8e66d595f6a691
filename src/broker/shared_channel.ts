import type { Options } from "amqplib";
import { type Link, whenAborted } from "./connection.ts";
import { ConfirmedChannel } from "./publishing.ts";

/** A channel for single messages that any part of the worker may publish on: there again after every reconnect. */
export class SharedChannel {
  #channel = Promise.withResolvers<ConfirmedChannel>();

  /** A role of the connection: holds the channel for as long as it lives. */
  readonly role = async (link: Link): Promise<void> => {
    const channel = await ConfirmedChannel.open(link);
    this.#channel.resolve(channel);
    await whenAborted(channel.closed);
    this.#channel = Promise.withResolvers();
  };

  /** {@link ConfirmedChannel.publish}, once there is a connection. */
  async publish(
    exchange: string,
    routingKey: string,
    content: Uint8Array,
    options: Options.Publish,
  ): Promise<"routed" | "unroutable"> {
    const channel = await this.#channel.promise;
    return await channel.publish(exchange, routingKey, content, options);
  }
}
