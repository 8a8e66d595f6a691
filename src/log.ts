import pino, { type DestinationStream, type Logger } from "pino";
import { prettyFactory } from "pino-pretty";
import { maskPhone } from "./contract/addresses.ts";

/** Options of {@link makeLog}. */
export interface LogOptions {
  readonly level: string;
  /** Lines for people instead of JSON. */
  readonly pretty: boolean;
  readonly workerId: string;
  /** They go to systemd's journal, which has a time and a priority of its own for each line. @default false */
  readonly journal?: boolean;
  /** Where lines go. @default standard output */
  readonly destination?: DestinationStream;
}

/** Phone numbers as they are written here: with a plus, in a session's name (in whatever form an older worker had it), in a JID. */
const PHONE_NUMBER =
  /\+\d{7,15}|(?<=session_\d{1,20}_)\+?\d[\d ]{6,22}|\d{7,15}(?=(?::\d+)?@(?:s\.whatsapp\.net|c\.us))/g;

/** What the journal calls pino's levels; see sd-daemon(3). */
const PRIORITIES: Readonly<Record<string, number>> = { 10: 7, 20: 7, 30: 6, 40: 4, 50: 3, 60: 2 };

/** A text for the journal, with a priority (3 is an error, 4 a warning) before each of its lines. */
export function ranked(text: string, priority: number): string {
  return text.replaceAll(/^(?=.)/gm, `<${priority}>`);
}

function priorityOf(line: string): number {
  const [, level = ""] = /^{"level":(\d+)/.exec(line) ?? [];
  return PRIORITIES[level] ?? 6;
}

/**
 * The log: JSON lines, or readable ones. At `info` and above phone numbers are masked, whoever wrote them. A level that
 * is set later counts at once, for all of this and for every child, also one that was made before.
 */
export function makeLog(
  { level, pretty: readable, workerId, journal = false, destination }: LogOptions,
): Logger {
  const target = destination ?? pino.destination({ dest: 1, sync: true });
  const render = prettyFactory({
    colorize: Deno.stdout.isTerminal() && !Deno.noColor,
    ignore: journal ? "pid,hostname,time" : "pid,hostname",
    singleLine: journal,
    translateTime: "SYS:yyyy-mm-dd HH:MM:ss.l",
  });
  const write = (line: string) => {
    const text = readable ? render(line) : line;
    target.write(journal ? ranked(text, priorityOf(line)) : text);
  };
  const stream = readable || journal ? { write } : target;
  const children = new Set<WeakRef<Logger>>();
  const forgotten = new FinalizationRegistry<WeakRef<Logger>>((child) => children.delete(child));
  const log: Logger = pino({
    level,
    base: { workerId },
    timestamp: pino.stdTimeFunctions.isoTime,
    hooks: {
      streamWrite: (line) =>
        ["debug", "trace"].includes(log.level) ? line : line.replace(PHONE_NUMBER, maskPhone),
    },
    onChild: (child) => {
      const weakly = new WeakRef(child);
      children.add(weakly);
      forgotten.register(child, weakly);
    },
  }, stream);
  // A child has its level from when it was made, and tells its parent's listeners of its own changes.
  log.on("level-change", (level, _value, _before, _valueBefore, changed) => {
    if (changed !== log) return;
    for (const child of [...children].flatMap((weakly) => weakly.deref() ?? [])) child.level = level;
  });
  return log;
}

/**
 * Sends what dependencies print to the console to the log, first sentence only. libsignal prints whole session
 * objects, private keys included, behind sentences such as "Closing session:".
 */
export function captureConsole(log: Logger): void {
  const capture = (first: unknown) =>
    log.debug({ from: "console" }, typeof first === "string" ? first : "an object");
  for (const method of ["log", "info", "warn", "error", "debug", "trace", "dir"] as const) {
    console[method] = capture;
  }
}
