import { Buffer } from "node:buffer";
import type { ConfirmChannel, ConsumeMessage } from "amqplib";

/** How many messages are taken at a time while they are large. */
export const FEW = 2;

/** Options of {@link Load}. */
export interface LoadOptions {
  /** Messages that are taken at a time now, */
  readonly prefetch: number;
  /** and while they are small. */
  readonly usual: number;
  /** Bytes of bodies that may be in hand. One message may always be. */
  readonly maxBytes: number;
}

/** What one consumer has in hand, in bytes. */
export class Load {
  readonly #prefetch: number;
  readonly #usual: number;
  readonly #maxBytes: number;
  readonly #changed = new AbortController();
  /** Without their bodies, which are what there is no room for. */
  readonly #surplus: ConsumeMessage[] = [];
  #bytes = 0;
  #smallInARow = 0;

  constructor({ prefetch, usual, maxBytes }: LoadOptions) {
    this.#prefetch = prefetch;
    this.#usual = usual;
    this.#maxBytes = maxBytes;
  }

  /** Aborts when another number of messages should be taken at a time. */
  get changed(): AbortSignal {
    return this.#changed.signal;
  }

  /** What messages have been like. */
  get size(): "large" | "small" {
    return this.#surplus.length > 0 ? "large" : "small";
  }

  /** Whether there is room for a message; else it waits to be given back, and so does all that comes after it. */
  takes(message: ConsumeMessage): boolean {
    const size = message.content.byteLength;
    if (this.#surplus.length > 0 || (this.#bytes > 0 && this.#bytes + size > this.#maxBytes)) {
      this.#surplus.push({ ...message, content: Buffer.alloc(0) });
      this.#changed.abort();
      return false;
    }
    this.#bytes += size;
    this.#smallInARow = size * this.#usual > this.#maxBytes ? 0 : this.#smallInARow + 1;
    if (this.#prefetch < this.#usual && this.#smallInARow >= this.#usual) this.#changed.abort();
    return true;
  }

  release({ content }: ConsumeMessage): void {
    this.#bytes -= content.byteLength;
  }

  /** Only when the consumer has ended: the broker would deliver them again at once. */
  giveBack(channel: ConfirmChannel): void {
    for (const message of this.#surplus) channel.nack(message, false, true);
  }
}
