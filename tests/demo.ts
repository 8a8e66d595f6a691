/**
 * The whole contract on real parts, as `deno task demo` plays it: a private RabbitMQ, the WhatsApp stand-in, a backend and
 * the worker as a process of its own.
 *
 *     deno task demo            plays and ends; about 20 s, and the installation of RabbitMQ the first time
 *     deno task demo --keep     leaves everything running after the play, until Ctrl-C
 *
 * The exit code is 0 when every step went as the contract says, 1 when one did not, 64 for wrong usage; 129, 130 or 143
 * when it was interrupted. In each case nothing keeps running, and nothing is left but the picture that the last line of a
 * complete play names.
 */

import { parseArgs } from "node:util";
import { PackagesMissingError } from "./debian.ts";
import { keepRunning } from "./demo/keep.ts";
import { startParts } from "./demo/parts.ts";
import { type Measurements, play } from "./demo/play.ts";
import { Screen, seconds } from "./demo/screen.ts";
import { Interrupted, Stage, StepFailed } from "./demo/stage.ts";

const SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

async function main(args: string[]): Promise<number> {
  let keep: boolean;
  try {
    keep = parseArgs({ args, options: { keep: { type: "boolean", default: false } } }).values.keep;
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\nUsage: deno task demo [--keep]`);
    return 64;
  }
  // libsignal, in the stand-in, tells here what it does with its sessions.
  console.info = console.warn = () => {};
  const trouble = new AbortController();
  const screen = new Screen(Deno.stdout.isTerminal() && !Deno.noColor);
  for (const [signal, exitCode] of Object.entries(SIGNALS) as [keyof typeof SIGNALS, number][]) {
    Deno.addSignalListener(signal, () => {
      // One Ctrl-C may come more than once: from the terminal and from the task runner.
      if (trouble.signal.reason instanceof Interrupted) return;
      screen.text(`\n${signal}: ending everything`);
      trouble.abort(new Interrupted(signal, exitCode));
    });
  }
  return await perform(new Stage(screen, trouble.signal), keep, (error) => trouble.abort(error));
}

/** The demo itself, from the first part started to the last one ended. @returns the exit code */
async function perform(stage: Stage, keep: boolean, onCrash: (error: Error) => void): Promise<number> {
  const { screen } = stage;
  const resources = new AsyncDisposableStack();
  let qrFile: string | undefined;
  let complete = false;
  let logFile: string | undefined;
  let exitCode = 0;
  screen.heading("WhatsApp worker: the contract between backend and worker, on real parts");
  try {
    const parts = await startParts(stage, resources, onCrash);
    logFile = parts.logFile;
    qrFile = await Deno.makeTempFile({ prefix: "whatsapp-worker-demo-", suffix: "-qr.png" });
    const measured = await play(stage, parts, qrFile);
    complete = true;
    summarise(screen, measured);
    if (keep) await keepRunning(stage, parts);
  } catch (error) {
    exitCode = await explain(screen, error, logFile);
  }
  try {
    await resources.disposeAsync();
  } catch (error) {
    screen.fault(`FAULT of the demo as it ended its parts: ${error instanceof Error ? error.stack : error}`);
    exitCode ||= 1;
  }
  if (qrFile !== undefined && !complete) await Deno.remove(qrFile);
  screen.text(
    complete ? `\nNothing runs any more. The QR's picture stays: ${qrFile}` : "\nNothing is left behind.",
  );
  return exitCode;
}

function summarise(screen: Screen, measured: Measurements): void {
  const { createToQrMs, startToReadyMs, restartToReadyMs, restBytes } = measured;
  screen.heading(`Every step went as the contract says, in ${seconds(screen.elapsedMs)}`);
  screen.row("create to qr_generated", seconds(createToQrMs));
  screen.row(
    "start of the worker to ready",
    `${seconds(startToReadyMs)}, with a session ${seconds(restartToReadyMs)}`,
  );
  screen.row("memory at rest, one session", `${Math.round(restBytes / 2 ** 20)} MiB resident`);
}

/** Says what went wrong, if anything did. @returns the exit code */
async function explain(screen: Screen, error: unknown, logFile: string | undefined): Promise<number> {
  if (error instanceof Interrupted) return error.exitCode;
  if (error instanceof StepFailed && error.cause instanceof PackagesMissingError) {
    screen.fault(error.message);
    return 1;
  }
  if (error instanceof StepFailed) screen.fault(`FAILED at '${error.step}': ${error.message}`);
  else screen.fault(`FAULT of the demo: ${error instanceof Error ? error.stack : error}`);
  const log = logFile && await Deno.readTextFile(logFile).catch(() => undefined);
  if (log) console.error(`\nThe worker's last lines:\n${log.trimEnd().split("\n").slice(-20).join("\n")}`);
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
