/** What is wrong with the configuration, where, and what to do about it. Nothing in here ever holds a secret. */

/** One fault (or warning) of the configuration. */
export interface Fault {
  /** Stable name for programs, e.g. `unclosed_quote`. */
  code: string;
  /** The file as it was named, or `environment`. Absent when the fault is about neither, e.g. a missing key. */
  file?: string;
  /** 1-based. Absent when the fault is about the file as a whole. */
  line?: number;
  /** 1-based, in characters. */
  column?: number;
  /** The setting concerned, when it is one of the known ones. */
  key?: string;
  /** The line as far as it may be shown: secrets, and what might be the rest of one, are `***`. */
  quoted?: string;
  /** A sentence for a person, without a full stop. */
  message: string;
  /** What to do, in the imperative. */
  remedy: string;
}

/** Where a fault is: `.env:2:13`, `.env`, `environment` or nothing. */
const place = ({ file, line, column }: Fault) =>
  [file, line, column].filter((part) => part !== undefined).join(":");

/** Where faults are written: on several lines each for people at a terminal, on one each for the journal. */
export type Layout = "terminal" | "journal";

function renderFault(fault: Fault, layout: Layout): string {
  const head = [place(fault), `${fault.message} [${fault.code}]`].filter(Boolean).join(": ");
  const quoted = fault.quoted === undefined
    ? []
    : [layout === "journal" ? `(${fault.quoted})` : fault.quoted];
  return [head, ...quoted, `→ ${fault.remedy}`].join(layout === "journal" ? " " : "\n    ");
}

/** All faults as text: place, sentence, the line itself and the remedy; in the order of the file. */
export function renderFaults(faults: readonly Fault[], layout: Layout = "terminal"): string {
  return faults.map((fault) => renderFault(fault, layout)).join("\n");
}

const DAMAGE = new Set(["unclosed_quote", "not_an_assignment", "holds_assignment", "text_after_quote"]);

/** What a person would say of the whole: that many settings are gone because part of the file was overwritten. */
function diagnosis(faults: readonly Fault[]): string {
  const lines = faults.flatMap(({ code, line }) => DAMAGE.has(code) && line !== undefined ? [line] : []);
  const gone = faults.filter(({ code }) => code === "missing_key").length;
  if (new Set(lines).size < 2 || gone === 0) return "";
  const span = `lines ${Math.min(...lines)} to ${Math.max(...lines)}`;
  return `\nThe file looks overwritten in place around ${span}, as by a paste that went wrong, and ` +
    `${gone} settings are gone with it: write it anew from .env.example instead of mending single lines`;
}

/** The configuration is refused; nothing was started. `faults` holds every fault found, `message` renders them all. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "config_invalid";
  /** EX_CONFIG of sysexits.h: restarting will not help. */
  readonly exitCode = 78;

  constructor(readonly faults: readonly Fault[]) {
    super(rendered(faults, "terminal"));
  }

  /** The message as it is best read there. */
  in(layout: Layout): string {
    return rendered(this.faults, layout);
  }
}

function rendered(faults: readonly Fault[], layout: Layout): string {
  const count = faults.length === 1 ? "1 fault" : `${faults.length} faults`;
  return `Configuration refused: ${count}\n${renderFaults(faults, layout)}${diagnosis(faults)}`;
}
