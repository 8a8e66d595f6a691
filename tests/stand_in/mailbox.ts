/** What a companion has not confirmed yet. WhatsApp's server keeps it and delivers it again at the next login. */
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Link } from "./link.ts";

/** A stanza a client has been given and has not confirmed. */
export interface InFlight {
  readonly stanza: BinaryNode;
  /** Whether it had waited for the client's login. */
  readonly offline: boolean;
}

interface Letter {
  stanza: BinaryNode;
  /** The link it went out on last; undefined when it never left. */
  sentOn: Link | undefined;
  /** Whether it went out with the `offline` attribute then. */
  offline: boolean;
}

/** A companion's stanzas in order, from the moment they exist until the client receipts or acks them. */
export class Mailbox {
  #letters: Letter[] = [];
  #link: Link | undefined;

  /** How many are not confirmed. */
  get size(): number {
    return this.#letters.length;
  }

  /** Whether new stanzas go out as they come. */
  get isOpen(): boolean {
    return this.#link !== undefined;
  }

  /** What the client has been given and has not confirmed, on whichever link. */
  get inFlight(): readonly InFlight[] {
    return this.#letters.filter(({ sentOn }) => sentOn !== undefined);
  }

  /** Stores a stanza and sends it if the client is there. */
  put(stanza: BinaryNode): void {
    const letter: Letter = { stanza, sentOn: undefined, offline: false };
    this.#letters.push(letter);
    if (this.#link?.send(stanza)) letter.sentOn = this.#link;
  }

  /**
   * The client is there (again): everything unconfirmed goes out with the `offline` attribute, then new stanzas
   * follow as they come. Returns how many stanzas went out and how many of those had been sent before.
   */
  open(link: Link): { sent: number; again: number } {
    const count = { sent: 0, again: 0 };
    if (this.#link === link) return count;
    this.#link = link;
    for (const letter of this.#letters) {
      const attrs = { ...letter.stanza.attrs, offline: String(count.sent) };
      if (!link.send({ ...letter.stanza, attrs })) break;
      count.sent++;
      if (letter.sentOn) count.again++;
      letter.sentOn = link;
      letter.offline = true;
    }
    return count;
  }

  /** The client is gone, if `link` is still the one it was on. */
  close(link: Link): void {
    if (this.#link === link) this.#link = undefined;
  }

  /**
   * Forgets the oldest stanza with this tag and id that was sent. The oldest, because a retried message has the id of the
   * one it replaces, and the client refuses that one only after it asked for the retry.
   */
  confirm(tag: string, id: string): boolean {
    const index = this.#letters.findIndex(({ stanza, sentOn }) =>
      sentOn && stanza.tag === tag && stanza.attrs.id === id
    );
    if (index >= 0) this.#letters.splice(index, 1);
    return index >= 0;
  }
}
