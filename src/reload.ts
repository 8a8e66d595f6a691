import { isDeepStrictEqual } from "node:util";
import type { Logger } from "pino";
import { type Config, ConfigError, type Key, type Settings } from "./config/load.ts";
import { KEYS } from "./config/settings.ts";

/** What takes up the new value of a setting while the worker runs. A setting that is not here needs a restart. */
export type Reloadable = { readonly [K in Key]?: (settings: Settings) => void };

/** Options of {@link makeReload}. */
export interface ReloadOptions {
  /** Reads the configuration anew. Throws {@link ConfigError}. */
  readonly load: () => Promise<Config>;
  /** What the worker was started with. */
  readonly settings: Settings;
  readonly reloadable: Reloadable;
  readonly log: Logger;
}

/**
 * Makes what reads the configuration again and takes up what can be taken up. With any fault in it nothing changes, and
 * every fault is logged. What changed and needs a restart is named, again at every reload until there was one.
 */
export function makeReload({ load, settings, reloadable, log }: ReloadOptions): () => Promise<void> {
  let running = settings;
  const reload = async () => {
    let read: Config;
    try {
      read = await load();
    } catch (error) {
      refuse(log, error);
      return;
    }
    const { settings: wanted, warnings } = read;
    for (const { message, ...warning } of warnings) log.warn(warning, message);
    const changed = KEYS.filter((key) => !isDeepStrictEqual(wanted[key], running[key]));
    const taken = changed.filter((key) => reloadable[key] !== undefined);
    const needRestart = changed.filter((key) => !taken.includes(key));
    const say = () => log.info({ taken, needRestart }, sentenceOf(needRestart));
    // At the level that shows it.
    const shown = log.isLevelEnabled("info");
    if (shown) say();
    for (const key of taken) reloadable[key]?.(wanted);
    running = { ...running, ...Object.fromEntries(taken.map((key) => [key, wanted[key]])) };
    if (!shown) say();
  };
  // One after the other, in the order they were asked for.
  let last = Promise.resolve();
  return () => last = last.then(reload);
}

const sentenceOf = (needRestart: readonly Key[]) =>
  needRestart.length === 0
    ? "the configuration was read again"
    : "the configuration was read again; some of what changed in it counts from the next start";

function refuse(log: Logger, err: unknown): void {
  if (!(err instanceof ConfigError)) {
    log.error({ err }, "the configuration could not be read again, and the settings stay as they were");
    return;
  }
  const { faults } = err;
  for (const { message, ...fault } of faults) log.error(fault, message);
  log.error({ faults: faults.length }, "the configuration is refused, and the settings stay as they were");
}
