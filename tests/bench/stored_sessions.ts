/** What it costs to bring many linked numbers back, and to hold them: the worker beside raw Baileys. */

import { join } from "node:path";
import { Program, type Stack, startStack, type WorkerProgram } from "../stack.ts";
import { type Bench, guarded, inTime, PATIENCE_MS } from "./bench.ts";
import { linkAccounts, writeFolders, writeStore } from "./linked_accounts.ts";
import { type Usage, usageOf } from "./process_usage.ts";
import { ALL_OPEN, type RawSessionsTask } from "./raw_sessions.ts";
import type { Cell, Report } from "./report.ts";
import type { Seen } from "./watched.ts";

const SESSIONS = 200;
/** What a login leaves behind is gone after that. */
const SETTLE_S = 30;
const WATCHED = [
  `--preload=${new URL("./watched.ts", import.meta.url).pathname}`,
  "--v8-flags=--expose-gc",
];
const RAW_SESSIONS = new URL("./raw_sessions.ts", import.meta.url).pathname;

/** Starts a program with as many of the linked accounts. @returns it, and when all of them are connected */
type Start = (sessions: number) => Promise<{ program: WorkerProgram; connected: Promise<void> }>;

/** Measures {@link SESSIONS} sessions. */
export async function storedSessions(bench: Bench): Promise<Report> {
  const stack = bench.resources.use(
    await startStack({
      broker: bench.broker,
      environment: { ...guarded(bench), LOG_LEVEL: "info", SESSION_WIRING: "exchange" },
    }),
  );
  bench.say(`linking ${SESSIONS} accounts`);
  const accounts = await linkAccounts(stack.standIn, SESSIONS);
  const folders = await writeFolders(accounts, join(stack.folder, "raw"));
  const full = join(stack.folder, "full");
  await writeStore(accounts, full);

  const raw = (rootKeyHex?: string): Start => (sessions) =>
    startRaw(bench, stack, { url: stack.standIn.url, folders: folders.slice(0, sessions), rootKeyHex });
  const worker: Start = (sessions) =>
    startWorker(bench, stack, sessions === 0 ? join(stack.folder, "empty") : full, sessions);
  return {
    subject: "sessions",
    tables: [{
      title: `${SESSIONS} stored sessions: from the program's start until all are connected, and idle`,
      columns: [
        { name: "" },
        { name: "all connected ms" },
        { name: "longest block ms" },
        { name: "CPU s", digits: 2 },
        { name: "resident KiB/session" },
        { name: "heap KiB/session" },
        { name: "resident MiB" },
      ],
      rows: [
        await rowOf(bench, "raw Baileys", raw()),
        await rowOf(bench, "raw Baileys, curves native", raw(stack.standIn.rootKeyHex)),
        await rowOf(bench, "worker", worker),
      ],
      notes: [
        "Raw Baileys reads its own folders (useMultiFileAuthState), verifies nothing, and does curves in JavaScript unless",
        "said otherwise; what times out it opens again at once. Block: the longest its event loop was held up until all were",
        "connected, by loading the program too. A session's memory: of a program with all of them less one with none, over",
        `their number, ${SETTLE_S} s later, its garbage collected; what is resident also holds what the logins needed once.`,
        "The stand-in is in the process that measures, and has its share of the cores.",
      ],
    }],
  };
}

async function rowOf(bench: Bench, name: string, start: Start): Promise<Cell[]> {
  bench.say(name);
  const none = await start(0);
  await inTime(none.connected, `start of ${name}`);
  const empty = await idle(none.program);
  await end(none.program);

  const startedAt = performance.now();
  const { program, connected } = await start(SESSIONS);
  await inTime(connected, `${SESSIONS} connections of ${name}`);
  const connectedMs = performance.now() - startedAt;
  const { cpuS } = await usageOf(program.process.pid);
  const { blockMs } = await look(program);
  const full = await idle(program);
  await end(program);
  const each = (of: (seen: Seen & Usage) => number) => (of(full) - of(empty)) * 1024 / SESSIONS;
  return [
    name,
    connectedMs,
    blockMs,
    cpuS,
    each(({ residentMiB }) => residentMiB),
    each(({ heapMiB }) => heapMiB),
    full.residentMiB,
  ];
}

/** What a program has that does nothing. */
async function idle(program: WorkerProgram): Promise<Seen & Usage> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_S * 1000));
  const seen = await look(program);
  return { ...seen, ...await usageOf(program.process.pid) };
}

async function look(program: WorkerProgram): Promise<Seen> {
  const look = program.output().split('{"look":').length;
  program.process.kill("SIGUSR2");
  await program.printed(`{"look":${look},`);
  const line = program.output().split("\n").find((line) => line.startsWith(`{"look":${look},`));
  return (JSON.parse(line!) as { seen: Seen }).seen;
}

async function startWorker(bench: Bench, stack: Stack, folder: string, sessions: number) {
  const program = stack.startProgram({ SESSION_DIR: folder }, WATCHED);
  await program.printed("the worker is ready", PATIENCE_MS);
  const connected = async () => {
    for (let session = 0; session < sessions; session++) {
      await stack.backend.next(({ body }) => body.action === "connected", { timeoutMs: PATIENCE_MS });
    }
  };
  bench.say(`worker with ${sessions} sessions is ready`);
  return { program, connected: connected() };
}

function startRaw(bench: Bench, { folder }: Stack, task: RawSessionsTask) {
  const program = new Program(guarded(bench), folder, WATCHED, [JSON.stringify(task)], RAW_SESSIONS);
  bench.resources.defer(() => program.end());
  return Promise.resolve({ program, connected: program.printed(ALL_OPEN, PATIENCE_MS) });
}

async function end({ process }: WorkerProgram): Promise<void> {
  process.kill("SIGKILL");
  await process.status;
}
