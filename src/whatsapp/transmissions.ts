import { setTimeout as delay } from "node:timers/promises";
import { isJidGroup, type proto } from "@whiskeysockets/baileys";
import { CONNECTION_CLOSED, describe } from "./socket/close_codes.ts";
import { QUERY_TIMEOUT_MS, type Socket } from "./socket/socket.ts";
import { stanzaMarks } from "./stanza_marks.ts";

/** What became of a message that was handed to the socket. */
export type Transmission =
  /** WhatsApp's server has it. */
  | { readonly outcome: "accepted" }
  /** WhatsApp's server will not take it. */
  | { readonly outcome: "refused"; readonly code: string }
  /** It was written, or may have been, and nothing was heard of it. */
  | { readonly outcome: "unanswered" }
  /** The link was lost before an answer came. */
  | { readonly outcome: "disconnected" }
  /** It could not be made ready for its recipient. */
  | { readonly outcome: "failed"; readonly error: string };

/** The id that makes every repeat of a message one message, and how long the server may take to answer. */
export interface TransmitOptions {
  readonly whatsappId: string;
  readonly timeoutMs: number;
}

/** The messages of one session that wait for the word of WhatsApp's server. */
export class Transmissions {
  readonly #waiting = new Map<string, (transmission: Transmission) => void>();
  readonly #queryTimeoutMs: number;

  /** @param queryTimeoutMs how long Baileys waits for the answer to a query */
  constructor(queryTimeoutMs: number = QUERY_TIMEOUT_MS) {
    this.#queryTimeoutMs = queryTimeoutMs;
  }

  /** Writes a message to `socket` and waits for the server's word on it. */
  async transmit(
    socket: Socket,
    jid: string,
    message: proto.IMessage,
    { whatsappId, timeoutMs }: TransmitOptions,
  ): Promise<Transmission> {
    const { promise, resolve } = Promise.withResolvers<Transmission>();
    this.#waiting.set(whatsappId, resolve);
    const timer = new AbortController();
    this.#relay(socket, jid, message, whatsappId).catch((error) => {
      const { code, message } = describe(error);
      // The socket has begun to close: `disconnected()` follows, and until then no other attempt could fare better.
      if (code !== CONNECTION_CLOSED) resolve({ outcome: "failed", error: message });
    });
    try {
      return await Promise.race([
        promise,
        delay(timeoutMs, { outcome: "unanswered" } as const, { signal: timer.signal }),
      ]);
    } finally {
      timer.abort();
      if (this.#waiting.get(whatsappId) === resolve) this.#waiting.delete(whatsappId);
    }
  }

  /**
   * To a recipient whose devices the server did not name in time Baileys writes a message for nobody, and the server
   * acknowledges that like any other. What is found out here it does not ask again.
   */
  async #relay({ baileys }: Socket, jid: string, message: proto.IMessage, messageId: string): Promise<void> {
    if (!isJidGroup(jid)) {
      const askedAt = performance.now();
      const devices = await baileys.getUSyncDevices([jid], true, false);
      // One that answers so at once knows nobody of that name, and turns the message down itself.
      if (devices.length === 0 && performance.now() - askedAt > this.#queryTimeoutMs / 2) {
        throw new Error("WhatsApp's server did not say in time which devices the recipient has");
      }
    }
    await baileys.relayMessage(jid, message, { messageId, ...stanzaMarks(message) });
  }

  /** The server's word on a message, if anybody still waits for it. */
  answered(whatsappId: string, transmission: Transmission): void {
    this.#waiting.get(whatsappId)?.(transmission);
  }

  /** The link is gone, and with it every answer that was still to come. */
  disconnected(): void {
    for (const resolve of this.#waiting.values()) resolve({ outcome: "disconnected" });
  }
}
