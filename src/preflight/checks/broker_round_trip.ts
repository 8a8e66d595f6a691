import { Buffer } from "node:buffer";
import type { ChannelModel } from "amqplib";
import { EXIT } from "../../exit_codes.ts";
import { brokerFault, withBroker } from "../broker.ts";
import { type Check, failure, ok } from "../check.ts";
import { aborted } from "../network.ts";
import { brokerLogin } from "./broker_login.ts";
import { configuration } from "./configuration.ts";

/** The broker takes no messages: it is short of memory or disk. */
class Blocked extends Error {
  override readonly name = "Blocked";
}

/** A message that is published, confirmed and read back, through a queue of its own that goes with the connection. */
export const brokerRoundTrip: Check = {
  id: "broker.round_trip",
  title: "Broker round trip",
  why: "A login alone does not show that messages get through",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, brokerLogin],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    // Under the worker's prefix, so that it needs the very permissions the worker needs.
    const queue = `${settings.RABBITMQ_PREFIX}.check.${crypto.randomUUID()}`;
    try {
      const ms = await withBroker(
        settings,
        probe.signal,
        (model) => Promise.race([roundTrip(model, queue), blocked(model), aborted(probe.signal)]),
      );
      return { findings: [ok(`published, confirmed and read back in ${ms} ms`, { ms })] };
    } catch (error) {
      return {
        findings: [failure(error instanceof Blocked ? alarmed(error) : brokerFault(error, settings))],
      };
    }
  },
};

/** @returns the time from publishing until the message was both confirmed and back, in ms */
async function roundTrip(model: ChannelModel, queue: string): Promise<number> {
  const channel = await model.createConfirmChannel();
  let refusal: unknown;
  channel.on("error", (error) => refusal = error);
  const back = Promise.withResolvers<void>();
  const confirmed = Promise.withResolvers<void>();
  try {
    await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
    await channel.consume(queue, () => back.resolve(), { noAck: true, exclusive: true });
    const startedAt = performance.now();
    channel.sendToQueue(
      queue,
      Buffer.from("check"),
      { mandatory: true },
      (error) => error ? confirmed.reject(error) : confirmed.resolve(),
    );
    await Promise.all([confirmed.promise, back.promise]);
    return Math.round(performance.now() - startedAt);
  } catch (error) {
    // A publish that is refused closes the channel, and that alone carries the reason.
    throw refusal ?? error;
  }
}

/** Rejects when the broker says that it takes nothing, which it does as soon as one publishes. */
function blocked(model: ChannelModel): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  model.once("blocked", (reason) => reject(new Blocked(String(reason))));
  return promise;
}

const alarmed = ({ message }: Blocked) => ({
  code: "broker_blocked",
  found: `The broker takes no messages at the moment (${message})`,
  remedy: "Make room there: rabbitmq-diagnostics alarms says whether memory or disk is short",
});
