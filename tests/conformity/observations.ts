/** What was observed of a played deployment and of the repository; plain data, so that checks are pure functions. */

import type { Config } from "../../src/config/load.ts";
import type { Received } from "../backend/backend.ts";
import type { SessionRow } from "./spring.ts";

/** An answer of the backend's HTTP API. */
export interface HttpAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the backend published. */
export interface Published {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly messageId: string;
}

/** A program that has ended. */
export interface Ended {
  readonly exitCode: number;
  readonly output: string;
  /** From the signal to the end. */
  readonly tookMs: number;
}

/** A stretch of the scenario, as positions in {@link Observations.events}. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The parts of the scenario, in the order in which they are played. */
export type Step =
  | "start"
  | "validate"
  | "scan"
  | "send"
  | "reply"
  | "link lost"
  | "close"
  | "reopen"
  | "reconnect"
  | "bad commands"
  | "broker lost"
  | "other worker"
  | "stop";

/** A consumer as the broker lists it. */
export interface Consumer {
  readonly queue: string;
  readonly prefetch: number;
  readonly ackRequired: boolean;
}

/** A queue or binding as the broker lists it. */
export interface Binding {
  readonly source: string;
  readonly queue: string;
  readonly key: string;
}

/** Everything the checks look at. What was never reached is absent. */
export interface Observations {
  /** Text files of the repository by path. */
  readonly files: ReadonlyMap<string, string>;
  /** Everything the workers told the backend, in order. */
  readonly events: readonly Received[];
  readonly steps: ReadonlyMap<Step, Span>;
  /** The document's recommended `.env`, loaded. */
  readonly recommended?: Config;
  /** The worker program on the document's corrupted `.env`. */
  readonly corrupted?: Ended;
  /** What `main.ts --version` printed. */
  readonly version?: string;
  readonly validated?: HttpAnswer;
  /** The row of the session as it was in the database when the command had been published. */
  readonly created?: SessionRow;
  /** The row when the QR had come. */
  readonly saved?: SessionRow;
  readonly published?: Published;
  readonly qrBefore?: HttpAnswer;
  readonly qrAnswer?: HttpAnswer;
  /** What the phone could read: the picture, or only the text in its place. */
  readonly scanned?: "picture" | "text";
  /** The phone linked the device and verified its signature. */
  readonly linked?: boolean;
  /** What the client did against WhatsApp's protocol. */
  readonly violations?: readonly string[];
  /** Sockets opened at WhatsApp during a step. */
  readonly logins: ReadonlyMap<Step, number>;
  /** Links the number had open at WhatsApp once it had reconnected. */
  readonly linksAfterReconnect?: number;
  /** Why messages lie in the dead-letter queue. */
  readonly deadReasons?: readonly string[];
  /** The text a contact got, and how often. */
  readonly delivered?: { readonly text: string | null; readonly count: number };
  /** Names of the connections to the vhost that the backend uses, too. */
  readonly connections?: readonly string[];
  readonly consumers?: readonly Consumer[];
  readonly bindings?: readonly Binding[];
  /** Durability by queue. */
  readonly queues?: ReadonlyMap<string, boolean>;
  /** Commands for a worker that was not there, seen waiting in the broker. */
  readonly waiting?: number;
  /** What `/metrics` answered while the number was connected. */
  readonly scrape?: string;
  readonly stopped?: Ended;
  /** What must not stand in a log. */
  readonly secrets?: readonly string[];
  readonly statusIntervalMs: number;
}

/** Observations of nothing at all: every check must fail on them. */
export const NOTHING: Observations = {
  files: new Map(),
  events: [],
  steps: new Map(),
  logins: new Map(),
  statusIntervalMs: 1_000,
};

/** What the backend received in one part of the scenario. */
export function during({ events, steps }: Observations, step: Step): Received[] {
  const span = steps.get(step);
  if (span === undefined) throw new Error(`The scenario did not get through '${step}'`);
  return events.slice(span.from, span.to);
}

/**
 * The one that fits.
 *
 * @throws {Error} when there is none, with what there is
 */
export function find(
  events: readonly Received[],
  what: string,
  predicate: (body: Readonly<Record<string, unknown>>, received: Received) => boolean,
): Received {
  const found = events.find((received) => predicate(received.body, received));
  if (found) return found;
  const came = events.map(({ body, properties }) => [properties.type, body.status].filter(Boolean).join(" "));
  throw new Error(`No ${what} among ${events.length} events: ${[...new Set(came)].join(", ") || "none"}`);
}

/** @throws {Error} with `message` unless `condition` holds */
export function expect(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message);
}

/** @throws {Error} when there is nothing */
export function known<T>(value: T | undefined, what: string): T {
  expect(value !== undefined, `Not observed: ${what}`);
  return value;
}
