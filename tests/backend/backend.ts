/**
 * A backend that does on the wire what a Spring Boot one does with Spring AMQP: declares the exchange, the queues and
 * the bindings, publishes a JSON string through the exchange, and listens with prefetch 1. Like the real one it reads
 * the session and health queues that its own commands reach too, and acks away what it does not know.
 */

import {
  type ChannelModel,
  type ConfirmChannel,
  connect,
  type MessageProperties,
  type Options,
} from "amqplib";
import { Buffer } from "node:buffer";
import { isRecord, parseJson, stringifyJson } from "../../src/contract/json.ts";
import { CHAT_ACTION_TYPES } from "../../src/contract/messages.ts";

/** Names of what the backend declares. */
export interface BackendNames {
  /** Topic exchange. @default "whatsapp.exchange" */
  exchange: string;
  /** Bound with `session.update`. @default "whatsapp.session.update" */
  sessionUpdate: string;
  /** Bound with `message.send`; declared, not listened to. @default "whatsapp.message.send" */
  messageSend: string;
  /** Bound with `message.receive`. @default "whatsapp.message.receive" */
  messageReceive: string;
  /** Bound with `number.health`. @default "whatsapp.number.health" */
  numberHealth: string;
}

/** Options of {@linkcode connectBackend}. */
export interface BackendOptions {
  /** `amqp://user:password@host:port/vhost` */
  url: string;
  /** Other names than the usual ones. */
  names?: Partial<BackendNames>;
  /** Type of the exchange. @default "topic" */
  exchangeType?: "topic" | "direct";
  /**
   * How a body is sent: `text/plain` is a Java `String` that holds JSON; `application/json` is what a JSON converter
   * makes of that `String`, so JSON in a JSON string.
   *
   * @default "text/plain"
   */
  contentType?: "text/plain" | "application/json";
  /** Further queues to declare and listen to, like that of a listener that has moved. @default none */
  listenTo?: readonly string[];
  /** Called with every message but its own commands, before it is acknowledged. @default nobody is told */
  listener?: (received: Received) => void;
}

/** A message that the backend's listeners got and acknowledged. */
export interface Received {
  /** The queue it came from. */
  queue: string;
  /** Its JSON object, long ids as bigint; empty when it is not a JSON object. */
  body: Record<string, unknown>;
  /** Its bytes as text. */
  text: string;
  /** Its AMQP properties. */
  properties: MessageProperties;
  /** Whether the broker had delivered it before. */
  redelivered: boolean;
  /** When it came, in milliseconds since the epoch. */
  at: number;
}

/** A message to publish as it is; see {@linkcode Backend.publish}. */
export interface RawMessage {
  /** `""` for straight to the queue that `routingKey` names. */
  exchange: string;
  routingKey: string;
  content: string | Uint8Array;
  /** AMQP properties. @default none */
  options?: Options.Publish;
}

/** How long {@linkcode Backend.next} waits, and what for. */
export interface NextOptions {
  /** @default 10_000 */
  timeoutMs?: number;
  /** What is waited for, for the error of a timeout. @default the predicate's source */
  describe?: string;
}

/** A connected backend; see {@linkcode connectBackend}. */
export interface Backend extends AsyncDisposable {
  /** All that came, in order, but for the backend's own commands. */
  readonly received: readonly Received[];
  /** How many of its own commands came back to it. */
  readonly ignored: number;
  /** Publishes with `session.update`. @returns the AMQP `message_id` */
  command(body: Record<string, unknown>): Promise<string>;
  /** Publishes with `message.send`. @returns the AMQP `message_id` */
  send(body: Record<string, unknown>): Promise<string>;
  /** Publishes with `number.health`. @returns the AMQP `message_id` */
  healthCheck(body: Record<string, unknown>): Promise<string>;
  /** Publishes whatever is given; resolves when the broker has confirmed it. */
  publish(message: RawMessage): Promise<void>;
  /**
   * The first message, past or to come, that the predicate takes and no earlier `next()` has returned.
   *
   * @throws {Error} when none comes in time, with what came instead, or when the backend is closed
   */
  next(predicate: (received: Received) => boolean, options?: NextOptions): Promise<Received>;
  /** Stops listening and disconnects. */
  close(): Promise<void>;
}

const DEFAULT_NAMES: BackendNames = {
  exchange: "whatsapp.exchange",
  sessionUpdate: "whatsapp.session.update",
  messageSend: "whatsapp.message.send",
  messageReceive: "whatsapp.message.receive",
  numberHealth: "whatsapp.number.health",
};

const COMMANDS: ReadonlySet<unknown> = new Set([
  "create",
  "close",
  "disconnect",
  "reconnect",
  "regenerate_qr",
  "logout",
  "pairing_code",
  "status",
  "health_check",
  ...CHAT_ACTION_TYPES.map((type) => type.toLowerCase()),
]);

/**
 * Connects, declares and listens; comes back by itself after the connection is lost, as Spring's containers do.
 *
 * @throws {Error} when the broker cannot be reached or refuses a declaration
 */
