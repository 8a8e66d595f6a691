/**
 * How long nobody reads the shared queues when the reader is killed, or frozen with its sockets open; and what becomes of
 * the commands under way. Workers are programs of their own; the commands are for the one that survives.
 */

import { setTimeout as delay } from "node:timers/promises";
import { type Bench, inTime } from "./bench.ts";
import { Fleet, type Question } from "./fleet.ts";
import type { Cell, Report, Table } from "./report.ts";
import { median } from "./statistics.ts";

const KILLS = 7;
/** Deployments frozen at the same time with each heartbeat: most of what is measured is waiting. */
const FREEZES = 3;
/** In seconds, as `RABBITMQ_URL` asks for it; `undefined`: the worker's own. */
const HEARTBEATS = [undefined, 4] as const;
/** Between two commands: hundreds are under way in a short failover, and not thousands in a long one. */
const PAUSE_MS = { kill: 2, freeze: 25 };
/** Commands that are answered before the fault. */
const RUN_UP = 50;

/** What one failover was like. */
interface Round {
  /** From the fault to the answer to the first command published after it. */
  readonly failoverMs: number;
  readonly commands: number;
  /** Published and not answered when the fault came. */
  readonly underWay: number;
  readonly lost: number;
  readonly carriedOutTwice: number;
  /** From the start (thawing) of the worker at fault to its answer to a command that came meanwhile. */
  readonly ownMs: number;
}

/** Measures failover after `kill -9` and after SIGSTOP. */
export async function failover(bench: Bench): Promise<Report> {
  bench.say(`${KILLS} kills of the reader`);
  const rows = [rowOf("kill -9", await killAgainAndAgain(bench))];
  bench.say(`${FREEZES * HEARTBEATS.length} frozen readers at once`);
  const frozen = await Promise.all(
    HEARTBEATS.map((heartbeatS) =>
      Promise.all(Array.from({ length: FREEZES }, () => freeze(bench, heartbeatS)))
    ),
  );
  for (const [index, heartbeatS] of HEARTBEATS.entries()) {
    const heartbeat = heartbeatS === undefined
      ? "the worker's own heartbeat, 10 s"
      : `heartbeat ${heartbeatS} s`;
    rows.push(rowOf(`SIGSTOP, ${heartbeat}`, frozen[index]!));
  }
  return { subject: "failover", tables: [tableOf(rows)] };
}

/** Of two workers the reader is killed and started again, so that the other one is next. */
async function killAgainAndAgain(bench: Bench): Promise<Round[]> {
  const fleet = await Fleet.make(bench);
  let [reader, other] = await startTwo(fleet);
  const rounds: Round[] = [];
  while (rounds.length < KILLS) {
    rounds.push(
      await fail(fleet, reader, other, {
        pauseMs: PAUSE_MS.kill,
        fault: () => fleet.signal(reader, "SIGKILL"),
        repair: async () => {
          await fleet.ended(reader);
          await fleet.start(reader);
        },
      }),
    );
    [reader, other] = [other, reader];
  }
  return rounds;
}

async function freeze(bench: Bench, heartbeatS: number | undefined): Promise<Round> {
  const fleet = await Fleet.make(bench, heartbeatS);
  const [reader, other] = await startTwo(fleet);
  return await fail(fleet, reader, other, {
    pauseMs: PAUSE_MS.freeze,
    fault: () => fleet.signal(reader, "SIGSTOP"),
    repair: () => Promise.resolve(fleet.signal(reader, "SIGCONT")),
  });
}

/** @returns the reader, and the one that waits to become it */
async function startTwo(fleet: Fleet): Promise<[reader: string, other: string]> {
  await fleet.start("worker-1");
  await fleet.reads("worker-1");
  await fleet.start("worker-2");
  return ["worker-1", "worker-2"];
}

/** What is done to the reader. */
interface Failure {
  readonly pauseMs: number;
  readonly fault: () => void;
  readonly repair: () => Promise<void>;
}

/** One failover, with commands for the other worker coming in all the time. */
async function fail(
  fleet: Fleet,
  reader: string,
  other: string,
  { pauseMs, fault, repair }: Failure,
): Promise<Round> {
  const ended = new AbortController();
  const questions: Question[] = [];
  const stream = askAgainAndAgain(fleet, other, pauseMs, questions, ended.signal);
  while (questions.length < RUN_UP) await delay(pauseMs);
  await inTime(questions[RUN_UP - 1]!.answered, "an answer before the fault");

  const underWay = questions.filter(isUnanswered).length;
  const faultAt = performance.now();
  fault();
  // Behind one that was published after the fault, all of the queue has been read.
  const own = await fleet.ask(reader);
  const next = await fleet.ask(other);
  const failoverMs = await inTime(next.answered, "an answer of the other worker") - faultAt;
  ended.abort();
  await stream;

  const repairedAt = performance.now();
  const repaired = repair();
  const ownMs = await inTime(own.answered, "an answer of the worker at fault") - repairedAt;
  await repaired;
  // The other worker answers in the order in which it was asked.
  const last = await fleet.ask(other);
  await inTime(last.answered, "an answer to the last command");
  return {
    failoverMs,
    commands: questions.length,
    underWay,
    lost: questions.filter(isUnanswered).length,
    carriedOutTwice: questions.filter(({ answers }) => answers.size > 1).length,
    ownMs,
  };
}

async function askAgainAndAgain(
  fleet: Fleet,
  workerId: string,
  pauseMs: number,
  questions: Question[],
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    questions.push(await fleet.ask(workerId));
    await delay(pauseMs);
  }
}

function isUnanswered({ answers }: Question): boolean {
  return answers.size === 0;
}

function rowOf(name: string, rounds: readonly Round[]): Cell[] {
  const failovers = rounds.map(({ failoverMs }) => failoverMs);
  const sum = (of: (round: Round) => number) => rounds.reduce((total, round) => total + of(round), 0);
  return [
    name,
    rounds.length,
    Math.min(...failovers),
    median(failovers),
    Math.max(...failovers),
    sum(({ commands }) => commands),
    sum(({ underWay }) => underWay),
    sum(({ lost }) => lost),
    sum(({ carriedOutTwice }) => carriedOutTwice),
    median(rounds.map(({ ownMs }) => ownMs)),
  ];
}

function tableOf(rows: Cell[][]): Table {
  return {
    title: "From a fault of the reader to the answer to the first command published after it, ms",
    columns: [
      { name: "" },
      { name: "rounds" },
      { name: "min" },
      { name: "median" },
      { name: "max" },
      { name: "commands" },
      { name: "under way" },
      { name: "lost" },
      { name: "twice" },
      { name: "its own, ms" },
    ],
    rows,
    notes: [
      "commands: published through all rounds, for the worker that survives; under way: not answered when the fault came;",
      "twice: carried out by a forward of the old reader and by one of the new. its own: the worker at fault, from its new",
      "start (SIGCONT) to its answer to a command that came while it was away; a median.",
      "kill -9: the broker sees the socket close; what is left is the pause of up to 300 ms between two looks at the lock.",
      "SIGSTOP: the socket stays open until the broker has missed heartbeats for two to three times their interval; that is",
      "nearly all of it. A shorter one is asked for with ?heartbeat=SECONDS in RABBITMQ_URL.",
    ],
  };
}
