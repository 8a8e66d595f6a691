/** Finds the known word that a mistyped one was probably meant to be. */
import { type Key, KEYS } from "./settings.ts";

/** How many characters must be put in, left out, changed or swapped with their neighbour to make `one` of `other`. */
function distance(one: string, other: string): number {
  const rows = [Array.from({ length: other.length + 1 }, (_, column) => column)];
  const cost = (row: number, column: number) => rows[row]?.[column] ?? Infinity;
  for (let row = 1; row <= one.length; row++) {
    rows.push([row]);
    for (let column = 1; column <= other.length; column++) {
      const change = one[row - 1] === other[column - 1] ? 0 : 1;
      const swapped = one[row - 1] === other[column - 2] && one[row - 2] === other[column - 1];
      rows[row]?.push(Math.min(
        cost(row - 1, column) + 1,
        cost(row, column - 1) + 1,
        cost(row - 1, column - 1) + change,
        swapped ? cost(row - 2, column - 2) + 1 : Infinity,
      ));
    }
  }
  return cost(one.length, other.length);
}

/** The known key nearest to a name in any case, unless more than `farthest` characters differ: by default half of them. */
export function suggestKey(text: string, farthest = text.trim().length / 2): Key | undefined {
  return nearestOf(text.trim().toUpperCase(), KEYS, farthest);
}

/** The nearest of `known` to a word, unless more than `farthest` characters differ: by default half of them. */
export function nearestOf<Known extends string>(
  word: string,
  known: readonly Known[],
  farthest = word.length / 2,
): Known | undefined {
  return known.filter((name) => Math.abs(name.length - word.length) <= farthest)
    .map((name) => ({ name, far: distance(word, name) }))
    .filter(({ far }) => far <= farthest)
    .sort((one, other) => one.far - other.far)[0]?.name;
}
