/** What only the table of settings can tell about the lines of a file: keys of others, lost ends, likely meanings. */
import { findAssignment, findSwallowed } from "./assignment.ts";
import type { EnvText } from "./env_file.ts";
import type { Fault } from "./fault.ts";
import { isKey, type Key, KEYS, rowOf } from "./settings.ts";
import { suggestKey } from "./suggest.ts";

const OVERWRITTEN = "One line was written over another: write both anew, each on a line of its own";

/** Faults of the keys that are none of the worker's. */
export function foreignFaults({ entries, allowed, lines }: EnvText, file: string): Fault[] {
  const swallowing = allowed.filter(({ prefix }) => KEYS.some((key) => key.startsWith(prefix))).map((
    { line },
  ) => ({
    file,
    line,
    column: 1,
    code: "bad_directive",
    message: "Keys of the worker itself start with this prefix, so mistyped ones would pass",
    remedy: "Allow a longer prefix",
  }));
  const foreign = entries.filter(({ key, line }) => !isKey(key) && lines[line - 1]?.startsWith(`${key}=`));
  return [
    ...swallowing,
    ...foreign.flatMap(({ key, value, line, column }): Fault[] => {
      if (!allowed.some(({ prefix }) => key.startsWith(prefix))) {
        const nearest = suggestKey(key);
        return [{
          file,
          line,
          column: 1,
          code: "unknown_key",
          message: `This key is not known${nearest ? `; the nearest known one is ${nearest}` : ""}`,
          remedy: `${nearest ? `Write ${nearest}, or remove the line` : "Remove the line"}; ` +
            'the keys of another tool are allowed by "# worker: allow PREFIX_"',
        }];
      }
      const other = findAssignment(value, false, new Set());
      return !other ? [] : [{
        file,
        line,
        column: column + other.at,
        code: "holds_assignment",
        message: `The value holds another assignment: ${other.keys[0]}=`,
        remedy: OVERWRITTEN,
      }];
    }),
  ];
}

/** Adds to a fault of the reader which settings it is probably about. */
export function withHint(fault: Fault, { lines, entries }: EnvText, missing: ReadonlySet<Key>): Fault {
  const line = lines[(fault.line ?? 0) - 1] ?? "";
  if (fault.code === "not_an_assignment") {
    const ends = (example: string) => example.length > 5 && line.includes(example.slice(-5));
    const rests = [...missing].filter((key) => ends(rowOf(key).example));
    return rests.length === 0
      ? fault
      : { ...fault, message: `${fault.message}; it looks like the rest of ${rests.join(" and ")}` };
  }
  const key = entries.find((entry) => entry.line === fault.line)?.key;
  const named = key !== undefined && isKey(key) ? { ...fault, key } : fault;
  const glued = fault.code === "bad_key"
    ? KEYS.find((key) => line.split("=", 1)[0]?.endsWith(key))
    : undefined;
  return glued
    ? { ...named, remedy: `Start the line with ${glued}=; what stands before it is no part of the key` }
    : named;
}

/** Comments that a line was lost in. */
export function swallowedFaults({ lines }: EnvText, file: string): Fault[] {
  return lines.flatMap((line, index) => {
    const swallowed = /^\s*#/.test(line) ? findSwallowed(line) : undefined;
    return !swallowed ? [] : [{
      file,
      line: index + 1,
      column: [...line.slice(0, swallowed.at)].length + 1,
      code: "swallowed_assignment",
      message: `The comment runs into what looks like ${swallowed.key}=, or the end of it`,
      remedy: OVERWRITTEN,
    }];
  });
}
