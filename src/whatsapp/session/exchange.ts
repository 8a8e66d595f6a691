import type { BinaryNode } from "@whiskeysockets/baileys";
import { Withheld } from "./withheld.ts";

/** A socket that is put in the place of another, which may be deaf, without a word to the backend. */
export class Exchange {
  #underWay = false;
  #withheld: Withheld | undefined;

  /** The socket before was given up for this, and the next one is not open yet. */
  get underWay(): boolean {
    return this.#underWay;
  }

  begin(): void {
    this.#underWay = true;
    this.#withheld = new Withheld();
  }

  /** Somebody waits to be told that the next socket is open. */
  speakUp(): void {
    this.#underWay = false;
  }

  /** The next socket is open. @returns whether that is nobody's business */
  opened(): boolean {
    const quietly = this.#underWay;
    this.#underWay = false;
    return quietly;
  }

  /** A socket was lost, which is news. */
  lost(): void {
    if (!this.#underWay) this.#withheld = undefined;
    this.#underWay = false;
  }

  /** Takes note of a stanza. @returns true once, when the socket that was exchanged turns out to have been deaf */
  heard(stanza: BinaryNode): boolean {
    return this.#withheld?.heard(stanza) ?? false;
  }
}
