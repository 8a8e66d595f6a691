/** Who writes to whom, and what the backend commands, and when. */

import type { Random } from "./random.ts";
import type { Cast } from "./schedule.ts";

/** Something a backend or a contact does. Times are in ms. */
export type TrafficStep = { readonly atMs: number } & (SendStep | RepeatStep | InboundStep | CommandStep);

/** The backend sends a text. */
export interface SendStep {
  readonly kind: "send";
  readonly messageId: number;
  readonly numberId: number;
  /** Phone number. */
  readonly contact: string;
  /** How long it is worth sending. @default as long as the worker is set to */
  readonly expiresInMs: number | undefined;
  /** Whether the backend sends it once more when it has failed and may be. */
  readonly resend: boolean;
}

/** The backend sends the same once more, as a command of its own. */
export interface RepeatStep {
  readonly kind: "repeat";
  readonly messageId: number;
}

/** A contact writes to a number. */
export interface InboundStep {
  readonly kind: "inbound";
  readonly n: number;
  readonly numberId: number;
  readonly contact: string;
}

/** The backend commands a session. */
export interface CommandStep {
  readonly kind: "command";
  readonly n: number;
  readonly action:
    | "create"
    | "close"
    | "reconnect"
    | "regenerate_qr"
    | "status"
    | "worker_status"
    | "health_check";
  /** Of `worker_status` none. */
  readonly numberId: number | undefined;
  /** Whom it names: nobody, the worker that has the number, or one that has not. */
  readonly to: "nobody" | "holder" | "stranger";
}

/** Bursts, each with one to five messages of one chat. */
const MEAN_SEND_GAP_MS = 250;
const MEAN_INBOUND_GAP_MS = 250;
const MEAN_COMMAND_GAP_MS = 1_200;
const LONGEST_BURST = 5;
const BURST_PAUSE_MS = 150;
/** How many sends come a second time, are worth sending for a short time only, are resent when they failed. */
const REPEATED = 0.05;
const SHORT_LIVED = 0.03;
const RESENT = 0.5;

/** Traffic over `durationMs`, in the order of its instants. */
export function scheduleTraffic(random: Random, cast: Cast, durationMs: number): TrafficStep[] {
  const steps = [
    ...sends(random.fork("sends"), cast, durationMs),
    ...inbound(random.fork("inbound"), cast, durationMs),
    ...commands(random.fork("commands"), cast, durationMs),
  ];
  // Stable: what is at the same instant stays in its order.
  return steps.sort((one, other) => one.atMs - other.atMs);
}

function sends(random: Random, cast: Cast, durationMs: number): TrafficStep[] {
  const steps: TrafficStep[] = [];
  let messageId = 1_000;
  for (let atMs = random.gapMs(MEAN_SEND_GAP_MS); atMs < durationMs; atMs += random.gapMs(MEAN_SEND_GAP_MS)) {
    const { numberId, contacts } = random.pick(cast.lines);
    const contact = random.pick(contacts);
    for (const burstAtMs of burst(random, atMs, durationMs)) {
      messageId++;
      steps.push({
        kind: "send",
        atMs: burstAtMs,
        messageId,
        numberId,
        contact,
        expiresInMs: random.chance(SHORT_LIVED) ? random.integer(500, 8_000) : undefined,
        resend: random.chance(RESENT),
      });
      if (!random.chance(REPEATED)) continue;
      steps.push({ kind: "repeat", atMs: burstAtMs + random.skewed(0, 20_000), messageId });
    }
  }
  return steps;
}

function inbound(random: Random, cast: Cast, durationMs: number): TrafficStep[] {
  const steps: TrafficStep[] = [];
  let n = 0;
  for (
    let atMs = random.gapMs(MEAN_INBOUND_GAP_MS);
    atMs < durationMs;
    atMs += random.gapMs(MEAN_INBOUND_GAP_MS)
  ) {
    const { numberId, contacts } = random.pick(cast.lines);
    const contact = random.pick(contacts);
    for (const burstAtMs of burst(random, atMs, durationMs)) {
      steps.push({ kind: "inbound", atMs: burstAtMs, n: ++n, numberId, contact });
    }
  }
  return steps;
}

function burst(random: Random, atMs: number, durationMs: number): number[] {
  const length = random.skewed(1, LONGEST_BURST);
  return Array.from({ length }, (_, index) => Math.min(atMs + index * BURST_PAUSE_MS, durationMs));
}

function commands(random: Random, cast: Cast, durationMs: number): TrafficStep[] {
  const steps: TrafficStep[] = [];
  let n = 0;
  for (
    let atMs = random.gapMs(MEAN_COMMAND_GAP_MS);
    atMs < durationMs;
    atMs += random.gapMs(MEAN_COMMAND_GAP_MS)
  ) {
    const { numberId } = random.pick(cast.lines);
    const to = random.pick(["nobody", "holder"] as const);
    const command = (action: CommandStep["action"], changes: Partial<CommandStep> = {}) =>
      steps.push({ kind: "command", atMs, n: ++n, action, numberId, to, ...changes });
    const dice = random.next();
    if (dice < 0.3) command("status");
    else if (dice < 0.4) command("worker_status", { numberId: undefined, to: "nobody" });
    else if (dice < 0.6) command("health_check");
    else if (dice < 0.7) command("create");
    else if (dice < 0.78) command("create", { to: "stranger" });
    else if (dice < 0.86) command("reconnect");
    else if (dice < 0.92) command("regenerate_qr");
    else {
      command("close");
      command("create");
    }
  }
  return steps;
}
