/**
 * The whole gate, as `deno task test` runs it: format, lint, types, the build, every test, the conformity table, and
 * where that can be (`tests/systemd`) the appliance in a real systemd.
 * Tests that start the worker as a process start the file that was built. A part runs from source, unless WORKER_BIN
 * names a file.
 *
 *     deno task test                        everything
 *     deno task test tests/config           the tests of a folder or file
 *     deno task test --filter "vhost()"     any options of `deno test`
 *
 * The last line is `N passed, N failed`: tests, and with them each stage that failed without a test that did. The exit
 * code is 1 when one did, or when no test ran at all; 130 or 143 when it was interrupted.
 */

import { type PrivateBroker, startBroker } from "./rabbitmq/broker.ts";
import { ensureRabbitmq } from "./rabbitmq/install.ts";
import type { BrokerLayout } from "./rabbitmq/layout.ts";
import { SHARED_BROKER_VARIABLE } from "./rabbitmq/shared.ts";
import { WORKER_BIN_VARIABLE } from "./worker_command.ts";

/**
 * What runs by itself: it measures this process or the machine, needs all of the machine to keep its times, or changes
 * what is the same for the whole process. Everything else mostly waits: a file for each core at a time is no load.
 */
const ALONE = [
  "tests/faults",
  "tests/fuzz",
  "tests/memory",
  "tests/rabbitmq/broker_test.ts",
  "tests/torture/torture_test.ts",
];
/** Not part of the tests: figures, and what has a runner of its own. */
const APART = ["tests/bench", "tests/systemd"];

/** How many tests passed and failed. */
interface Counts {
  passed: number;
  failed: number;
}

/** How a stage went. */
interface Outcome {
  ok: boolean;
  /** The tests in it. */
  counts?: Counts;
  /** Why it did not take place; it is `ok` then. */
  skipped?: string;
}

/** A part of the run, as the summary shows it. */
interface Stage extends Outcome {
  name: string;
  seconds: number;
}

/** What the stages share. */
interface Run {
  stages: Stage[];
  /** Aborted by SIGINT and SIGTERM. */
  signal: AbortSignal;
}

async function main(args: string[]): Promise<number> {
  const interruption = new AbortController();
  let exitCode = 0;
  const interrupt = (code: number) => {
    if (exitCode !== 0) Deno.exit(code);
    exitCode = code;
    interruption.abort(new DOMException("The run was interrupted", "AbortError"));
  };
  Deno.addSignalListener("SIGINT", () => interrupt(130));
  Deno.addSignalListener("SIGTERM", () => interrupt(143));
  Deno.addSignalListener("SIGHUP", () => interrupt(129));

  const run: Run = { stages: [], signal: interruption.signal };
  await using broker = new RunsBroker();
  try {
    const everything = args.length === 0;
    const [brokerUp] = await Promise.all([
      stage(run, "broker", () => broker.start(run.signal)),
      everything ? gate(run) : undefined,
    ]);
    if (brokerUp) {
      if (everything) await runEverything(run);
      else await stage(run, "tests", () => runTests(part(args), run.signal));
    }
  } catch (error) {
    if (!run.signal.aborted) throw error;
  }
  await broker[Symbol.asyncDispose]();
  if (exitCode !== 0) return exitCode;
  return summarise(run.stages);
}

