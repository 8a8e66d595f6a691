/** What a worker's start costs that has many numbers: leases alone, and whole sessions. */

import { join } from "node:path";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import { pair, type Stack, startStack, type WorkerProgram } from "../stack.ts";
import { type Bench, guarded, PATIENCE_MS } from "./bench.ts";
import { usageOf } from "./process_usage.ts";
import type { Cell, Report } from "./report.ts";
import { median } from "./statistics.ts";

const ROUNDS = 3;
const NUMBERS = 500;
const SESSIONS = 40;

const READY = "the worker is ready";
const RESTORED = "sessions restored";

/** What one start was like. */
interface Start {
  readonly readyMs: number;
  /** All leases are held. */
  readonly heldMs: number;
  readonly residentMiB: number;
  readonly cpuS: number;
  readonly channels: number;
  /** What the broker's memory has grown by. */
  readonly brokerMiB: number;
  readonly stopMs: number;
}

/** Measures starts with no number, with 500, and with real sessions. */
export async function start(bench: Bench): Promise<Report> {
  const rows: Cell[][] = [];
  rows.push(rowOf("0 numbers", await starts(bench, 0)));
  const [first, ...again] = await starts(bench, NUMBERS, ROUNDS + 1);
  rows.push(rowOf(`${NUMBERS} numbers, their first start`, [first!]));
  rows.push(rowOf(`${NUMBERS} numbers`, again));
  return {
    subject: "start",
    tables: [
      {
        title: `A worker's start, as a program; medians of ${ROUNDS} starts`,
        columns: [
          { name: "" },
          { name: "ready ms" },
          { name: "all leases held ms" },
          { name: "resident MiB" },
          { name: "CPU s", digits: 2 },
          { name: "channels" },
          { name: "broker MiB" },
          { name: "stopped in ms" },
        ],
        rows,
        notes: [
          "The sessions are closed ones: leases, queues and bindings, and no WhatsApp. Memory, CPU and channels once all leases",
          "are held. broker MiB: what its memory has grown by since before the start; the first start declares the numbers'",
          "queues (three each inside the broker, one a priority), later ones find them.",
        ],
      },
      await sessionsTable(bench),
    ],
  };
}

async function starts(bench: Bench, numbers: number, rounds: number = ROUNDS): Promise<Start[]> {
  bench.say(`${rounds} starts with ${numbers} numbers`);
  const stack = bench.resources.use(
    await startStack({
      broker: bench.broker,
      environment: { ...guarded(bench), LOG_LEVEL: "info", SESSION_WIRING: "exchange" },
    }),
  );
  await addSessions(join(stack.folder, "sessions"), numbers);
  const taken: Start[] = [];
  while (taken.length < rounds) taken.push(await startOnce(bench, stack, numbers));
  return taken;
}

/** Puts sessions into a worker's store that were closed by command. */
async function addSessions(folder: string, count: number): Promise<void> {
  const database = await Database.open(folder);
  const store = makeStore(database, Date.now);
  for (let numberId = 1; numberId <= count; numberId++) {
    await store.sessions.save({
      numberId: String(numberId),
      numberIdJson: String(numberId),
      phoneNumber: String(221_770_000_000 + numberId),
      atStart: "closed",
    });
  }
  store.close();
}

async function startOnce({ broker }: Bench, stack: Stack, numbers: number): Promise<Start> {
  const brokerBefore = await brokerMiB(broker);
  const startedAt = performance.now();
  const program = stack.startProgram();
  await program.printed(READY, PATIENCE_MS);
  const readyMs = performance.now() - startedAt;
  if (numbers > 0) await program.printed(RESTORED, PATIENCE_MS);
  const heldMs = performance.now() - startedAt;
  const used = await usageOf(program.process.pid);
  const channels = await channelsIn(broker, stack.url);
  const grownMiB = await brokerMiB(broker) - brokerBefore;
  return { readyMs, heldMs, ...used, channels, brokerMiB: grownMiB, stopMs: await stop(program) };
}

/** Ends a worker as its supervisor does. @returns how long that took, in ms */
async function stop({ process }: WorkerProgram): Promise<number> {
  const toldAt = performance.now();
  process.kill("SIGTERM");
  await process.status;
  return performance.now() - toldAt;
}

/** How many channels the worker has open: the only connection of its vhost but for the backend's. */
async function channelsIn({ ctl }: Bench["broker"], url: string): Promise<number> {
  const vhost = decodeURIComponent(new URL(url).pathname.slice(1));
  const listed = await ctl("-q", "list_connections", "vhost", "channels", "client_properties");
  const rows = listed.split("\n").map((line) => line.split("\t"));
  const [own] = rows.filter(([of, , properties]) => of === vhost && properties?.includes("whatsapp-worker "));
  return Number(own?.[1]);
}

async function brokerMiB({ ctl }: Bench["broker"]): Promise<number> {
  return Number(await ctl("-q", "eval", "erlang:memory(total).")) / 2 ** 20;
}

async function sessionsTable(bench: Bench) {
  bench.say(`pairing ${SESSIONS} numbers, then ${ROUNDS} starts with them`);
  const stack = bench.resources.use(
    await startStack({
      broker: bench.broker,
      environment: { ...guarded(bench), LOG_LEVEL: "info", SESSION_WIRING: "exchange" },
    }),
  );
  const program = stack.startProgram();
  await program.printed(READY, PATIENCE_MS);
  for (let numberId = 1; numberId <= SESSIONS; numberId++) {
    await pair(stack, { numberId, phoneNumber: String(221_770_000_000 + numberId) });
  }
  await stop(program);
  const connected: number[] = [];
  const usages: { residentMiB: number; cpuS: number }[] = [];
  while (connected.length < ROUNDS) {
    const startedAt = performance.now();
    const program = stack.startProgram();
    for (let session = 0; session < SESSIONS; session++) {
      await stack.backend.next(({ body }) => body.action === "connected", { timeoutMs: PATIENCE_MS });
    }
    connected.push(performance.now() - startedAt);
    usages.push(await usageOf(program.process.pid));
    await stop(program);
  }
  return {
    title:
      `${SESSIONS} paired numbers, connected again with WhatsApp (the stand-in); medians of ${ROUNDS} starts`,
    columns: [
      { name: "" },
      { name: "all connected ms" },
      { name: "resident MiB" },
      { name: "CPU s", digits: 2 },
    ],
    rows: [[
      `${SESSIONS} sessions`,
      median(connected),
      median(usages.map(({ residentMiB }) => residentMiB)),
      median(usages.map(({ cpuS }) => cpuS)),
    ]],
    notes: ["The stand-in is in the process that measures, and has its share of the cores."],
  };
}

function rowOf(name: string, starts: readonly Start[]): Cell[] {
  const middle = (of: (start: Start) => number) => median(starts.map(of));
  return [
    name,
    middle(({ readyMs }) => readyMs),
    middle(({ heldMs }) => heldMs),
    middle(({ residentMiB }) => residentMiB),
    middle(({ cpuS }) => cpuS),
    middle(({ channels }) => channels),
    middle(({ brokerMiB }) => brokerMiB),
    middle(({ stopMs }) => stopMs),
  ];
}
