import { createHash } from "node:crypto";
import type { ConsumeMessage } from "amqplib";
import type { Link } from "./connection.ts";
import { deathsOf } from "./dead_letter.ts";
import { forward } from "./forwarding.ts";
import type { BrokerNames } from "./names.ts";
import { PublishFailed } from "./publishing.ts";
import { PARKED } from "./parking.ts";
import { EXPIRES_AT, FIRST_ROUTED_AT } from "./reader.ts";
import { messageOf } from "./reply_codes.ts";
import { sift, type Sifted, type Verdict } from "./sift.ts";

/** Hexadecimal digits of an id: 40 bits, so that of 10,000 letters no two have the same but for one chance in 20,000. */
const ID_DIGITS = 10;
/** How many bytes may be under way at a time as letters are sent back; the others are left for another round. */
const IN_FLIGHT_BYTES = 16 * 1024 * 1024;
/** The reason of letters that were no message yet: events of the outbox. */
const NOT_PUBLISHABLE = "not_publishable";
const DEATH = "x-dead-";
/** The one header about its death that a letter keeps: how often it has died. */
const DEATHS = "x-dead-count";

/** What a dead letter's headers say of its end. `null` is what is not said, as with a message put there by hand. */
export interface Death {
  readonly time: string | null;
  readonly reason: string | null;
  /** The queue it was refused at. */
  readonly queue: string | null;
  readonly exchange: string | null;
  readonly routingKey: string | null;
  readonly worker: string | null;
  /** How often it has died. */
  readonly count: number;
}

/** A message in the dead-letter queue. */
export interface DeadLetter {
  /**
   * Derived from its bytes, properties and headers, so that it is the same whenever one looks and names nothing else
   * once the letter is gone. Of letters that are equal to the last byte, the second and later ones end in `-2`, `-3`, ….
   */
  readonly id: string;
  readonly death: Death;
  readonly message: ConsumeMessage;
}

/** The letters to act on: {@link nameOf} of each, and how many of the letters with that name. Counted down as it is done. */
export type Chosen = Map<string, number>;

/** What became of a letter. */
export type Fate =
  /** It is gone for good. */
  | { readonly outcome: "dropped" }
  /** `to` has it again. */
  | { readonly outcome: "requeued"; readonly to: string }
  /** It stays a dead letter: `obstacle` says why it could not go to `to`. */
  | { readonly outcome: "kept"; readonly to: string | null; readonly obstacle: string };

/** Calls `visit` with every dead letter, oldest first. None is changed or moved. */
export async function lookThrough(
  link: Link,
  { deadLetter }: BrokerNames,
  visit: (letter: DeadLetter) => void,
  onProgress?: (seen: number, total: number) => void,
): Promise<Sifted> {
  const copies = new Map<string, number>();
  return await sift(link, {
    queue: deadLetter,
    ...(onProgress && { onProgress }),
    visit: (message) => {
      const name = nameOf(message);
      const copy = (copies.get(name) ?? 0) + 1;
      copies.set(name, copy);
      visit({ id: copy === 1 ? name : `${name}-${copy}`, death: deathOf(message), message });
      return "leave";
    },
  });
}

/** The part of a letter's id that equal letters share. */
export function nameOf({ content, properties }: ConsumeMessage): string {
  const written = JSON.stringify(properties, (_key, value) => typeof value === "bigint" ? `${value}` : value);
  return createHash("sha256").update(content).update(written).digest("hex").slice(0, ID_DIGITS);
}

/**
 * Sends the chosen letters back into the fleet (see {@link returnAddress}), or drops them, and calls `onFate` for each;
 * whoever is chosen and not called for is no longer there. A letter is acknowledged only when the broker has confirmed
 * its copy: a crash between the two leaves it in both places, and in neither never.
 */
