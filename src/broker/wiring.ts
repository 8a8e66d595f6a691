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
  readonly name: "queue" | "exchange";
  readonly commandQueues: readonly string[];
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
 * `queue`: commands are read from `QUEUE_SESSION_UPDATE` itself, which must not be where events go. `exchange`: they
 * are read from the fleet's own copy of what the backend publishes. `auto` takes `queue` where the two names differ.
 */
export function wiringOf(settings: WiringSettings, names: BrokerNames): Wiring {
  const { SESSION_WIRING, QUEUE_SESSION_UPDATE, QUEUE_SESSION_EVENT, QUEUE_HEALTH_COMMAND } = settings;
  const apart = QUEUE_SESSION_UPDATE !== QUEUE_SESSION_EVENT;
  const name = SESSION_WIRING === "auto" ? (apart ? "queue" : "exchange") : SESSION_WIRING;
  const commandQueue = name === "queue" ? QUEUE_SESSION_UPDATE : names.sessionCommand;
  const ownHealthQueues = QUEUE_HEALTH_COMMAND === undefined ? [] : [QUEUE_HEALTH_COMMAND];
  return {
    name,
    commandQueues: [commandQueue],
    healthQueues: [names.healthCommand, ...ownHealthQueues],
    backendQueues: [...(name === "queue" ? [QUEUE_SESSION_UPDATE] : []), ...ownHealthQueues],
    bindings: [
      { queue: names.messageSend, key: "message.send" },
      { queue: commandQueue, key: "session.update" },
      { queue: names.healthCommand, key: "number.health" },
    ],
    staleBindings: name === "queue" ? [{ queue: names.sessionCommand, key: "session.update" }] : [],
  };
}
