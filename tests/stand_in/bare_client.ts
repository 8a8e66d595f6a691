/** Bare Baileys on a stand-in, with credentials and keys in memory: what the stand-in's own tests drive it with. */
import { DisconnectReason, makeWASocket } from "@whiskeysockets/baileys";
import type {
  AuthenticationState,
  BaileysEventMap,
  BinaryNode,
  UserFacingSocketConfig,
  WAMessage,
  WASocket,
} from "@whiskeysockets/baileys";
import { pino } from "pino";
import { clearBaileysTimers } from "../baileys_timers.ts";
import { textIn } from "./chat_message.ts";
import { Feed } from "./feed.ts";
import { MemoryAuth } from "./memory_auth.ts";

const WAIT_MS = 15_000;

type Update = BaileysEventMap["connection.update"];

/** What `lastDisconnect` says: the status code and the message of its error. */
export interface Disconnect {
  code: number | undefined;
  message: string;
}

/** One message out of `messages.upsert`. */
export interface Received {
  message: WAMessage;
  type: BaileysEventMap["messages.upsert"]["type"];
}

/** One socket and what it has said so far. */
export class BareClient implements AsyncDisposable {
  readonly sock: WASocket;
  readonly updates: Feed<Update> = new Feed();
  readonly messages: Feed<Received> = new Feed();
  readonly statuses: Feed<BaileysEventMap["messages.update"][number]> = new Feed();
  readonly acks: Feed<BinaryNode> = new Feed();

  constructor(url: string, auth: AuthenticationState, config: Partial<UserFacingSocketConfig> = {}) {
    this.sock = makeWASocket({
      waWebSocketUrl: url,
      auth,
      logger: pino({ level: Deno.env.get("BAILEYS_LOG") ?? "silent" }),
      retryRequestDelayMs: 1,
      ...config,
    });
    const { ev, ws } = this.sock;
    ev.on("creds.update", (update) => Object.assign(auth.creds, update));
    ev.on("connection.update", (update) => this.updates.push(update));
    ev.on("messages.upsert", ({ messages, type }) => {
      for (const message of messages) {
        this.messages.push({ message, type });
        // An update that comes while the message's own upsert is still buffered is merged into that.
        if (message.key.fromMe) this.statuses.push({ key: message.key, update: message });
      }
    });
    ev.on("messages.update", (list) => list.forEach((update) => this.statuses.push(update)));
    ws.on("CB:ack,class:message", (node: BinaryNode) => this.acks.push(node));
  }

  async qr(): Promise<string> {
    return (await this.updates.next("QR code", ({ qr }) => qr !== undefined, WAIT_MS)).qr!;
  }

  async open(): Promise<this> {
    await this.updates.next("open connection", ({ connection }) => connection === "open", WAIT_MS);
    return this;
  }

  /** Why the connection closed. */
  async closed(timeoutMs: number = WAIT_MS): Promise<Disconnect> {
    const { lastDisconnect } = await this.updates.next(
      "closed connection",
      ({ connection }) => connection === "close",
      timeoutMs,
    );
    const error = lastDisconnect?.error as Error & { output?: { statusCode: number } };
    return { code: error?.output?.statusCode, message: error?.message ?? "" };
  }

  /** The server's ack of message `id`; with `error`, its refusal. */
  ack(id: string, error?: string): Promise<BinaryNode> {
    return this.acks.next(`ack of ${id}`, ({ attrs }) => attrs.id === id && attrs.error === error, WAIT_MS);
  }

  /** The update that brings message `id` to `status` (0 refused, 3 delivered, 4 read). */
  status(id: string, status: number) {
    return this.statuses.next(
      `status ${status} of ${id}`,
      (update) => update.key.id === id && update.update.status === status,
      WAIT_MS,
    );
  }

  /** The next message with this text, received or echoed. */
  received(text: string): Promise<Received> {
    const has = ({ message }: Received) => !!message.message && textIn(message.message) === text;
    return this.messages.next(`message "${text}"`, has, WAIT_MS);
  }

  /** Ends the socket, as a program that stops does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.sock.end(undefined);
    clearBaileysTimers();
    for (const feed of [this.updates, this.messages, this.statuses, this.acks]) feed.close();
  }
}

/** Pairs by QR and returns the credentials, after the restart the server asks for. */
export async function pair<Auth extends AuthenticationState = MemoryAuth>(
  url: string,
  scan: (qr: string) => Promise<void>,
  auth: Auth = new MemoryAuth() as AuthenticationState as Auth,
): Promise<Auth> {
  await using client = new BareClient(url, auth);
  await scan(await client.qr());
  const { code } = await client.closed();
  if (code !== DisconnectReason.restartRequired) throw new Error(`Pairing ended with ${code}`);
  return auth;
}
