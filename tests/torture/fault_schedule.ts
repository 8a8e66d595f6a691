/** Which faults hit which part, and when. */

import type { Random } from "./random.ts";
import type { Cast } from "./schedule.ts";

/** What breaks. Times are in ms. */
export type Fault =
  & { readonly atMs: number }
  & (
    | { readonly kind: "worker_kill9" | "worker_terminate"; readonly worker: string; readonly downMs: number }
    | { readonly kind: "worker_freeze"; readonly worker: string; readonly forMs: number }
    | { readonly kind: "broker_kill9" | "broker_stop"; readonly downMs: number }
    | { readonly kind: "broker_freeze" | "broker_memory_alarm"; readonly forMs: number }
    | { readonly kind: "broker_close_connections" }
    | { readonly kind: "link_drop" | "link_reset"; readonly worker: string }
    | {
      readonly kind: "link_black_hole";
      readonly worker: string;
      readonly direction: "up" | "down" | "both";
      readonly forMs: number;
    }
    | { readonly kind: "whatsapp_drop"; readonly number: string | undefined }
    | { readonly kind: "whatsapp_close"; readonly number: string | undefined; readonly code: number }
    | { readonly kind: "whatsapp_ack_delay"; readonly delayMs: number; readonly forMs: number }
    | { readonly kind: "whatsapp_lost_acks"; readonly forMs: number }
  );

/** A fault before its instant is known. */
type Blow = Fault extends infer F ? F extends Fault ? Omit<F, "atMs"> : never : never;
export type FaultKind = Fault["kind"];

/** How often each kind comes in one round of the deck; in a round every kind comes. */
const DECK: Readonly<Record<FaultKind, number>> = {
  worker_kill9: 3,
  worker_terminate: 1,
  worker_freeze: 2,
  broker_kill9: 1,
  broker_stop: 1,
  broker_freeze: 1,
  broker_memory_alarm: 1,
  broker_close_connections: 1,
  link_drop: 1,
  link_reset: 1,
  link_black_hole: 2,
  whatsapp_drop: 2,
  whatsapp_close: 2,
  whatsapp_ack_delay: 1,
  whatsapp_lost_acks: 1,
};

/** Codes of WhatsApp's that a session answers with another connection. */
const CLOSE_CODES = [428, 500, 503, 515];
const MEAN_GAP_MS = 2_000;
const SHORTEST_FREEZE_MS = 1_000;
const LONGEST_FREEZE_MS = 40_000;
/** What a part needs to be itself again after a fault, so that it is not one long outage. */
const RECOVERY_MS: Readonly<Record<string, number>> = { worker: 4_000, broker: 12_000, whatsapp: 3_000 };

/** Faults over `durationMs`, no two at once on the same part. */
export function scheduleFaults(random: Random, cast: Cast, durationMs: number): Fault[] {
  const faults: Fault[] = [];
  const freeAtMs = new Map<string, number>();
  let deck: FaultKind[] = [];
  for (
    let atMs = random.gapMs(MEAN_GAP_MS);
    atMs < durationMs - 1_000;
    atMs += random.gapMs(MEAN_GAP_MS)
  ) {
    if (deck.length === 0) deck = newDeck(random);
    const blow = draw(random, deck.shift()!, cast, durationMs - atMs, durationMs);
    const part = partOf(blow);
    // The card is kept for later: every kind gets its turn.
    if ((freeAtMs.get(part) ?? 0) > atMs) {
      deck.push(blow.kind);
      continue;
    }
    freeAtMs.set(part, atMs + lengthMs(blow) + RECOVERY_MS[part.split(" ")[0]!]!);
    faults.push({ atMs, ...blow });
  }
  return faults;
}

/** What a fault hits: `worker ID`, `broker` or `whatsapp`. */
export function partOf(fault: Blow): string {
  if ("worker" in fault) return `worker ${fault.worker}`;
  return fault.kind.startsWith("broker") ? "broker" : "whatsapp";
}

function lengthMs(blow: Blow): number {
  if ("forMs" in blow) return blow.forMs;
  return "downMs" in blow ? blow.downMs : 0;
}

function newDeck(random: Random): FaultKind[] {
  const kinds = Object.entries(DECK) as [FaultKind, number][];
  return random.shuffled(kinds.flatMap(([kind, count]) => Array<FaultKind>(count).fill(kind)));
}

function draw(random: Random, kind: FaultKind, cast: Cast, restMs: number, durationMs: number): Blow {
  const worker = random.pick(cast.workers);
  // In a short torture no freeze takes more than half of it.
  const longestMs = Math.max(SHORTEST_FREEZE_MS, Math.min(LONGEST_FREEZE_MS, durationMs / 2, restMs));
  const freezeMs = random.skewed(SHORTEST_FREEZE_MS, longestMs);
  const number = random.chance(0.3) ? undefined : random.pick(cast.lines).phoneNumber;
  switch (kind) {
    case "worker_kill9":
    case "worker_terminate":
      return { kind, worker, downMs: random.skewed(0, 5_000) };
    case "worker_freeze":
      return { kind, worker, forMs: freezeMs };
    case "broker_kill9":
    case "broker_stop":
      return { kind, downMs: random.skewed(0, 4_000) };
    case "broker_freeze":
      return { kind, forMs: random.skewed(SHORTEST_FREEZE_MS, Math.min(longestMs, 20_000)) };
    case "broker_memory_alarm":
      return { kind, forMs: random.skewed(SHORTEST_FREEZE_MS, Math.min(longestMs, 15_000)) };
    case "broker_close_connections":
      return { kind };
    case "link_drop":
    case "link_reset":
      return { kind, worker };
    case "link_black_hole":
      return { kind, worker, direction: random.pick(["up", "down", "both"] as const), forMs: freezeMs };
    case "whatsapp_drop":
      return { kind, number };
    case "whatsapp_close":
      return { kind, number, code: random.pick(CLOSE_CODES) };
    case "whatsapp_ack_delay":
      // Some longer than a worker waits for an ack.
      return { kind, delayMs: random.skewed(200, 15_000), forMs: random.skewed(2_000, 10_000) };
    case "whatsapp_lost_acks":
      return { kind, forMs: random.skewed(1_000, 6_000) };
  }
}
