/** Runs checks side by side, each as soon as what it needs is there, and ends in time whatever hangs. */
import { type Check, failure, messageOf, type Outcome, type Probe } from "./check.ts";
import { type CheckResult, worst } from "./report.ts";

/** How long a check may take at least unless it says otherwise or the time for all is up. */
const CHECK_TIMEOUT_MS = 4_000;
/** Three in a row fit into the time for all. */
const SHARE_OF_TOTAL = 2 / 7;
const TOTAL_TIMEOUT_MS = 14_000;
/** How long a check whose time is up may take to put that into words of its own. */
export const LAST_WORDS_MS = 200;

/** What {@link runChecks} needs beside the checks. */
export interface RunOptions extends Pick<Probe, "envFile" | "environment"> {
  /** @default the machine's own */
  readonly root?: string;
  /** Called when a check starts or ends. */
  readonly onProgress?: (progress: Progress) => void;
  /** @default 4 s, or more where the time for all is long; for each check that names none itself */
  readonly checkTimeoutMs?: number;
  /** @default 14 s, for all of them */
  readonly totalTimeoutMs?: number;
}

/** Where the run stands. */
export interface Progress {
  readonly ended: number;
  readonly total: number;
  /** Titles of the checks under way. */
  readonly running: readonly string[];
}

interface Ended {
  readonly result: CheckResult;
  readonly value: unknown;
}

/** Runs `checks`, of which each must come after those it needs. Never rejects; the results have their order. */
export async function runChecks(checks: readonly Check[], options: RunOptions): Promise<CheckResult[]> {
  const { onProgress = () => {}, totalTimeoutMs = TOTAL_TIMEOUT_MS } = options;
  const running = new Set<string>();
  let ended = 0;
  const tell = () => onProgress({ ended, total: checks.length, running: [...running] });

  using deadline = timer(totalTimeoutMs);
  const endings = new Map<Check, Promise<Ended>>();
  const settle = async (check: Check): Promise<Ended> => {
    const needed = await Promise.all(check.after.map((other) => endings.get(other)!));
    const missing = needed.filter(({ result }) => result.status === "failure" || result.status === "skipped");
    if (missing.length === 0) {
      running.add(check.title);
      tell();
    }
    const values = new Map(check.after.map((other, index) => [other, needed[index]?.value]));
    const ending = missing.length > 0
      ? skipped(check, missing.map(({ result }) => result))
      : await runOne(check, values, deadline, options);
    running.delete(check.title);
    ended++;
    tell();
    return ending;
  };
  for (const check of checks) endings.set(check, settle(check));
  return (await Promise.all(endings.values())).map(({ result }) => result);
}

async function runOne(
  check: Check,
  values: ReadonlyMap<Check, unknown>,
  deadline: Timer,
  { envFile, environment, root = "/", totalTimeoutMs = TOTAL_TIMEOUT_MS, checkTimeoutMs }: RunOptions,
): Promise<Ended> {
  const timeoutMs = check.timeoutMs ?? checkTimeoutMs ??
    Math.max(CHECK_TIMEOUT_MS, totalTimeoutMs * SHARE_OF_TOTAL);
  using own = timer(timeoutMs);
  const signal = AbortSignal.any([own.signal, deadline.signal]);
  const startedAt = performance.now();
  const probe: Probe = {
    envFile,
    environment,
    root,
    signal,
    leftMs: () => Math.min(own.leftMs(), deadline.leftMs()),
    valueOf: <T>(other: Check<T>) => {
      if (!values.has(other)) throw new TypeError(`Check '${check.id}' does not say it needs '${other.id}'`);
      return values.get(other) as T;
    },
  };
  const { findings, value } = await inTime(check, probe, timeoutMs);
  const durationMs = Math.round(performance.now() - startedAt);
  return { result: { ...about(check), status: worst(findings), findings, durationMs }, value };
}

/** What the check says, or that it said nothing: one that hangs in spite of its signal is left behind. */
async function inTime(check: Check, probe: Probe, timeoutMs: number): Promise<Outcome<unknown>> {
  const { promise: overdue, resolve } = Promise.withResolvers<Outcome<unknown>>();
  let lastWords: ReturnType<typeof setTimeout> | undefined;
  const onAbort = () => {
    lastWords = setTimeout(() => resolve({ findings: [silent(check, timeoutMs)] }), LAST_WORDS_MS);
  };
  if (probe.signal.aborted) onAbort();
  else probe.signal.addEventListener("abort", onAbort, { once: true });
  const said = (async () => await check.run(probe))().catch((error): Outcome<unknown> => ({
    findings: [
      failure({
        code: "unexpected",
        found: `The check broke off: ${messageOf(error)}`,
        remedy: "Report this, with the output of --check --json",
      }),
    ],
  }));
  try {
    return await Promise.race([said, overdue]);
  } finally {
    clearTimeout(lastWords);
  }
}

const silent = ({ id }: Check, timeoutMs: number) =>
  failure({
    code: "timeout",
    found: `The check did not come to an end within ${Math.round(timeoutMs / 100) / 10} s`,
    remedy:
      `Run --check again when the machine is less busy, with a longer --timeout; report it if '${id}' stays so`,
  });

function skipped(check: Check, missing: readonly CheckResult[]): Ended {
  const skippedFor = [...new Set(missing.flatMap((result) => result.skippedFor ?? [result.id]))];
  return {
    result: { ...about(check), status: "skipped", findings: [], skippedFor, durationMs: 0 },
    value: undefined,
  };
}

const about = ({ id, title, why }: Check) => ({ id, title, why });

interface Timer extends Disposable {
  readonly signal: AbortSignal;
  leftMs(): number;
}

/** A signal that aborts after `timeoutMs`, and a timer that ends with its scope. */
function timer(timeoutMs: number): Timer {
  const endsAt = performance.now() + timeoutMs;
  const controller = new AbortController();
  const timeout = setTimeout(
    () => controller.abort(new DOMException(`Not done within ${timeoutMs} ms`, "TimeoutError")),
    timeoutMs,
  );
  return {
    signal: controller.signal,
    leftMs: () => Math.max(0, endsAt - performance.now()),
    [Symbol.dispose]: () => clearTimeout(timeout),
  };
}
