import type { BinaryNode } from "@whiskeysockets/baileys";

/** What reaches the server at the very end of a socket may rightly wait for the next one; its clock has seconds only. */
const MARGIN_S = 10;

/**
 * Whether a socket that answered every question was deaf all the same: then the one after it is handed, at its login,
 * what the server could have delivered long before. Told by the server's clock alone.
 */
export class Withheld {
  readonly #endedAt = performance.now();
  #endedAtS: number | undefined;
  #found = false;

  /** Takes note of a stanza of the next socket. @returns true once, when the socket before was deaf */
  heard({ tag, attrs: { t, offline } }: BinaryNode): boolean {
    if (tag === "success") this.#endedAtS = Number(t) - (performance.now() - this.#endedAt) / 1000;
    if (offline === undefined || this.#found || this.#endedAtS === undefined) return false;
    this.#found = Number(t) < this.#endedAtS - MARGIN_S;
    return this.#found;
  }
}
