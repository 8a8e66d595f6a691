import type { Progress } from "./runner.ts";

/** One line on a terminal that says what is waited for, and takes itself away. */
export function renderProgress(
  terminal: { writeSync(bytes: Uint8Array): number },
): { show(progress: Progress): void; end(): void } {
  const write = (text: string) => void terminal.writeSync(new TextEncoder().encode(`\r\x1b[2K${text}`));
  return {
    show: ({ ended, total, running }) =>
      // One line only: what is wrapped could not be taken away again.
      write(`${ended} of ${total} checks done; waiting for: ${running.join(", ")}`.slice(0, 79)),
    end: () => write(""),
  };
}
