import type { BrokerNames } from "./names.ts";

/** The settings that say how the two directions of the session queue are kept apart. */
export interface WiringSettings {
  readonly SESSION_WIRING: "auto" | "queue" | "exchange";
  readonly QUEUE_SESSION_UPDATE: string;
  readonly QUEUE_SESSION_EVENT: string;
  readonly QUEUE_HEALTH_COMMAND: string | undefined;
}

/** Where commands are read, and what the backend's exchange has to bring there. */
export interface Wiring {
  /** `undecided`: `auto` with one name for both directions, and no command has come through the exchange yet. */
  readonly name: "queue" | "exchange" | "undecided";
  /** Where nothing but commands is to come: the backend's own queue first, if it is one of them. */
  readonly commandQueues: readonly string[];
  /**
   * A queue that brings the workers commands and the backend events, and that both sides read: each takes what is for
   * the other. While there is one the wiring is best effort.
   */
  readonly sharedQueue: string | undefined;
  readonly healthQueues: readonly string[];
  /** Queues of the backend's among them. */
  readonly backendQueues: readonly string[];
  readonly bindings: readonly Binding[];
  /** Own bindings that another wiring has left behind: what they bring nobody would read. */
  readonly staleBindings: readonly Binding[];
}

/** A queue and the routing key it is bound with. */
export interface Binding {
  readonly queue: string;
  readonly key: string;
}

/**
 * `queue`: commands are read from `QUEUE_SESSION_UPDATE` itself, which should not be where events go. `exchange`: they
 * are read from the fleet's own copy of what the backend publishes. `auto` takes `queue` where the two names differ, and
 * where they are the same `exchange` as soon as that is proven; before, it reads both queues.
 *
 * @param proven whether a command has ever come through the exchange
 */
export function wiringOf(settings: WiringSettings, names: BrokerNames, proven: boolean): Wiring {
  const { QUEUE_SESSION_UPDATE: update, QUEUE_SESSION_EVENT: event, QUEUE_HEALTH_COMMAND } = settings;
  const apart = update !== event;
  const name = nameOf(settings, apart, proven);
  const fromQueue = name === "queue";
  const ownHealthQueues = QUEUE_HEALTH_COMMAND === undefined ? [] : [QUEUE_HEALTH_COMMAND];
  const sharedQueue = name === "undecided" || (fromQueue && !apart) ? update : undefined;
  return {
    name,
    // In `queue` wiring as well: what waits there from another wiring, or is bound by a worker that still has it.
    commandQueues: [...(fromQueue && apart ? [update] : []), names.sessionCommand],
    sharedQueue,
    healthQueues: [names.healthCommand, ...ownHealthQueues],
    backendQueues: [...(fromQueue || sharedQueue !== undefined ? [update] : []), ...ownHealthQueues],
    bindings: [
      { queue: names.messageSend, key: "message.send" },
      { queue: fromQueue ? update : names.sessionCommand, key: "session.update" },
      { queue: names.healthCommand, key: "number.health" },
    ],
    staleBindings: fromQueue ? [{ queue: names.sessionCommand, key: "session.update" }] : [],
  };
}

function nameOf({ SESSION_WIRING }: WiringSettings, apart: boolean, proven: boolean): Wiring["name"] {
  if (SESSION_WIRING !== "auto") return SESSION_WIRING;
  if (apart) return "queue";
  return proven ? "exchange" : "undecided";
}

/** What has been seen of how the backend publishes. */
export interface Sightings {
  /** Whether the backend's exchange is there, or will be. */
  readonly exchangeThere: boolean;
  /** The exchange of the latest command on the shared queue; `""`: it was published straight to the queue. */
  readonly cameBy: string | undefined;
}

/**
 * The line of the `.env` that ends best effort. The one with another queue needs the backend to listen there; without
 * any command seen yet, the one for a backend that publishes through its exchange.
 */
export function adviceFor(
  { name }: Wiring,
  settings: { readonly RABBITMQ_EXCHANGE: string; readonly RABBITMQ_PREFIX: string },
  { exchangeThere, cameBy }: Sightings,
): string {
  const { RABBITMQ_EXCHANGE: exchange, RABBITMQ_PREFIX: prefix } = settings;
  if (cameBy !== undefined && cameBy !== "" && cameBy !== exchange) return `RABBITMQ_EXCHANGE=${cameBy}`;
  if (cameBy === "" || !exchangeThere) return `QUEUE_SESSION_EVENT=${prefix}.worker.events`;
  return name === "queue" ? "SESSION_WIRING=auto" : "SESSION_WIRING=exchange";
}

/** Keys of what is remembered of the wiring: when it was proven, and {@link Sightings.cameBy}. */
export const MEMORY_KEY = { proven: "session_wiring.proven_at", cameBy: "session_wiring.came_by" } as const;
