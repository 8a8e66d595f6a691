import { setTimeout as delay } from "node:timers/promises";
import { isJidGroup, type proto } from "@whiskeysockets/baileys";
import type { Names } from "../../store/recipients.ts";
import { assureReachable, groupOf } from "./addressees.ts";
import { type SendFailure, Unsendable } from "./failures.ts";
import { CONNECTION_CLOSED, describe } from "../socket/close_codes.ts";
import { QUERY_TIMEOUT_MS, type Socket } from "../socket/socket.ts";
import { stanzaMarks } from "./stanza_marks.ts";

/** What became of a message that was handed to the socket. */
export type Transmission =
  /** WhatsApp's server has it. */
  | { readonly outcome: "accepted" }
  /** WhatsApp's server will not take it. */
  | { readonly outcome: "refused"; readonly code: string }
  /** It was not written, because it cannot arrive. */
  | { readonly outcome: "unsendable"; readonly failure: SendFailure }
  /** It was written, or may have been, and nothing was heard of it. */
  | { readonly outcome: "unanswered" }
  /** The link was lost before an answer came. */
  | { readonly outcome: "disconnected" }
  /** It could not be made ready for its recipient. */
  | { readonly outcome: "failed"; readonly error: string };

/** How a message is to be transmitted. */
export interface TransmitOptions {
  /** The id that makes every repeat of a message one message. */
  readonly whatsappId: string;
  /** How long the server may take to answer. */
  readonly timeoutMs: number;
  /** Who is in the group it goes to, beside the number itself; it is written when this resolves. */
  readonly onMembers: (members: readonly Names[]) => Promise<void>;
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
    options: TransmitOptions,
  ): Promise<Transmission> {
    const { whatsappId, timeoutMs } = options;
    const { promise, resolve } = Promise.withResolvers<Transmission>();
    this.#waiting.set(whatsappId, resolve);
    const timer = new AbortController();
    this.#relay(socket, jid, message, options).catch((error) => {
      if (error instanceof Unsendable) return resolve({ outcome: "unsendable", failure: error.failure });
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

  async #relay(
    socket: Socket,
    jid: string,
    message: proto.IMessage,
    { whatsappId: messageId, onMembers }: TransmitOptions,
  ): Promise<void> {
    const { baileys, groups } = socket;
    if (isJidGroup(jid)) {
      const { group, members } = await groupOf(socket, jid);
      // Receipts may overtake everything else.
      await onMembers(members);
      groups.set(jid, group);
    } else await assureReachable(socket, jid, { queryTimeoutMs: this.#queryTimeoutMs });
    try {
      await baileys.relayMessage(jid, message, { messageId, ...stanzaMarks(message) });
    } finally {
      groups.delete(jid);
    }
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
