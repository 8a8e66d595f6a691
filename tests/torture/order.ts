/** Order: what it means here, and who is out of it. */

/** What is promised, for the report. */
export const DEFINITION = `Order is kept for each chat, that is a number and a contact.
  out: of two messages that the backend published one after the other (the second after the broker had confirmed the
       first) and that were never answered FAILED, the contact sees the first one first. What counts is the first time an id
       is seen: a repeat on the wire of the same id, after a kill or a lost link, keeps its first place. A message that
       FAILED and may be retried leaves the order; if it is sent again it comes when it comes.
  in:  of two messages that a contact sent one after the other the backend gets the first one first. What counts is
       the first delivery of a message_id: repeats, which a backend drops, keep their first place.
  Numbers do not fail over: a killed worker's numbers wait for it, so nothing is promised less after a kill.`;

/**
 * The fewest that have to be taken away so that the rest is in order.
 *
 * @param places where each one really is, in the order it should have; all different
 * @returns indexes into `places`
 */
export function outOfPlace(places: readonly number[]): number[] {
  // The longest increasing subsequence: what is not in it is out of place.
  const ends: number[] = [];
  const before = new Map<number, number | undefined>();
  for (const [index, place] of places.entries()) {
    const at = ends.findIndex((end) => places[end]! > place);
    const length = at < 0 ? ends.length : at;
    before.set(index, ends[length - 1]);
    ends[length] = index;
  }
  const inOrder = new Set<number>();
  for (let index = ends.at(-1); index !== undefined; index = before.get(index)) inOrder.add(index);
  return [...places.keys()].filter((index) => !inOrder.has(index));
}
