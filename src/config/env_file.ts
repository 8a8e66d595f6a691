/**
 * The strict reader of `.env` files: bytes in, entries and every located fault out.
 *
 * A line is blank, a comment, or `KEY=value` with the value bare, in 'single' or in "double" quotes that close on the line.
 * What readers of such files take in different ways (a # or a quote inside a bare value, a backslash in double quotes, text
 * after the closing quote) is refused, so whatever is accepted means to the worker what it means to `npm:dotenv`.
 */
import type { Fault } from "./fault.ts";

/** One `KEY=value` of the file. */
export interface Entry {
  key: string;
  value: string;
  line: number;
  /** Where the value starts, after its quote. 1-based, in characters. */
  column: number;
}

/** What a file says. Entries are complete for what could be read, also when there are faults. */
export interface EnvText {
  lines: string[];
  entries: Entry[];
  /** Prefixes of other tools' keys, from `# worker: allow PREFIX_`. */
  allowed: { prefix: string; line: number }[];
  faults: Fault[];
}

/** Where in a line a fault is, and what it is. */
interface LineFault {
  at: number;
  code: string;
  message: string;
  remedy: string;
}

/** Position in characters, 1-based, of an index into a line. */
const columnOf = (line: string, index: number) => [...line.slice(0, index)].length + 1;

const VALID_KEY = /^[A-Z][A-Z0-9_]*$/;

/** Reads a file's bytes. Never throws; `file` is only the name that faults carry. */
export function readEnvText(bytes: Uint8Array, file: string): EnvText {
  const decoded = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const text = decoded.replace(/^\uFEFF/, "");
  const lines = text.split(/\r\n|\n|\r/);
  const result: EnvText = { lines, entries: [], allowed: [], faults: [] };
  const fault = (index: number, { at, ...rest }: LineFault) => {
    result.faults.push({ file, line: index + 1, column: columnOf(lines[index] ?? "", at), ...rest });
  };
  let declared: { index: number; settings: number } | undefined;

  if (decoded !== text) {
    fault(0, {
      at: 0,
      code: "byte_order_mark",
      message: "The file starts with a byte-order mark",
      remedy: "Save it as UTF-8 without BOM",
    });
  }
  for (const [index, line] of lines.entries()) {
    for (const found of characterFaults(line)) fault(index, found);
    if (/^\s*#/.test(line)) {
      const directive = readDirective(line);
      if (typeof directive === "string") result.allowed.push({ prefix: directive, line: index + 1 });
      else if (typeof directive === "number") declared = { index, settings: directive };
      else if (directive) fault(index, directive);
    } else if (line.trim() !== "") {
      const { key, value, at, faults } = readAssignment(line);
      for (const found of faults) fault(index, found);
      if (key === undefined) continue;
      const first = result.entries.find((entry) => entry.key === key);
      if (first) {
        fault(index, {
          at: 0,
          code: "duplicate_key",
          message: `This key is on line ${first.line} already`,
          remedy: "Keep one of the two lines",
        });
      }
      result.entries.push({ key, value, line: index + 1, column: columnOf(line, at) });
    }
  }
  for (const { index, ...found } of lineEndFaults(text, lines)) fault(index, found);
  if (declared && declared.settings !== result.entries.length) {
    fault(declared.index, {
      at: 0,
      code: "settings_count",
      message: `The file declares ${declared.settings} settings and holds ${result.entries.length}`,
      remedy:
        `Look for a line that was lost or came in; if none, write "# worker: settings ${result.entries.length}"`,
    });
  }
  return result;
}

