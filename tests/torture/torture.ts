/** One torture, from the first part started to the account. */

import { setTimeout as delay } from "node:timers/promises";
import type { Received } from "../backend/backend.ts";
import { accountFor } from "./account.ts";
import { accountForCommands } from "./account_commands.ts";
import { unrest } from "./account_fleet.ts";
import { accountForInbound } from "./account_inbound.ts";
import { accountForSends } from "./account_sends.ts";
import { type Deployment, readLeft, startDeployment, waitingIn } from "./deployment.ts";
import type { Account, Facts, LeftMessage } from "./facts.ts";
import { Pairer } from "./pairing.ts";
import { People } from "./people.ts";
import type { Schedule } from "./schedule.ts";
import type { Exit } from "./supervised_worker.ts";
import { Tormentor } from "./tormentor.ts";
import { seconds } from "./wording.ts";

/** How a torture is done. */
export interface TortureOptions {
  readonly schedule: Schedule;
  /** Logs and state folders go there. */
  readonly folder: string;
  /** How long nothing may come forward, once all faults are over, before the rest counts as lost. */
  readonly patienceMs: number;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** A torture that was done: its account, and what it was made from. */
export interface Tortured {
  readonly account: Account;
  readonly facts: Facts;
}

const PROGRESS_MS = 5_000;
const LOOK_MS = 500;
/** What time can mend. */
const PENDING = new Set([
  "send_not_published",
  "send_unanswered",
  "sent_not_shown",
  "inbound_not_sent",
  "inbound_lost",
  "command_not_published",
  "command_unanswered",
]);

/**
 * Starts a deployment, pairs its numbers, does what the schedule says, waits until all is quiet and accounts for it.
 *
 * @throws {Error} when the torture itself cannot be done: no broker, a number that cannot be paired
 */
export async function torture(options: TortureOptions): Promise<Tortured> {
  await using resources = new AsyncDisposableStack();
  const exits: Exit[] = [];
  const listeners = new Set<(received: Received) => void>();
  const deployment = await startDeployment({
    ...options,
    cast: options.schedule.cast,
    onReceived: (received) => listeners.forEach((listener) => listener(received)),
    onExit: (exit) => exits.push(exit),
  }, resources);
  const holders = await pairing(deployment, options, listeners);
  const people = new People(deployment, options.schedule.cast, holders);
  listeners.add((received) => people.hear(received));
  const tormentor = new Tormentor(deployment, options.signal);

  await play(options, people, tormentor);
  const calmSinceMs = Date.now();
  const seen = (left: readonly LeftMessage[] = []): Facts => ({
    cast: options.schedule.cast,
    sends: people.sends,
    inbound: people.inbound,
    commands: people.commands,
    received: deployment.backend.received,
    shown: people.shown(),
    faults: tormentor.done,
    exits,
    calmSinceMs,
    left,
    askedAgain: deployment.standIn.stats.retries,
    violations: [...deployment.standIn.stats.violations, ...tormentor.failures],
  });
  await quiet(deployment, options, seen);
  const left = await readLeft(deployment, (await waitingIn(deployment)).keys());
  options.say("stopping the workers");
  await Promise.all([...deployment.posts.values()].map(({ worker }) => worker.terminate()));
  const facts = seen(left);
  return { account: accountFor(facts), facts };
}

async function pairing(
  deployment: Deployment,
  { schedule, say, signal }: TortureOptions,
  listeners: Set<(received: Received) => void>,
): Promise<Map<number, string>> {
  const pairer = new Pairer(deployment);
  const hear = (received: Received) => pairer.hear(received);
  listeners.add(hear);
  signal.throwIfAborted();
  await pairer.startWorkers();
  say(`${schedule.cast.workers.length} workers run`);
  const holders = await pairer.pairAll(schedule, (count) => {
    signal.throwIfAborted();
    if (count % 10 === 0) say(`${count} of ${schedule.cast.lines.length} numbers paired`);
  });
  listeners.delete(hear);
  const shares = Map.groupBy(holders.values(), (worker) => worker);
  say([...shares].sort().map(([worker, { length }]) => `${worker} has ${length}`).join(", "));
  for (const { phoneNumber, contacts } of schedule.cast.lines) {
    for (const [index, contact] of contacts.entries()) {
      // Some read at once what they get.
      deployment.standIn.contact(contact, { autoRead: index === 0 });
    }
    deployment.standIn.phone(phoneNumber);
  }
  return holders;
}

/** Traffic and faults at their instants; resolves when all of it is done and the faults are over. */
async function play(
  { schedule, say, signal }: TortureOptions,
  people: People,
  tormentor: Tormentor,
): Promise<void> {
  const startedAt = performance.now();
  const steps = [
    ...schedule.traffic.map((step) => ({ atMs: step.atMs, act: () => people.take(step) })),
    ...schedule.faults.map((fault) => ({ atMs: fault.atMs, act: () => tormentor.strike(fault) })),
  ].sort((one, other) => one.atMs - other.atMs);
  let toldAtMs = 0;
  for (const { atMs, act } of steps) {
    const aheadMs = atMs - (performance.now() - startedAt);
    if (aheadMs > 0) await delay(aheadMs, undefined, { signal });
    signal.throwIfAborted();
    act();
    if (atMs - toldAtMs < PROGRESS_MS) continue;
    toldAtMs = atMs;
    say(
      `${seconds(atMs)}: ${people.sends.size} sends, ${people.inbound.length} messages in, ` +
        `${people.commands.length} commands, ${tormentor.done.length} faults done`,
    );
  }
  say("no more traffic; waiting for the last faults to be over");
  await tormentor.calm();
}

/** Resolves when nothing is pending any more, or nothing has come forward for too long. */
async function quiet(
  deployment: Deployment,
  { patienceMs, say, signal }: TortureOptions,
  seen: () => Facts,
): Promise<void> {
  let fewest = Infinity;
  let progressAt = performance.now();
  let toldAt = 0;
  while (performance.now() - progressAt < patienceMs) {
    signal.throwIfAborted();
    const facts = seen();
    const pending = [accountForSends(facts), accountForInbound(facts), accountForCommands(facts)]
      .flatMap(({ holes }) => holes).filter(({ kind }) => PENDING.has(kind));
    const unready = unrest(facts, facts.calmSinceMs);
    let open = pending.length + unready.length;
    if (open === 0) {
      const queues = await waitingIn(deployment);
      if (queues.size === 0) return await lastWords(seen, patienceMs);
      open = queues.size;
    }
    if (open < fewest) {
      fewest = open;
      progressAt = performance.now();
    }
    if (performance.now() - toldAt > PROGRESS_MS) {
      toldAt = performance.now();
      const kinds = Map.groupBy(pending, ({ kind }) => kind);
      const what = [
        ...[...kinds].map(([kind, { length }]) => `${length} ${kind}`),
        ...unready.map(({ id, sentence }) => `${id}: ${sentence}`),
      ];
      say(`waiting: ${what.join(", ") || `messages in ${open} queues`}`);
    }
    await delay(LOOK_MS, undefined, { signal });
  }
  say(`nothing has come forward for ${seconds(patienceMs)}: the rest counts as lost`);
}

/** Another word of every worker: what was on its way when all was quiet has arrived by then. */
async function lastWords(seen: () => Facts, patienceMs: number): Promise<void> {
  const sinceMs = Date.now();
  const deadline = performance.now() + patienceMs;
  while (unrest(seen(), sinceMs).length > 0 && performance.now() < deadline) await delay(LOOK_MS);
}
