import type { PrivateBroker } from "../rabbitmq/broker.ts";
import type { Report } from "./report.ts";

/** Longer than anything lasts that is waited for here. */
export const PATIENCE_MS = 120_000;

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

/** Waits for `work`. @throws {Error} when it does not end */
export async function inTime<T>(work: Promise<T>, describe: string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`No ${describe} within ${PATIENCE_MS} ms`)),
    PATIENCE_MS,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