/** Prints every stage with its time, then the line that machines read. */
function summarise(stages: Stage[]): number {
  console.log("");
  let [passed, failed] = [0, 0];
  for (const { name, seconds, counts = { passed: 0, failed: 0 }, ...outcome } of stages) {
    console.log(`${word(outcome).padEnd(7)} ${name.padEnd(12)} ${seconds.toFixed(1).padStart(6)} s`);
    if (outcome.skipped) console.log(`        ${outcome.skipped}`);
    passed += counts.passed;
    // A failed test fails its stage too and is counted once.
    failed += outcome.ok ? 0 : Math.max(counts.failed, 1);
  }
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

/** Runs a stage, prints how it went and remembers it. A throw is a failure with that message. */
async function stage(run: Run, name: string, work: () => Promise<boolean | Outcome>): Promise<boolean> {
  run.signal.throwIfAborted();
  const startedAt = performance.now();
  console.log(`${name} …`);
  const result = await work().catch((error) => {
    run.signal.throwIfAborted();
    console.error(error instanceof Error ? error.message : error);
    return false;
  });
  run.signal.throwIfAborted();
  const outcome = typeof result === "boolean" ? { ok: result } : result;
  const seconds = (performance.now() - startedAt) / 1000;
  run.stages.push({ name, seconds, ...outcome });
  console.log(`${name} ${word(outcome)} (${seconds.toFixed(1)} s)`);
  return outcome.ok;
}

function word({ ok, skipped }: Outcome): string {
  return skipped !== undefined ? "skipped" : ok ? "ok" : "FAILED";
}

/** The build, and everything that is tried with what it has made. */
async function runEverything(run: Run): Promise<void> {
  const { signal } = run;
  const sideBySide = ["--parallel", `--ignore=${[...ALONE, ...APART]}`, "tests"];
  await stage(run, "build", () => buildWorker(signal));
  await stage(run, "tests", () => runTests(sideBySide, signal));
  await stage(run, "tests alone", () => runTests(ALONE, signal));
  await conformity(run);
  await stage(run, "systemd", () => systemdTests(signal));
}

/** Format, lint and types; a failure's findings are printed. */
async function gate(run: Run): Promise<void> {
  const roots = ["main.ts", "src", "build", "tests"].filter((path) => exists(path));
  await stage(run, "format", () => quietly(["fmt", "--check"], run.signal));
  await stage(run, "lint", () => quietly(["lint"], run.signal));
  await stage(run, "types", () => quietly(["check", ...roots], run.signal));
}

/** Builds the worker and has the tests use the file. It is unpacked here, once, and not by the first tests at once. */
async function buildWorker(signal: AbortSignal): Promise<boolean> {
  if (Deno.env.has(WORKER_BIN_VARIABLE)) return true;
  const folder = brokersFolder();
  const built = await quietly(["run", "-A", "build/main.ts", "--to", folder], signal);
  if (!built) return false;
  const program = `${folder}/worker`;
  Deno.env.set("WORKER_CACHE_DIR", `${folder}/worker-cache`);
  const { success, output } = await execute(program, ["--version"], "piped", signal);
  console.log(output.trim());
  if (success) Deno.env.set(WORKER_BIN_VARIABLE, program);
  return success;
}

async function conformity(run: Run): Promise<void> {
  const program = "tests/conformity/main.ts";
  if (!exists(program)) return;
  await stage(
    run,
    "conformity",
    async () => (await deno(["run", "-A", program], "inherit", run.signal)).success,
  );
}

/** A program of its own, whose last line says how it went. */
async function systemdTests(signal: AbortSignal): Promise<Outcome> {
  const program = "tests/systemd/main.ts";
  if (!exists(program)) return { ok: true, skipped: `there is no ${program}` };
  const { success, output } = await deno(["run", "-A", program], "shown", signal);
  const lastLine = output.trimEnd().split("\n").at(-1) ?? "";
  const skipped = /^skipped: (.*)/.exec(lastLine)?.[1];
  if (skipped !== undefined) return { ok: true, skipped };
  const [, passed = 0, failed = 0] = /^(\d+) passed, (\d+) failed$/.exec(lastLine) ?? [];
  return { ok: success, counts: { passed: Number(passed), failed: Number(failed) } };
}

/** The options and paths of a part: all of the tests unless paths are named. */
function part(args: string[]): string[] {
  const named = args.some((arg) => !arg.startsWith("-") && exists(arg));
  return named ? args : [...args, `--ignore=${APART}`, "tests"];
}

/** `deno test`, counted from the report it writes for machines. */
async function runTests(args: string[], signal: AbortSignal): Promise<Outcome> {
  const report = await Deno.makeTempFile({ dir: brokersFolder(), suffix: ".xml" });
  try {
    const sanitizers = ["--sanitize-ops", "--sanitize-resources"];
    const options = ["-A", ...sanitizers, `--junit-path=${report}`];
    const { success } = await deno(["test", ...options, ...args], "inherit", signal);
    signal.throwIfAborted();
    const counts = countTests(await Deno.readTextFile(report));
    if (counts.passed + counts.failed === 0) console.error("No test ran");
    return { ok: success && counts.passed > 0 && counts.failed === 0, counts };
  } finally {
    await Deno.remove(report);
  }
}

/**
 * Counts the test cases of a JUnit report; steps count as tests, skipped ones not at all.
 *
 * @param xml empty when `deno test` did not get as far as running tests
 */
export function countTests(xml: string): Counts {
  const cases = xml.match(/<testcase\b[\s\S]*?<\/testcase>/g) ?? [];
  const ran = cases.filter((text) => !text.includes("<skipped/>"));
  const failed = ran.filter((text) => /<(failure|error)\b/.test(text)).length;
  return { passed: ran.length - failed, failed };
}

/** Runs a part of deno and prints what it said only if it failed. */
async function quietly(args: string[], signal: AbortSignal): Promise<boolean> {
  const { success, output } = await deno(args, "piped", signal);
  if (!success) console.error(output);
  return success;
}

async function deno(args: string[], output: Output, signal: AbortSignal): Promise<Executed> {
  return await execute(Deno.execPath(), args, output, signal);
}

/** `shown` is what is printed as it comes, and kept (standard output alone). */
type Output = "inherit" | "piped" | "shown";

interface Executed {
  success: boolean;
  output: string;
}

async function execute(
  program: string,
  args: string[],
  output: Output,
  signal: AbortSignal,
): Promise<Executed> {
  const stdout = output === "inherit" ? "inherit" : "piped";
  const stderr = output === "piped" ? "piped" : "inherit";
  const child = new Deno.Command(program, { args, stdin: "null", stdout, stderr }).spawn();
  // A terminal's Ctrl-C reaches the child by itself; a signal to this process alone does not.
  const end = () => child.kill("SIGTERM");
  signal.addEventListener("abort", end, { once: true });
  try {
    if (output === "inherit") return { success: (await child.status).success, output: "" };
    if (output === "shown") {
      const text = await show(child.stdout);
      return { success: (await child.status).success, output: text };
    }
    const { success, stdout, stderr } = await child.output();
    return { success, output: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } finally {
    signal.removeEventListener("abort", end);
  }
}

async function show(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  const [shown, kept] = stream.tee();
  const [text] = await Promise.all([
    new Response(kept).text(),
    shown.pipeTo(Deno.stdout.writable, { preventClose: true }),
  ]);
  return text;
}

/** The broker that all tests of this run share, unless the environment names one already. */
class RunsBroker implements AsyncDisposable {
  #starting: Promise<PrivateBroker> | undefined;

  async start(signal: AbortSignal): Promise<boolean> {
    if (Deno.env.has(SHARED_BROKER_VARIABLE)) return true;
    await ensureRabbitmq(console.log, { signal });
    this.#starting = startBroker({ signal });
    Deno.env.set(SHARED_BROKER_VARIABLE, JSON.stringify((await this.#starting).layout));
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A start that failed has said so, and has cleaned up after itself.
    const broker = await this.#starting?.catch(() => undefined);
    await broker?.stop();
  }
}

/** The broker's folder: it goes away with the broker, even if this process is killed. Only while the broker is up. */
function brokersFolder(): string {
  return (JSON.parse(Deno.env.get(SHARED_BROKER_VARIABLE)!) as BrokerLayout).folder;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