export async function connectBackend(options: BackendOptions): Promise<Backend> {
  const names = { ...DEFAULT_NAMES, ...options.names };
  const inbox = new Inbox(options.listener);
  let publisher = Promise.withResolvers<ConfirmChannel>();

  const connection = await connect(options.url, {
    noDelay: true,
    timeout: 10_000,
    recovery: {
      initialDelay: 100,
      maxDelay: 500,
      initialMaxRetries: 0,
      async setup(model: ChannelModel) {
        const channel = await model.createConfirmChannel();
        channel.on("error", (error) => inbox.fail(error));
        await declare(channel, names, options);
        await channel.prefetch(1);
        const queues = [
          names.sessionUpdate,
          names.messageReceive,
          names.numberHealth,
          ...options.listenTo ?? [],
        ];
        for (const queue of new Set(queues)) {
          await channel.consume(queue, (message) => {
            if (message === null) return inbox.fail(new Error(`Queue '${queue}' was deleted`));
            inbox.add(queue, message.content, message.properties, message.fields.redelivered);
            channel.ack(message);
          });
        }
        publisher.resolve(channel);
      },
    },
  });
  connection.on("disconnect", () => publisher = Promise.withResolvers());
  // Without a listener the loss of a connection would end the process; "disconnect" is what acts on it.
  connection.on("error", () => {});

  async function publish({ exchange, routingKey, content, options = {} }: RawMessage): Promise<void> {
    const channel = await publisher.promise;
    const confirmed = Promise.withResolvers<void>();
    channel.publish(
      exchange,
      routingKey,
      Buffer.from(content as Uint8Array),
      options,
      (error: Error | null) => error ? confirmed.reject(error) : confirmed.resolve(),
    );
    await confirmed.promise;
  }

  async function publishString(routingKey: string, body: Record<string, unknown>): Promise<string> {
    const json = stringifyJson(body);
    const { contentType = "text/plain" } = options;
    const messageId = crypto.randomUUID();
    await publish({
      exchange: names.exchange,
      routingKey,
      content: contentType === "text/plain" ? json : JSON.stringify(json),
      options: {
        contentType,
        contentEncoding: "UTF-8",
        persistent: true,
        messageId,
        headers: contentType === "text/plain" ? {} : { __TypeId__: "java.lang.String" },
      },
    });
    return messageId;
  }

  const backend: Backend = {
    received: inbox.received,
    get ignored() {
      return inbox.ignored;
    },
    command: (body) => publishString("session.update", body),
    send: (body) => publishString("message.send", body),
    healthCheck: (body) => publishString("number.health", body),
    publish,
    next: (predicate, options) => inbox.next(predicate, options),
    async close() {
      inbox.fail(new Error("The backend was closed"));
      await connection.close();
    },
    [Symbol.asyncDispose]: () => backend.close(),
  };
  return backend;
}

async function declare(channel: ConfirmChannel, names: BackendNames, options: BackendOptions): Promise<void> {
  const bindings = [
    [names.sessionUpdate, "session.update"],
    [names.messageSend, "message.send"],
    [names.messageReceive, "message.receive"],
    [names.numberHealth, "number.health"],
  ] as const;
  await channel.assertExchange(names.exchange, options.exchangeType ?? "topic", { durable: true });
  for (const [queue, routingKey] of bindings) {
    await channel.assertQueue(queue, { durable: true });
    await channel.bindQueue(queue, names.exchange, routingKey);
  }
  for (const queue of options.listenTo ?? []) await channel.assertQueue(queue, { durable: true });
}

interface Waiter {
  predicate: (received: Received) => boolean;
  found: PromiseWithResolvers<Received>;
}

/** What came, what of it was taken, and who waits for more. */
class Inbox {
  readonly received: Received[] = [];
  ignored = 0;
  readonly #taken = new Set<Received>();
  readonly #waiters = new Set<Waiter>();
  #failure: Error | undefined;
  readonly #listener: (received: Received) => void;

  constructor(listener: (received: Received) => void = () => {}) {
    this.#listener = listener;
  }

  add(queue: string, content: Buffer, properties: MessageProperties, redelivered: boolean): void {
    const text = content.toString();
    const body = readObject(text);
    const action = body.action ?? (isRecord(body.data) ? body.data.action : undefined);
    // A pairing code asked for and a pairing code given have the same action.
    if (COMMANDS.has(String(action).toLowerCase()) && !("pairingCode" in body)) {
      this.ignored++;
      return;
    }
    const received = { queue, body, text, properties, redelivered, at: Date.now() };
    this.received.push(received);
    this.#listener(received);
    for (const waiter of this.#waiters) {
      if (!waiter.predicate(received)) continue;
      this.#taken.add(received);
      // Now, not when it wakes up: it takes one message, and the next of its kind may come before that.
      this.#waiters.delete(waiter);
      return waiter.found.resolve(received);
    }
  }

  async next(predicate: Waiter["predicate"], options: NextOptions = {}): Promise<Received> {
    const past = this.received.find((received) => !this.#taken.has(received) && predicate(received));
    if (past) {
      this.#taken.add(past);
      return past;
    }
    if (this.#failure) throw this.#failure;
    const { timeoutMs = 10_000, describe = String(predicate) } = options;
    const waiter: Waiter = { predicate, found: Promise.withResolvers() };
    this.#waiters.add(waiter);
    const timer = setTimeout(() => {
      const came = this.received.map(({ queue, text }) => `\n  ${queue}: ${text.slice(0, 300)}`).join("");
      waiter.found.reject(
        new Error(`No ${describe} within ${timeoutMs} ms; received were:${came || " none"}`),
      );
    }, timeoutMs);
    try {
      return await waiter.found.promise;
    } finally {
      clearTimeout(timer);
      this.#waiters.delete(waiter);
    }
  }

  /** Everybody who waits now, and whoever asks later for what has not come, gets this error. */
  fail(error: Error): void {
    this.#failure = error;
    for (const { found } of this.#waiters) found.reject(error);
  }
}

/** The JSON object in a text, also one that was encoded twice. */
function readObject(text: string): Record<string, unknown> {
  try {
    const value = parseJson(text);
    const inner = typeof value === "string" ? parseJson(value) : value;
    return isRecord(inner) ? inner : {};
  } catch (error) {
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}
