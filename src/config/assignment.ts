/** Finds an assignment inside a value: the trace of a line that was pasted over another one. */
import { type Key, KEYS, TABLE } from "./settings.ts";
import { Refused } from "./rules.ts";

/** Another assignment found inside a value. */
export interface Embedded {
  /** Index into the value where the key, or what is left of it, starts. */
  at: number;
  /** The keys it can be, most likely first. */
  keys: Key[];
}

/** Whether `text` is a value of `key`. */
export function accepts(key: Key, text: string): boolean {
  try {
    return TABLE[key].rule.parse(text) !== undefined;
  } catch (error) {
    if (error instanceof Refused) return false;
    throw error;
  }
}

/**
 * The first place where a value holds a known key, or with `tails` the upper-case end of one, and then `=`.
 * The key meant probably takes what follows the `=`, is `missing`, and has to be there.
 */
export function findAssignment(
  value: string,
  tails: boolean,
  missing: ReadonlySet<Key>,
): Embedded | undefined {
  for (const { 0: { length }, 1: name = "", index } of value.matchAll(/([A-Z0-9_]*[A-Z])=/g)) {
    const full = KEYS.filter((key) => name.endsWith(key));
    const tail = tails
      ? [...name].map((_, at) => name.slice(at)).find((end) => KEYS.some((key) => key.endsWith(end)))
      : "";
    const keys = full.length > 0 ? full : tail ? KEYS.filter((key) => key.endsWith(tail)) : [];
    if (keys.length === 0) continue;
    const rest = value.slice(index + length);
    const likely = (key: Key) =>
      Number(TABLE[key].required) + 2 * Number(missing.has(key)) +
      4 * Number(rest !== "" && accepts(key, rest));
    return { at: index, keys: keys.sort((one, other) => likely(other) - likely(one)) };
  }
  return undefined;
}

/**
 * Where a comment has swallowed an assignment: a known key, or the end of one, with a `=` after it and other text right before
 * it. `# set LOG_LEVEL=debug` and `#LOG_LEVEL=debug` are comments as people write them, `# LoggingLOG_LEVEL=debug` is damage.
 */
export function findSwallowed(comment: string): { at: number; key: Key } | undefined {
  for (const { 1: name = "", index: at } of comment.matchAll(/([A-Z][A-Z_]{2,})=/g)) {
    const key = KEYS.find((key) => name.endsWith(key) || key.endsWith(name));
    if (key === undefined || /_$/.test(name.slice(0, -key.length))) continue;
    const commentedOut = name === key && /^\s*#+$/.test(comment.slice(0, at));
    if (name.length > key.length || (/[^\s"'`(_]$/.test(comment.slice(0, at)) && !commentedOut)) {
      return { at, key };
    }
  }
  return undefined;
}