export async function settleLetters(
  link: Link,
  names: BrokerNames,
  { chosen, action, onFate, onProgress }: {
    readonly chosen: Chosen;
    readonly action: "requeue" | "drop";
    readonly onFate: (letter: Omit<DeadLetter, "id">, fate: Fate) => void;
    readonly onProgress?: (seen: number, total: number) => void;
  },
): Promise<Sifted> {
  for (;;) {
    const before = sum(chosen);
    let inFlightBytes = 0;
    let postponed = false;
    const sifted = await sift(link, {
      queue: names.deadLetter,
      ...(onProgress && { onProgress }),
      visit: async (message, channel): Promise<Verdict> => {
        const name = nameOf(message);
        const wanted = chosen.get(name) ?? 0;
        if (wanted === 0) return "leave";
        if (inFlightBytes > IN_FLIGHT_BYTES) {
          postponed = true;
          return "leave";
        }
        chosen.set(name, wanted - 1);
        inFlightBytes += message.content.byteLength;
        const letter = { death: deathOf(message), message };
        const fate: Fate = action === "drop"
          ? { outcome: "dropped" }
          : await sendBack(letter, (to) => forward(channel, to, message, isOfDeath), names);
        inFlightBytes -= message.content.byteLength;
        onFate(letter, fate);
        return fate.outcome === "kept" ? "leave" : "take";
      },
    });
    if (sifted.outcome !== "sifted" || !postponed || sum(chosen) === before) return sifted;
  }
}

async function sendBack(
  { death }: Omit<DeadLetter, "id">,
  publish: (to: string) => Promise<"routed" | "unroutable">,
  names: BrokerNames,
): Promise<Fate> {
  const to = returnAddress(death, names);
  if (to === null) {
    return { outcome: "kept", to, obstacle: "it does not say which queue it came from (x-dead-queue)" };
  }
  try {
    if (await publish(to) === "routed") return { outcome: "requeued", to };
    return { outcome: "kept", to, obstacle: `the queue '${to}' does not exist` };
  } catch (error) {
    if (error instanceof PublishFailed) throw error;
    return { outcome: "kept", to, obstacle: `its properties cannot be written again: ${messageOf(error)}` };
  }
}

/**
 * Where a letter goes back to. A number's queue and a worker's inbox may be gone, or be somebody else's by now, and the
 * backend may read the queue that commands came from: those letters go in again at the front, and the reader
 * routes them as they stand today. Everything else goes back to the queue it was refused at, or was meant for.
 */
export function returnAddress({ queue, reason }: Death, names: BrokerNames): string | null {
  // An event that could not be published: it is the backend's.
  if (queue === null || reason === NOT_PUBLISHABLE) return queue;
  const { messageSend, pending, sessionUpdate, sessionCommand, healthCommand, unassigned, retry } = names;
  if (isOneOf(queue, names.number)) return messageSend;
  const commands = [sessionUpdate, sessionCommand, healthCommand, unassigned, retry];
  return commands.includes(queue) || isOneOf(queue, names.inbox) ? pending : queue;
}

/** Whether `queue` is what `name` makes of some id. */
function isOneOf(queue: string, name: (id: string) => string): boolean {
  const [before = "", after = ""] = name("\n").split("\n");
  return queue.length > before.length + after.length && queue.startsWith(before) && queue.endsWith(after);
}

/** Headers of a former life: how it died, and the deadlines it has missed. */
function isOfDeath(header: string): boolean {
  return header === EXPIRES_AT || header === PARKED || header === FIRST_ROUTED_AT ||
    header.startsWith(DEATH) && header !== DEATHS;
}

function deathOf({ properties: { headers = {} } }: ConsumeMessage): Death {
  const text = (name: string) => {
    const value: unknown = headers[`${DEATH}${name}`];
    return typeof value === "string" && value !== "" ? value : null;
  };
  return {
    time: text("time"),
    reason: text("reason"),
    queue: text("queue"),
    exchange: text("exchange"),
    routingKey: text("routing-key"),
    worker: text("worker"),
    count: deathsOf(headers[DEATHS]),
  };
}

function sum(counts: ReadonlyMap<string, number>): number {
  return counts.values().reduce((total, count) => total + count, 0);
}
