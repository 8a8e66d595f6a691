/**
 * Breaks a fleet of three workers for some minutes and accounts for every message by its id.
 *
 *     deno task torture [--minutes N] [--seed S] [--dry-run] [--json FILE]
 *
 * The seed decides who writes to whom and what breaks, and when: the same seed is the same schedule. It is printed, so
 * that a run that found a hole can be done again; what the machine makes of it is never twice the same.
 *
 *     --minutes N   how long traffic and faults go on (default 5)
 *     --seed S      any text (default: a new one)
 *     --dry-run     prints the whole schedule and does nothing
 *     --json FILE   writes the account there as well
 *     --patience S  seconds in which nothing came forward before the rest counts as lost (default 180)
 *     --keep        keeps logs and state folders of a clean run too
 *
 * Exit code 0: clean. 1: a hole; its history is printed, logs and state folders are kept. 64: wrong usage. 70: the torture
 * itself failed. 129, 130, 143: interrupted.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { EXIT } from "../../src/exit_codes.ts";
import { accountJson, wordAccount, wordHoles } from "./report.ts";
import { makeSchedule, type Schedule } from "./schedule.ts";
import { torture, type Tortured } from "./torture.ts";
import { wordSchedule, wordSummary } from "./wording.ts";

const USAGE =
  "Usage: deno task torture [--minutes N] [--seed S] [--dry-run] [--json FILE] [--patience S] [--keep]";
const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;
const HOLE = 1;

interface Arguments {
  readonly schedule: Schedule;
  readonly dryRun: boolean;
  readonly jsonFile: string | undefined;
  readonly patienceMs: number;
  readonly keep: boolean;
}

async function main(args: string[]): Promise<number> {
  let options: Arguments;
  try {
    options = readArguments(args);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    return EXIT.USAGE;
  }
  console.log(wordSummary(options.schedule));
  console.log(wordSchedule(options.schedule, { traffic: options.dryRun }));
  if (options.dryRun) return EXIT.OK;
  // libsignal, in the stand-in, tells here what it does with its sessions.
  console.info = console.warn = () => {};
  const interruption = new AbortController();
  let exitCode: number | undefined;
  for (const [signal, code] of Object.entries(SIGNALS) as [keyof typeof SIGNALS, number][]) {
    Deno.addSignalListener(signal, () => {
      if (exitCode !== undefined) return;
      exitCode = code;
      console.log(`${signal}: ending everything`);
      interruption.abort(new Error(`Interrupted by ${signal}`));
    });
  }
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-torture-" });
  let result = await perform(options, folder, interruption.signal);
  if (exitCode !== undefined) result = exitCode;
  if (result === HOLE || result === EXIT.SOFTWARE || options.keep) {
    console.log(`Logs of the workers and the broker, and the state folders: ${folder}`);
  } else await Deno.remove(folder, { recursive: true });
  return result;
}

async function perform(options: Arguments, folder: string, signal: AbortSignal): Promise<number> {
  const { schedule, jsonFile, patienceMs } = options;
  const startedAt = performance.now();
  const say = (line: string) =>
    console.log(`[${((performance.now() - startedAt) / 1_000).toFixed(0).padStart(4)} s] ${line}`);
  let tortured: Tortured;
  try {
    tortured = await torture({ schedule, folder, patienceMs, say, signal });
  } catch (error) {
    if (!signal.aborted) console.error("The torture could not be done:", error);
    return EXIT.SOFTWARE;
  }
  const { account, facts } = tortured;
  if (jsonFile !== undefined) await Deno.writeTextFile(jsonFile, accountJson(schedule, account, facts));
  console.log(`\n${wordAccount(account)}`);
  if (account.holes.length === 0) {
    console.log(`\nCLEAN: seed ${schedule.seed}, schedule ${schedule.fingerprint}`);
    return EXIT.OK;
  }
  console.log(`\n${wordHoles(account.holes, facts, await logsIn(folder))}`);
  console.log(
    `\n${account.holes.length} HOLES: seed ${schedule.seed}, schedule ${schedule.fingerprint}; the schedule again: ` +
      `deno task torture --minutes ${schedule.durationMs / 60_000} --seed ${schedule.seed}`,
  );
  return HOLE;
}

async function logsIn(folder: string): Promise<Map<string, string>> {
  const logs = new Map<string, string>();
  for await (const { name } of Deno.readDir(folder)) {
    if (/^worker.*\.log$/.test(name)) logs.set(name, await Deno.readTextFile(join(folder, name)));
  }
  return logs;
}

function readArguments(args: string[]): Arguments {
  const { values } = parseArgs({
    args,
    allowPositionals: false,
    options: {
      "minutes": { type: "string", default: "5" },
      "seed": { type: "string", default: crypto.randomUUID().slice(0, 8) },
      "dry-run": { type: "boolean", default: false },
      "json": { type: "string" },
      "patience": { type: "string", default: "180" },
      "keep": { type: "boolean", default: false },
    },
  });
  return {
    schedule: makeSchedule({ seed: values.seed, durationMs: positive("minutes", values.minutes) * 60_000 }),
    dryRun: values["dry-run"],
    jsonFile: values.json,
    patienceMs: positive("patience", values.patience) * 1_000,
    keep: values.keep,
  };
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new Error(`Cannot use '${text}' for '--${name}': a number above 0 is needed`);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
