import type { BrokerState } from "../broker/connection.ts";

/** Why a worker cannot do its work now. */
export interface Obstacle {
  /** `starting`, `stopping`, `broker`, `rival` or `disk`: for machines. */
  readonly code: string;
  /** For people. */
  readonly message: string;
}

/** What a worker's readiness hangs on. */
export interface ReadinessSources {
  readonly brokerState: () => BrokerState;
  /** Why there is no connection to the broker. */
  readonly brokerTrouble: () => string | undefined;
  /** For how long nothing could be written; `undefined` while all is well. */
  readonly diskFailingForMs: () => number | undefined;
}

/** Whether the worker can do its work, and what it waits for. */
export class Readiness {
  readonly #sources: ReadinessSources;
  #phase: "starting" | "running" | "stopping" = "starting";
  /** Whether another process has the inbox of this worker's id. */
  hasRival = false;

  constructor(sources: ReadinessSources) {
    this.#sources = sources;
  }

  /** The worker takes commands and sends from now on, */
  started(): void {
    if (this.#phase === "starting") this.#phase = "running";
  }

  /** and no new ones from now on. */
  stopping(): void {
    this.#phase = "stopping";
  }

  /** All that stands in the way; none when the worker is ready. */
  obstacles(): Obstacle[] {
    const failingForMs = this.#sources.diskFailingForMs();
    return [
      ...(this.#phase === "running" ? [] : [{
        code: this.#phase,
        message: `The worker is ${this.#phase === "starting" ? "still starting" : "stopping"}`,
      }]),
      ...this.#brokerObstacles(),
      ...(this.hasRival
        ? [{
          code: "rival",
          message: "Another process with this WORKER_ID takes its commands; this one waits for it to end",
        }]
        : []),
      ...(failingForMs === undefined ? [] : [{
        code: "disk",
        message: `Nothing can be written to SESSION_DIR for ${
          Math.floor(failingForMs / 1000)
        } s: is it full?`,
      }]),
    ];
  }

  #brokerObstacles(): Obstacle[] {
    const { brokerState, brokerTrouble } = this.#sources;
    switch (brokerState()) {
      case "connected":
        return [];
      case "blocked":
        return [{ code: "broker", message: "The broker takes no messages (memory or disk alarm)" }];
      default: {
        const trouble = brokerTrouble();
        return [{
          code: "broker",
          message: `There is no connection to the broker${trouble === undefined ? "" : `: ${trouble}`}`,
        }];
      }
    }
  }
}
