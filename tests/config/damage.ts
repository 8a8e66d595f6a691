/** Damage done to a file at random, as disks, editors, terminals and people do it. */
import fc from "fast-check";

/** A kind of damage: the file's bytes and numbers to draw places from, to the bytes afterwards. */
type Damage = (bytes: Uint8Array, numbers: readonly number[]) => Uint8Array;

const encode = (text: string) => new TextEncoder().encode(text);
const join = (...parts: Uint8Array[]) => new Uint8Array(parts.flatMap((part) => [...part]));

/** `bytes` with what stands from `start` to `end` replaced. */
const replace = (bytes: Uint8Array, start: number, end: number, by: Uint8Array) =>
  join(bytes.subarray(0, start), by, bytes.subarray(end));

/** Does something to one line; lines keep their ends. */
function onLines(edit: (lines: string[], at: number, to: number) => string[]): Damage {
  return (bytes, [one = 0, other = 0]) => {
    const lines = new TextDecoder().decode(bytes).split(/(?<=\n)/);
    return encode(edit(lines, one % lines.length, other % lines.length).join(""));
  };
}

const PASTED = [
  "$ cat .env\n",
  "\x1b[200~LOG_LEVEL=debug\x1b[201~",
  "http://localhost:8080/api",
  "export NODE_ENV=test\n",
  "LOG_LEVEL=debug\n",
  "SEND_WAIT=5000\nSTATUS_INTERVAL=",
  " ",
  "\n",
  "'",
  "=",
  "#",
  "0",
  "x",
];

/** Every kind of damage, by name. */
export const DAMAGE: Record<string, Damage> = {
  truncate: (bytes, [at = 0]) => bytes.slice(0, at % bytes.length),
  "splice two lines": onLines((lines, at, to) => {
    const [first, last] = [Math.min(at, to), Math.max(at, to)];
    const head = lines[first]?.slice(0, at * 7919 % (lines[first].length || 1)) ?? "";
    const tail = lines[last]?.slice(to * 104_729 % (lines[last].length || 1)) ?? "";
    return [...lines.slice(0, first), head + tail, ...lines.slice(last + 1)];
  }),
  "join two lines": onLines((lines, at) => lines.with(at, lines[at]?.trimEnd() ?? "")),
  "overwrite with a part of the file": (bytes, [at = 0, from = 0, length = 0]) => {
    const start = at % bytes.length;
    const part = bytes.subarray(from % bytes.length).subarray(0, 1 + length % 60);
    return replace(bytes, start, start + part.length, part);
  },
  "cut a span": (bytes, [at = 0, length = 0]) =>
    replace(bytes, at % bytes.length, at % bytes.length + 1 + length % 80, encode("")),
  "paste over a span": (bytes, [at = 0, length = 0, which = 0]) => {
    const start = at % bytes.length;
    return replace(bytes, start, start + length % 40, encode(PASTED[which % PASTED.length] ?? ""));
  },
  "drop a line": onLines((lines, at) => lines.toSpliced(at, 1)),
  "duplicate a line": onLines((lines, at, to) => lines.toSpliced(to, 0, lines[at] ?? "")),
  "flip a quote": (bytes, [at = 0, how = 0]) => {
    const quotes = [...bytes.entries()].filter(([, byte]) => byte === 34 || byte === 39).map(([index]) =>
      index
    );
    const index = quotes[at % quotes.length] ?? at % bytes.length;
    return replace(bytes, index, index + 1, encode(['"', "'", "", "`"][how % 4] ?? ""));
  },
  "insert control bytes": (bytes, [at = 0, which = 0]) => {
    const inserted = [0, 8, 9, 13, 27, 127, 0x80, 0xc3, 0xff][which % 9] ?? 0;
    return replace(bytes, at % bytes.length, at % bytes.length, new Uint8Array([inserted]));
  },
  "flip a bit": (bytes, [at = 0, bit = 0]) => {
    const index = at % bytes.length;
    return replace(bytes, index, index + 1, new Uint8Array([(bytes[index] ?? 0) ^ (1 << bit % 8)]));
  },
};

/** A file with one piece of damage. */
export interface Damaged {
  kind: string;
  text: string;
  bytes: Uint8Array;
}

/** Files drawn from `files`, each damaged once. */
export const damaged = (files: fc.Arbitrary<string>): fc.Arbitrary<Damaged> =>
  fc.tuple(
    files,
    fc.constantFrom(...Object.keys(DAMAGE)),
    fc.array(fc.nat(1_000_000), { minLength: 3, maxLength: 3 }),
  )
    .map(([text, kind, numbers]) => ({
      kind,
      text,
      bytes: DAMAGE[kind]?.(encode(text), numbers) ?? encode(text),
    }));
