/** Everything that was seen of a torture, as it was seen: what the account is made from. */

import type { Received } from "../backend/backend.ts";
import type { Publication } from "./backend.ts";
import type { Cast } from "./schedule.ts";
import type { Exit } from "./supervised_worker.ts";
import type { CommandStep, InboundStep, SendStep } from "./traffic_schedule.ts";

/** A send of the backend's: one message, however many commands. */
export interface SendFact {
  readonly step: SendStep;
  readonly text: string;
  /** When it is not worth sending any more, in ms since the epoch. */
  readonly expiresAtMs: number | undefined;
  /** The first, the scheduled repeats, and the one after a failure. */
  readonly commands: Publication[];
}

/** A message a contact wrote. */
export interface InboundFact {
  readonly step: InboundStep;
  readonly text: string;
  readonly atMs: number;
  /** Known once WhatsApp's server has it. */
  whatsappId?: string;
}

/** A session command of the backend's. */
export interface CommandFact {
  readonly step: CommandStep;
  readonly command: Publication;
}

/** A message as its contact has it; those with the same id are one, with repeats. */
export interface ShownFact {
  readonly contact: string;
  readonly whatsappId: string;
  /** JID of the number. */
  readonly from: string;
  readonly text: string | null;
  readonly atMs: number;
  /** Its place among all the contact has seen. */
  readonly place: number;
  readonly repeats: number;
}

/** A fault as it was really done. */
export interface FaultFact {
  readonly text: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A message that nobody took from the broker. */
export interface LeftMessage {
  readonly queue: string;
  readonly text: string;
  readonly headers: Record<string, unknown>;
}

/** All of it. */
export interface Facts {
  readonly cast: Cast;
  /** By message id, in the order in which the backend published them. */
  readonly sends: ReadonlyMap<number, SendFact>;
  readonly inbound: readonly InboundFact[];
  readonly commands: readonly CommandFact[];
  /** Every delivery to the backend, repeats included. */
  readonly received: readonly Received[];
  /** Each contact's in the order in which it saw them. */
  readonly shown: readonly ShownFact[];
  readonly faults: readonly FaultFact[];
  readonly exits: readonly Exit[];
  /** When the last fault was over and the workers were left alone. */
  readonly calmSinceMs: number;
  readonly left: readonly LeftMessage[];
  /** How often a worker could not decrypt a message and asked for it again. */
  readonly askedAgain: number;
  /** What clients did against WhatsApp's protocol. */
  readonly violations: readonly string[];
}

/** Something that must not be. */
export interface Hole {
  /** Stable, e.g. `inbound_lost`. */
  readonly kind: string;
  /** Id of the message, command, number or worker. */
  readonly id: string;
  readonly sentence: string;
  /** Ids to look for in the logs. */
  readonly traces: readonly string[];
  /** Events, oldest first. */
  readonly history: readonly string[];
}

/** A line of the account. */
export interface Count {
  readonly what: string;
  readonly count: number;
}

/** A part of the account: what was counted, and what is missing. */
export interface Account {
  readonly counts: readonly Count[];
  readonly holes: readonly Hole[];
}
