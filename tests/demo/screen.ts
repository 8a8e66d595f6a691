/** What the demo shows: a line a step, each with the time since the start; plain unless a person watches it in colour. */

/** Seconds with two decimals, for `durationMs`. */
export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(2)} s`;
}

/** Prints steps, texts and pictures. */
export class Screen {
  readonly #startedAtMs = performance.now();

  /** @param colour whether escape sequences may be printed */
  constructor(readonly colour: boolean) {}

  /** Time since the screen was made. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAtMs;
  }

  /** A step: who did what, with what result. */
  step(who: string, what: string, detail: string = ""): void {
    const time = this.#style("2", seconds(this.elapsedMs).padStart(9));
    const name = this.#style("1", detail === "" ? what : what.padEnd(16));
    console.log(`${time}  ${who.padEnd(8)}  ${name} ${detail}`.trimEnd());
  }

  /** A heading with an empty line before it. */
  heading(text: string): void {
    console.log(`\n${this.#style("1", text)}`);
  }

  /** A name and what it stands for. */
  row(name: string, value: string): void {
    console.log(`  ${name.padEnd(WIDTH)} ${value}`);
  }

  /** Lines as they are. */
  text(text: string): void {
    console.log(text);
  }

  /** What went wrong, on standard error. */
  fault(text: string): void {
    console.error(`\n${this.#style("31", text)}`);
  }

  /** A QR code drawn with half blocks: dark on light in a terminal whatever its colours, so that phones can read it. */
  qr(drawing: string): void {
    for (const line of drawing.split("\n").filter((line) => line !== "")) {
      console.log(this.#style("30;107", line));
    }
  }

  #style(code: string, text: string): string {
    return this.colour ? `\x1b[${code}m${text}\x1b[0m` : text;
  }
}

const WIDTH = 30;
