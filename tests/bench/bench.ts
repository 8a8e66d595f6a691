import type { PrivateBroker } from "../rabbitmq/broker.ts";
import type { Report } from "./report.ts";

/** What every subject is given. */
export interface Bench {
  /** The broker of the run; each subject takes vhosts of its own. */
  readonly broker: PrivateBroker;
  /** What the subject starts; ended with the subject, or when the run is interrupted. */
  readonly resources: AsyncDisposableStack;
  /** Says how far it is. */
  readonly say: (line: string) => void;
}

/** Measures one thing. */
export type Subject = (bench: Bench) => Promise<Report>;

/**
 * Settings for workers as programs: they end with the broker, whose guardian ends whatever names its folder, should this
 * process be killed.
 */
export function guarded({ broker }: Bench): Record<string, string> {
  return { WORKER_BENCH_FOLDER: broker.layout.folder };
}
