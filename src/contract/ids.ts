/**
 * The backend's ids: read as numbers or text, kept as they were written, compared by their digits.
 *
 * @module
 */

/**
 * An id as the backend wrote it, so that it goes back with the same JSON type and every digit: a number, a bigint
 * where the number is beyond 2^53 (see `parseJson`), or text.
 */
export type Id = number | bigint | string;

const LARGEST_ROW_ID = 2n ** 64n - 1n;

/** Whether a value is the id of a row: a whole number from 0 to 2^64 - 1, or a string of its digits. */
export function isRowId(value: unknown): value is Id {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0;
  if (typeof value === "bigint") return value >= 0n && value <= LARGEST_ROW_ID;
  return typeof value === "string" && /^\d{1,20}$/.test(value) && BigInt(value) <= LARGEST_ROW_ID;
}

/** Whether a value can be echoed as an id: a row id, or up to 128 printable characters (a UUID, a session name). */
export function isEchoableId(value: unknown): value is Id {
  return isRowId(value) || (typeof value === "string" && /^[^\p{C}\p{Zl}\p{Zp}]{1,128}$/u.test(value));
}

/**
 * The one spelling of an id, to be used as a key: `6`, `6n`, `"6"` and `"006"` are all `"6"`; text that is no
 * number stays as it is.
 */
export function idText(id: Id): string {
  const text = String(id);
  return /^\d+$/.test(text) ? text.replace(/^0+(?=\d)/, "") : text;
}
