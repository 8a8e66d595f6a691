/** What a terminal may be shown, and asked. */

/** Characters that are no text: controls, text-direction marks, lone surrogates, line and paragraph separators. */
const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}]/gu;
/** The same but for the line ends that JSON is laid out with; within its strings they are escaped. */
const INVISIBLE_IN_JSON = /(?!\n)[\p{C}\p{Zl}\p{Zp}]/gu;

/** Text that came from elsewhere, on one line, with everything invisible escaped: it can steer no terminal. */
export function visible(text: string, longest = Infinity): string {
  const characters = [...text];
  const cut = characters.length > longest ? `${characters.slice(0, longest - 1).join("")}…` : text;
  return cut.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

/** {@link visible}, but lines stay lines. */
export function visibleLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.split("\t").map((part) => visible(part)).join("\t"));
}

/** JSON for machines which is also fit to be looked at. */
export function visibleJson(json: string): string {
  return json.replace(
    INVISIBLE_IN_JSON,
    (character) =>
      Array.from(
        { length: character.length },
        (_, at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}

/** Where a command talks to its operator: results to standard output, the rest to standard error. */
export interface Terminal {
  print(text: string): void;
  tell(line: string): void;
  /** Asks a question that is answered with yes or no; `undefined` when there is nobody to ask. */
  readonly confirm: ((question: string) => boolean) | undefined;
  /** Shows how far it is, on one line that is written over; does nothing where there is no terminal. */
  readonly progress: (done: number, of: number) => void;
  /** Takes that line away. */
  endProgress(): void;
}

/** How many letters are looked at between two signs of progress. */
const PROGRESS_STEP = 500;

/** The terminal of this process. */
export function ownTerminal(): Terminal {
  const progressShown = Deno.stderr.isTerminal();
  const writeOver = (text: string) =>
    void Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[2K${text}`));
  let shown = false;
  const endProgress = () => {
    if (shown) writeOver("");
    shown = false;
  };
  return {
    print: (text) => {
      endProgress();
      console.log(text);
    },
    tell: (line) => {
      endProgress();
      console.error(line);
    },
    confirm: Deno.stdin.isTerminal() && Deno.stdout.isTerminal()
      ? (question) => {
        endProgress();
        return confirm(question);
      }
      : undefined,
    progress: (done, of) => {
      if (!progressShown || done % PROGRESS_STEP !== 0) return;
      shown = true;
      writeOver(`${done} of ${of} messages looked at`);
    },
    endProgress,
  };
}
