/** What will be done to a deployment, and when: all of it decided before the first step, by the seed alone. */

import { createHash } from "node:crypto";
import { type Fault, scheduleFaults } from "./fault_schedule.ts";
import { Random } from "./random.ts";
import { scheduleTraffic, type TrafficStep } from "./traffic_schedule.ts";

/** Who takes part. */
export interface Cast {
  /** Worker ids. */
  readonly workers: readonly string[];
  /** The numbers the workers hold. */
  readonly lines: readonly Line[];
  /** Phone numbers of people who write to the lines and are written to. */
  readonly contacts: readonly string[];
}

/** A number of the backend's, the phone behind it, and whom it talks with. */
export interface Line {
  readonly numberId: number;
  /** E.164 digits. */
  readonly phoneNumber: string;
  /** The worker its `create` names; none: the fleet decides. */
  readonly workerId: string | undefined;
  /** Phone numbers of its contacts. */
  readonly contacts: readonly string[];
}

/** A whole torture. */
export interface Schedule {
  readonly seed: string;
  readonly durationMs: number;
  readonly cast: Cast;
  /** In the order of their instants. */
  readonly traffic: readonly TrafficStep[];
  /** In the order of their instants. */
  readonly faults: readonly Fault[];
  /** The same for the same schedule: what two runs of one seed are compared by. */
  readonly fingerprint: string;
}

/** What a schedule is made from. */
export interface ScheduleOptions {
  readonly seed: string;
  /** How long traffic and faults go on. */
  readonly durationMs: number;
  /** @default 30 */
  readonly numbers?: number;
}

const WORKERS = ["worker-1", "worker-2", "worker-3"];
const CONTACTS = 12;
const CONTACTS_PER_LINE = 3;

/** The schedule of a seed: the same options give the same schedule, on any machine. */
export function makeSchedule({ seed, durationMs, numbers = 30 }: ScheduleOptions): Schedule {
  const random = new Random(`${seed}/${durationMs}/${numbers}`);
  const cast = makeCast(random.fork("cast"), numbers);
  const traffic = scheduleTraffic(random.fork("traffic"), cast, durationMs);
  const faults = scheduleFaults(random.fork("faults"), cast, durationMs);
  const fingerprint = createHash("sha256").update(JSON.stringify([cast, traffic, faults])).digest("hex");
  return { seed, durationMs, cast, traffic, faults, fingerprint: fingerprint.slice(0, 16) };
}

function makeCast(random: Random, numbers: number): Cast {
  const contacts = Array.from({ length: CONTACTS }, (_, index) => String(221780000001 + index));
  const lines = Array.from({ length: numbers }, (_, index): Line => ({
    numberId: index + 1,
    phoneNumber: String(221770000001 + index),
    // A third is given to whichever worker has the fewest sessions.
    workerId: random.chance(1 / 3) ? undefined : WORKERS[index % WORKERS.length],
    contacts: random.shuffled(contacts).slice(0, CONTACTS_PER_LINE),
  }));
  return { workers: WORKERS, lines, contacts };
}
