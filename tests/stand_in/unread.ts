/** What a phone could not decrypt: it asks for it, a few times. */
import type { Envelope } from "./envelope.ts";
import { Feed } from "./feed.ts";

/** After this many failed attempts at one message a phone stops asking for it. */
const MAX_RETRIES = 5;

/** A message that could not be decrypted, and why. */
export interface Unreadable {
  envelope: Envelope;
  error: Error;
}

/** The unread messages of one phone. */
export class Unread {
  readonly #waiting = new Feed<Unreadable>();
  readonly #attempts = new Map<string, number>();
  #spoilt = 0;

  /** Damages the next `count` ciphertexts. */
  spoilNext(count: number): void {
    this.#spoilt = count;
  }

  /** A ciphertext has come; it may not stay as it was. */
  arrived({ enc }: Envelope): void {
    if (this.#spoilt > 0 && this.#spoilt-- > 0) damage(enc.content as Uint8Array);
  }

  /** Keeps a message until somebody wants the phone to ask for it. */
  keep(unreadable: Unreadable): void {
    this.#waiting.push(unreadable);
  }

  /** The next message that was kept. */
  next(timeoutMs: number): Promise<Unreadable> {
    return this.#waiting.next("message that cannot be read", () => true, timeoutMs);
  }

  /** Counts one more request; throws when there were enough. @returns how many there are now */
  attempt({ envelope: { id }, error }: Unreadable): number {
    const attempt = (this.#attempts.get(id) ?? 0) + 1;
    this.#attempts.set(id, attempt);
    if (attempt > MAX_RETRIES) throw new Error(`Gave up after ${MAX_RETRIES} attempts: ${error.message}`);
    return attempt;
  }

  close(): void {
    this.#waiting.close();
  }
}

/** Makes a ciphertext one that nobody can decrypt. */
export function damage(ciphertext: Uint8Array): void {
  ciphertext[ciphertext.length - 1]! ^= 0xff;
}
