/**
 * How much is told of what somebody wrote. Whoever knows a number can send what no app of WhatsApp's writes; the event of it
 * has to be one that can be written, that the broker takes, and that a backend can read.
 *
 * @module
 */

/** The longest text, in characters: WhatsApp's own end at 65,536, and a card may have a picture in it. */
const LONGEST_TEXT = 256 * 1024;
/** The longest list: a group has as many members, and all of them can be mentioned. */
const LONGEST_LIST = 1024;
/** How many objects and lists may stand within each other. */
const DEEPEST = 16;
/** All texts together, in characters. In JSON each takes six bytes at most, and a broker takes 16 MiB. */
const LONGEST_EVENT = 2 * 1024 * 1024;
/** What anything takes in JSON beside its texts. */
const OVERHEAD = 8;

/** What is left of it. */
export interface Bounded<T> {
  readonly value: T;
  /** Something is missing. */
  readonly isCut: boolean;
}

/**
 * Cuts what is too long, too much or nested too deep. In texts, what no text can hold is replaced: null characters, which
 * databases do not take, and halves of surrogate pairs.
 *
 * @param value what JSON can hold, of any size
 */
export function bounded<T>(value: T): Bounded<T> {
  const cutter = new Cutter();
  return { value: cutter.cut(value, 0) as T, isCut: cutter.isCut };
}

class Cutter {
  isCut = false;
  #left = LONGEST_EVENT;

  cut(value: unknown, depth: number): unknown {
    this.#left -= OVERHEAD;
    if (typeof value === "string") return this.#text(value);
    if (typeof value !== "object" || value === null) return value;
    if (depth >= DEEPEST) return this.#nothing();
    if (Array.isArray(value)) return this.#list(value).map((item) => this.cut(item, depth + 1));
    const entries = this.#list(Object.entries(value));
    return Object.fromEntries(entries.map(([name, item]) => [this.#text(name), this.cut(item, depth + 1)]));
  }

  #text(text: string): string {
    const most = Math.max(0, Math.min(LONGEST_TEXT, this.#left));
    if (text.length > most) this.isCut = true;
    this.#left -= Math.min(text.length, most);
    return text.slice(0, most).toWellFormed().replaceAll("\0", "\ufffd");
  }

  #list<I>(items: readonly I[]): readonly I[] {
    const most = this.#left > 0 ? LONGEST_LIST : 0;
    if (items.length > most) this.isCut = true;
    return items.slice(0, most);
  }

  #nothing(): null {
    this.isCut = true;
    return null;
  }
}
