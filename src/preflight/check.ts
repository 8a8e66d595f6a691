/** What a check is and what it may say. A check is one file under `checks/`, named in `checks/mod.ts`. */

/** One thing a check found. */
export interface Finding {
  readonly status: "ok" | "warning" | "failure";
  /** Stable name for programs, e.g. `vhost_refused`. */
  readonly code: string;
  /** What it is about, where a check looks at several things: a queue, `.env:2:13`. */
  readonly subject?: string;
  /** A sentence for a person, without a full stop. Never holds a secret. */
  readonly found: string;
  /** A line of a file, as far as it may be shown. */
  readonly excerpt?: string;
  /** What to type. Always there unless all is well. */
  readonly remedy?: string;
  /** The same for machines: numbers, names, versions. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

/** A finding whose status is yet to be said. */
export type Trouble = Omit<Finding, "status"> & { readonly remedy: string };

/** What a check ends with. */
export interface Outcome<T> {
  readonly findings: readonly Finding[];
  /** What the checks after it build on; must be there unless a finding is a failure. */
  readonly value?: T;
}

/** What a check works with. */
export interface Probe {
  /** As `--env-file` says. */
  readonly envFile: string | undefined;
  /** The process environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Where the machine's own files are: `/etc`, `/opt` and `/run` lie in it. */
  readonly root: string;
  /** Aborts when the check's time is up: let go of everything and throw. The reason is a `TimeoutError`. */
  readonly signal: AbortSignal;
  /** How long it may still take; what cannot be interrupted is not begun when it takes longer. */
  leftMs(): number;
  /** The value of a check named in {@link Check.after}. */
  valueOf<T>(check: Check<T>): T;
}

/** One check. It changes nothing that it does not put back, and may run beside a worker and before there ever was one. */
export interface Check<T = unknown> {
  /** Stable, dotted: `broker.login`. */
  readonly id: string;
  /** For people, in a column of 20 characters. */
  readonly title: string;
  /** Why it matters, shown when something is wrong. */
  readonly why: string;
  /** How the program ends when it fails, one of `EXIT`. */
  readonly exitCode: number;
  /** Checks whose values it needs: it is skipped when one of them fails. */
  readonly after: readonly Check[];
  /** @default 4 s */
  readonly timeoutMs?: number;
  /** Looks. A throw is a failure without a remedy of its own, so throw only what nobody could foresee. */
  run(probe: Probe): Promise<Outcome<T>>;
}

/** All is well. */
export function ok(found: string, facts?: Finding["facts"], subject?: string): Finding {
  return { status: "ok", code: "ok", found, ...(subject && { subject }), ...(facts && { facts }) };
}

/** Works, but not as it should. */
export const warning = (trouble: Trouble): Finding => ({ status: "warning", ...trouble });

/** Does not work. */
export const failure = (trouble: Trouble): Finding => ({ status: "failure", ...trouble });

/** The same, where the worker can do without. */
export const atMostWarning = (finding: Finding): Finding =>
  finding.status === "failure" ? { ...finding, status: "warning" } : finding;

/** `1 message`, `2 messages`. */
export const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** Whether an error only says that a check's time was up. */
export function isTimeout(error: unknown): boolean {
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  // Node's sockets make an AbortError of their own from whatever the signal's reason is.
  return name === "TimeoutError" || name === "AbortError" || code === "ETIMEDOUT";
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