/** Characters that have no business in a line, the first of each kind. Comments may hold tabs and joiners. */
function characterFaults(line: string): LineFault[] {
  const unseen = /^\s*(#|$)/.test(line)
    ? /[[\p{Cc}\p{Zl}\p{Zp}]--[\t\0]]/v
    : /[[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]--\0]/v;
  return [
    {
      at: line.search(/\uFFFD/),
      code: "invalid_utf8",
      message: "This is not valid UTF-8",
      remedy: "Save the file as UTF-8 and write the character anew",
    },
    {
      at: line.indexOf("\0"),
      code: "nul",
      message: "A NUL byte",
      remedy: "Remove it; a file full of them is no text or was saved as UTF-16",
    },
    {
      at: line.search(unseen),
      code: "control_character",
      message: "A control or invisible character",
      remedy: "Remove it, or write the line anew by hand",
    },
  ].filter(({ at }) => at >= 0);
}

/** `# worker: allow PREFIX_` → the prefix, `# worker: settings N` → N, any other comment → nothing. */
function readDirective(line: string): string | number | LineFault | undefined {
  if (!/^\s*#\s*worker:/i.test(line)) return undefined;
  const [, prefix, count] = /^# worker: (?:allow ([A-Z][A-Z0-9_]*_)|settings (\d{1,4}))$/.exec(line) ?? [];
  return prefix ?? (count !== undefined ? Number(count) : {
    at: 0,
    code: "bad_directive",
    message: "This is no directive of the worker",
    remedy: 'Write "# worker: allow PREFIX_" or "# worker: settings NUMBER", alone on its line',
  });
}

/** Splits a line into key and value. `key` is there whenever it can be guessed, so that it is not reported missing too. */
function readAssignment(line: string): { key?: string; value: string; at: number; faults: LineFault[] } {
  const equals = line.indexOf("=");
  if (equals < 0) {
    return {
      value: "",
      at: 0,
      faults: [{
        at: line.search(/\S/),
        code: "not_an_assignment",
        message: "This is no KEY=value, comment or blank line",
        remedy:
          "Start it with a key and =, or with # if it is a comment; remove it if it is the rest of another line",
      }],
    };
  }
  const name = line.slice(0, equals);
  const key = /[A-Za-z_]\w*(?=\s*$)/.exec(name)?.[0].toUpperCase();
  const { value, at, faults } = readValue(line, equals + 1);
  if (!VALID_KEY.test(name)) {
    faults.unshift({
      at: 0,
      code: "bad_key",
      message:
        "A key is an upper-case letter, then upper-case letters, digits and _, from the start of the line to the =",
      remedy: "Write the key so, without export and without blanks",
    });
  }
  return { ...(key !== undefined && { key }), value, at, faults };
}

/** Reads the value that starts at `start`. */
function readValue(line: string, start: number): { value: string; at: number; faults: LineFault[] } {
  const faults: LineFault[] = [];
  const raw = line.slice(start);
  const bare = raw.trim();
  const quote = bare[0] === "'" || bare[0] === '"' ? bare[0] : undefined;
  const close = quote ? bare.indexOf(quote, 1) : -1;
  const opened = line.indexOf(bare, start);
  const add = (at: number, code: string, message: string, remedy: string) =>
    faults.push({ at, code, message, remedy });

  if (bare !== raw && !(quote && close < 0)) {
    const at = raw.startsWith(bare) ? start + bare.length : start;
    add(
      at,
      "blank_around_value",
      "Blanks before or after a value",
      "Remove them, or put the value in quotes",
    );
  }
  if (!quote) {
    const stray = bare.search(/["'`]/);
    const comment = bare.indexOf("#");
    if (stray >= 0) {
      add(
        opened + stray,
        "quote_in_value",
        "A quote inside a value that is not in quotes",
        "Put the whole value in the other kind of quotes",
      );
    }
    if (comment >= 0) {
      add(
        opened + comment,
        "comment_in_value",
        "A # inside a value that is not in quotes",
        "Put a comment on a line of its own, or the value in quotes",
      );
    }
    return { value: bare, at: opened, faults };
  }
  if (close < 0) {
    add(
      opened,
      "unclosed_quote",
      "The quote that opens here does not close on its line",
      `Close it with ${quote} on the same line`,
    );
    return { value: bare.slice(1), at: opened + 1, faults };
  }
  const value = bare.slice(1, close);
  const backslash = quote === '"' ? value.indexOf("\\") : value.endsWith("\\") ? value.length - 1 : -1;
  if (backslash >= 0) {
    add(
      opened + 1 + backslash,
      "backslash",
      "A backslash here is read in different ways by different programs",
      quote === '"' ? "Put the value in single quotes" : "End the value with another character",
    );
  }
  if (close < bare.length - 1) {
    add(
      opened + close + 1,
      "text_after_quote",
      "Text after the closing quote",
      "Remove it; a comment goes on a line of its own",
    );
  }
  return { value, at: opened + 1, faults };
}

/** A last line without its end, and line ends that are not all the same. */
function lineEndFaults(text: string, lines: string[]): (LineFault & { index: number })[] {
  const faults = [];
  const ends = text.match(/\r\n|\n|\r/g) ?? [];
  const odd = ends.findIndex((end) => end !== ends[0] || end === "\r");
  if (odd >= 0) {
    faults.push({
      index: odd,
      at: lines[odd]?.length ?? 0,
      code: "mixed_line_ends",
      message: "This line ends in another way than the first, or with a lone carriage return",
      remedy: "Save the file with one kind of line end, LF or CRLF",
    });
  }
  if (lines.at(-1) !== "") {
    faults.push({
      index: lines.length - 1,
      at: lines.at(-1)?.length ?? 0,
      code: "no_final_newline",
      message: "The last line has no newline, so its end may be lost",
      remedy: "Check that the line is whole, then end it with a newline",
    });
  }
  return faults;
}
