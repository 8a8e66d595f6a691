/**
 * What losing nothing costs, on this machine. Everything that is set beside something else is measured in the same run;
 * the ratios say more than the rates, and both nothing about other machines.
 *
 *     deno task bench                     every subject
 *     deno task bench routing failover    some
 *     deno task bench --json              for machines
 */

import { parseArgs } from "node:util";
import { startBroker } from "../rabbitmq/broker.ts";
import { ensureRabbitmq } from "../rabbitmq/install.ts";
import { appliance } from "./appliance.ts";
import { barrier } from "./barrier.ts";
import type { Subject } from "./bench.ts";
import { failover } from "./failover.ts";
import { handshake } from "./handshake.ts";
import { type Conditions, renderConditions, renderReport, type Report, reportsJson } from "./report.ts";
import { routing } from "./routing.ts";
import { start } from "./start.ts";
import { storedSessions } from "./stored_sessions.ts";
import { whatsapp } from "./whatsapp.ts";

const SUBJECTS: Readonly<Record<string, Subject>> = {
  routing,
  failover,
  start,
  whatsapp,
  barrier,
  sessions: storedSessions,
  handshake,
  appliance,
};
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const USAGE = `Usage: deno task bench [--json] [${Object.keys(SUBJECTS).join("] [")}]`;

async function main(args: string[]): Promise<number> {
  let chosen: { subjects: string[]; json: boolean };
  try {
    chosen = readArguments(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 64;
  }
  const interrupted = interruption();
  const resources = new AsyncDisposableStack();
  try {
    const exitCode = await Promise.race([measure(chosen, resources), interrupted]);
    // What is measured is cut off below, and nobody wants to hear how it takes that.
    if (exitCode !== 0) globalThis.addEventListener("unhandledrejection", (event) => event.preventDefault());
    return exitCode;
  } finally {
    await resources.disposeAsync();
  }
}

function readArguments(args: string[]): { subjects: string[]; json: boolean } {
  const { values, positionals } = parseArgs({
    args,
    options: { json: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const unknown = positionals.find((name) => !(name in SUBJECTS));
  if (unknown !== undefined) throw new RangeError(`There is no subject '${unknown}'`);
  return { subjects: positionals.length === 0 ? Object.keys(SUBJECTS) : positionals, json: values.json };
}

/** Resolves to the exit code of the first signal to stop. */
function interruption(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  for (const [signal, exitCode] of Object.entries(EXIT_CODES) as [keyof typeof EXIT_CODES, number][]) {
    Deno.addSignalListener(signal, () => resolve(exitCode));
  }
  return promise;
}

async function measure(
  { subjects, json }: { subjects: string[]; json: boolean },
  resources: AsyncDisposableStack,
): Promise<number> {
  const say = (line: string) => console.error(`# ${line}`);
  // libsignal, in the stand-in, tells here what it does with its sessions.
  console.info = console.warn = () => {};
  await ensureRabbitmq(say);
  say("starting a private broker");
  const broker = resources.use(await startBroker());
  const conditions: Conditions = {
    cores: navigator.hardwareConcurrency,
    RabbitMQ: (await broker.ctl("version")).trim(),
    Deno: Deno.version.deno,
    "load before": Deno.loadavg()[0]!.toFixed(1),
  };
  if (!json) console.log(`${renderConditions(conditions)}; broker, workers and bench share the machine`);
  const reports: Report[] = [];
  for (const name of subjects) {
    say(name);
    const startedAt = performance.now();
    const ofSubject = resources.use(new AsyncDisposableStack());
    const report = await SUBJECTS[name]!({ broker, resources: ofSubject, say: (line) => say(`  ${line}`) });
    await ofSubject.disposeAsync();
    reports.push(report);
    if (!json) console.log(renderReport(report));
    say(`${name} took ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
  }
  if (json) console.log(reportsJson(conditions, reports));
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
