/** Dead letters as workers leave them, and the program that is run on them. */
import { Buffer } from "node:buffer";
import type { ConsumeMessage, Options } from "amqplib";
import { lookOn, NAMES, type Onlooker } from "../bridge/bridge.ts";
import { Installation, type Ran } from "../preflight/installation.ts";
import type { Broker } from "../rabbitmq/broker.ts";

/** A dead letter to be put into the queue. */
export interface Letter {
  readonly content?: string | Uint8Array;
  /** @default whatsapp.message.send */
  readonly queue?: string;
  /** @default handler_failed */
  readonly reason?: string;
  readonly count?: number;
  readonly properties?: Options.Publish;
}

/** What `list --json` says. */
export interface Listed {
  readonly total: number;
  readonly matching: number;
  readonly letters: {
    readonly id: string;
    readonly reason: string | null;
    readonly queue: string | null;
    readonly count: number;
    readonly subject: Record<string, unknown>;
    readonly bytes: number;
  }[];
}

/** A vhost with a dead-letter queue and an installation that is told of it. */
export interface Office extends AsyncDisposable {
  readonly url: string;
  readonly onlooker: Onlooker;
  readonly installation: Installation;
  /** Puts letters into the queue, in order. */
  put(...letters: readonly Letter[]): Promise<void>;
  /** Runs `worker ARGS`. */
  run(...args: string[]): Promise<Ran>;
  /** `dead-letters list --json`. */
  list(...args: string[]): Promise<Listed>;
  /** Takes everything out of a queue. */
  empty(queue: string): Promise<ConsumeMessage[]>;
}

/** Opens an {@link Office} in a vhost of its own. */
export async function openOffice(
  broker: Broker,
  { url, queues = [NAMES.deadLetter] }: { url?: string; queues?: readonly string[] } = {},
): Promise<Office> {
  const vhost = url ?? await broker.vhost();
  const onlooker = await lookOn(vhost);
  for (const queue of queues) {
    await onlooker.channel.assertQueue(queue, { arguments: { "x-queue-type": "classic" } });
  }
  const installation = await Installation.make({ RABBITMQ_URL: vhost });
  const run = (...args: string[]) => installation.run(args);
  return {
    url: vhost,
    onlooker,
    installation,
    run,
    put: async (...letters) => {
      await Promise.all(letters.map((letter, index) => putOne(onlooker, letter, index)));
    },
    list: async (...args) => {
      const { stdout, stderr } = await run("dead-letters", "list", "--json", ...args);
      if (stdout === "") throw new Error(stderr);
      return JSON.parse(stdout);
    },
    empty: async (queue) => {
      const { messageCount } = await onlooker.channel.checkQueue(queue);
      const messages: ConsumeMessage[] = [];
      if (messageCount === 0) return messages;
      const all = Promise.withResolvers<void>();
      const { consumerTag } = await onlooker.channel.consume(queue, (message) => {
        if (message !== null) messages.push(message);
        if (messages.length === messageCount) all.resolve();
      }, { noAck: true });
      await all.promise;
      await onlooker.channel.cancel(consumerTag);
      return messages;
    },
    [Symbol.asyncDispose]: async () => {
      await onlooker[Symbol.asyncDispose]();
      await installation[Symbol.asyncDispose]();
    },
  };
}

async function putOne(onlooker: Onlooker, letter: Letter, index: number): Promise<void> {
  const { content = "{}", queue = NAMES.messageSend, reason = "handler_failed", count = 1, properties } =
    letter;
  await onlooker.publish("", NAMES.deadLetter, Buffer.from(content as Uint8Array), {
    contentType: "text/plain",
    ...properties,
    headers: {
      "x-dead-reason": reason,
      "x-dead-queue": queue,
      "x-dead-exchange": "whatsapp.exchange",
      "x-dead-routing-key": "message.send",
      "x-dead-time": new Date(1_764_000_000_000 + index * 1_000).toISOString(),
      "x-dead-count": count,
      "x-dead-worker": "worker-1",
      ...properties?.headers,
    },
  });
}

/** A send, as the backend writes it. */
export const send = (messageId: number, numberId = 6) =>
  JSON.stringify({
    messageId,
    whatsappNumberId: numberId,
    recipientNumber: "+221779999999",
    content: `the secret text ${messageId}`,
    type: "TEXT",
    mediaUrl: null,
  });
