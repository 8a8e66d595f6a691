import type { Options } from "amqplib";
import type { Link } from "./connection.ts";
import { ConfirmedChannel } from "./publishing.ts";
import { whenAborted } from "../waiting.ts";

/** A channel for single messages that any part of the worker may publish on: there again after every reconnect. */
export class SharedChannel {
  #current = Promise.withResolvers<{ readonly link: Link; readonly channel: ConfirmedChannel }>();

  /** A role of the connection: holds the channel for as long as it lives. */
  readonly role = async (link: Link): Promise<void> => {
    const channel = await ConfirmedChannel.open(link);
    this.#current.resolve({ link, channel });
    await whenAborted(channel.closed);
    this.#current = Promise.withResolvers();
  };

  /** {@link ConfirmedChannel.publish}, once there is a connection. */
  async publish(
    exchange: string,
    routingKey: string,
    content: Uint8Array,
    options: Options.Publish,
  ): Promise<"routed" | "unroutable"> {
    const { channel } = await this.#current.promise;
    return await channel.publish(exchange, routingKey, content, options);
  }

  /** Does `work` on the connection the channel is on, once there is one. */
  async on<T>(work: (link: Link) => Promise<T>): Promise<T> {
    const { link } = await this.#current.promise;
    return await work(link);
  }
}
