import type { Logger } from "pino";
import { BrokerUnavailable } from "./broker/connection.ts";
import { configuringEnvironment, supervisingEnvironment } from "./config/environment.ts";
import { type Config, ConfigError, loadConfig, renderFaults, type Settings } from "./config/load.ts";
import { EXIT } from "./exit_codes.ts";
import { isJournal, Systemd } from "./health/systemd.ts";
import { captureConsole, makeLog, ranked } from "./log.ts";
import { PACE_KEYS } from "./pace_settings.ts";
import { makeReload, type Reloadable } from "./reload.ts";
import { StoreError } from "./store/database.ts";
import { VERSION } from "./version.ts";
import { startWorker } from "./worker.ts";

/**
 * Runs the worker until SIGTERM or SIGINT; SIGHUP reads the configuration again. Resolves to the exit code; a fault at
 * start is worded on standard error.
 */
export async function runWorker({ envFile }: { envFile: string | undefined }): Promise<number> {
  const supervising = supervisingEnvironment();
  const load = () => loadConfig({ envFile, environment: configuringEnvironment() });
  const layout = isJournal(2, supervising) ? "journal" : "terminal";
  const say = (text: string, priority: number) =>
    console.error(layout === "journal" ? ranked(text, priority) : text);
  let config: Config;
  try {
    config = await load();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    say(error.in(layout), 3);
    return EXIT.CONFIG;
  }
  const { settings, warnings } = config;
  if (warnings.length > 0) say(renderFaults(warnings, layout), 4);
  const log = makeLog({
    level: settings.LOG_LEVEL,
    pretty: settings.LOG_PRETTY,
    workerId: settings.WORKER_ID,
    journal: isJournal(1, supervising),
  });
  const unhandledFaults = countUnhandledFaults(log);
  const told = toldToStop(log);
  let paceSettings = settings;
  const setPace = (wanted: Settings) => void (paceSettings = wanted);
  const reloadable: Reloadable = {
    LOG_LEVEL: ({ LOG_LEVEL: level }) => void (log.level = level),
    ...Object.fromEntries(PACE_KEYS.map((key) => [key, setPace])),
  };
  onHangup(makeReload({ load, settings, reloadable, log }));
  captureConsole(log);
  const systemd = Systemd.of(supervising, log);
  try {
    const worker = await Promise.race([
      startWorker({
        settings,
        version: VERSION,
        log,
        unhandledFaults,
        paceSettings: () => paceSettings,
        ...systemd?.patience,
      }),
      told,
    ]);
    // Told to stop while it was still starting: nothing is in hand, and what is on disk survives any end.
    if (worker === undefined) return EXIT.OK;
    const stopped = new AbortController();
    const attended = systemd?.attend(worker, stopped.signal);
    const fault = await Promise.race([told, worker.failed]);
    const exitCode = fault === undefined ? EXIT.OK : reportFault(log, fault);
    await systemd?.stopping(fault === undefined ? "stopping: finishing what is in hand" : sentenceOf(fault));
    await worker.stop();
    stopped.abort();
    await attended;
    return exitCode;
  } catch (error) {
    await systemd?.stopping(sentenceOf(error));
    return reportFault(log, error);
  }
}

/** A terminal that goes away ends the worker as it always does; else SIGHUP is somebody who wants `reload`. */
function onHangup(reload: () => void): void {
  const hadTerminal = Deno.stdin.isTerminal();
  Deno.addSignalListener("SIGHUP", () => {
    if (hadTerminal && !Deno.stdin.isTerminal()) Deno.exit(129);
    reload();
  });
}

const sentenceOf = (fault: unknown) => fault instanceof Error ? fault.message : String(fault);

/** Words the fault that ended the worker. One that has a remedy needs no stack. */
function reportFault(log: Logger, error: unknown): number {
  if (error instanceof BrokerUnavailable || error instanceof StoreError) {
    log.fatal({ code: error.code, remedy: error.remedy }, error.message);
    return error instanceof StoreError ? EXIT.CANTCREAT : EXIT.UNAVAILABLE;
  }
  log.fatal(
    { err: error, remedy: "Report this, with the lines of the log before it" },
    "the worker has failed",
  );
  return EXIT.SOFTWARE;
}

/** Resolves at the first signal to stop; a second one ends the process at once, as a shell reports it. */
function toldToStop(log: Logger): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let told = false;
  const onSignal = (signal: Deno.Signal, exitCode: number) => () => {
    if (told) {
      log.warn({ signal }, "told to stop a second time: ending at once");
      Deno.exit(exitCode);
    }
    told = true;
    log.info({ signal }, "told to stop");
    resolve();
  };
  for (const [signal, exitCode] of [["SIGTERM", 143], ["SIGINT", 130]] as const) {
    Deno.addSignalListener(signal, onSignal(signal, exitCode));
  }
  return promise;
}

/** A rejection nobody handled (Baileys has some when its link drops) is logged and counted; the process goes on. */
function countUnhandledFaults(log: Logger): () => number {
  let count = 0;
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    count++;
    log.error({ err: event.reason }, "a rejection nobody handled");
  });
  globalThis.addEventListener("error", (event) => {
    event.preventDefault();
    count++;
    log.error({ err: event.error }, "an error nobody caught");
  });
  return () => count;
}
