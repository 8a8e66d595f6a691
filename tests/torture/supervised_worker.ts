/** A worker as its supervisor runs it: the real program, started again when it ends, killed and frozen at will. */

import { ownEnvironment } from "../demo/worker_process.ts";
import { workerCommand } from "../worker_command.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const RESTART_PAUSE_MS = 1_000;
/** A worker promises to end within 20 s; the machine may be busy. */
const STOP_PATIENCE_MS = 40_000;

/** How a process of a worker ended. */
export interface Exit {
  readonly worker: string;
  readonly atMs: number;
  readonly code: number;
  /** What was done to it; none: it ended by itself. */
  readonly cause: "kill9" | "terminate" | undefined;
  /** Terminated, it did not end and had to be killed. */
  readonly late: boolean;
}

/** Where a worker has its things. */
export interface SupervisedWorkerOptions {
  readonly workerId: string;
  readonly envFile: string;
  /** Everything its processes print, one after another. */
  readonly logFile: string;
  /** The private broker's folder: should this process be killed, the broker's guardian ends the worker too. */
  readonly guardedBy: string;
  readonly onExit: (exit: Exit) => void;
}

/** One worker, over all its processes. */
export class SupervisedWorker implements AsyncDisposable {
  readonly #options: SupervisedWorkerOptions;
  #child: Deno.ChildProcess | undefined;
  #cause: Exit["cause"];
  #ended: Promise<void> = Promise.resolve();
  #disposed = false;

  constructor(options: SupervisedWorkerOptions) {
    this.#options = options;
  }

  /** Starts a process; nothing happens when one runs. */
  start(): void {
    if (this.#child !== undefined || this.#disposed) return;
    const { envFile, logFile, guardedBy } = this.#options;
    const { program, args } = workerCommand(["--env-file", envFile]);
    // The shell becomes the worker, which writes to the file itself: no output is lost with this process.
    const child = this.#child = new Deno.Command("/bin/sh", {
      args: [
        "-c",
        `exec "$@" >>"$0" 2>&1`,
        logFile,
        program,
        ...args,
      ],
      cwd: ROOT,
      detached: true,
      clearEnv: true,
      env: { ...ownEnvironment(), WORKER_TORTURE_FOLDER: guardedBy },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#cause = undefined;
    this.#ended = this.#watch(child);
  }

  async kill9(): Promise<void> {
    this.#cause = "kill9";
    this.#signal("SIGKILL");
    await this.#ended;
  }

  /** Asks it to end, and waits until it has. */
  async terminate(): Promise<void> {
    this.#cause = "terminate";
    this.#signal("SIGTERM");
    const impatience = setTimeout(() => this.#signal("SIGKILL"), STOP_PATIENCE_MS);
    await this.#ended;
    clearTimeout(impatience);
  }

  /** Stops its time; its sockets stay open. */
  freeze(): void {
    this.#signal("SIGSTOP");
  }

  thaw(): void {
    this.#signal("SIGCONT");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    await this.kill9();
  }

  async #watch(child: Deno.ChildProcess): Promise<void> {
    const { code, signal } = await child.status;
    const cause = this.#cause;
    this.#child = undefined;
    const late = cause === "terminate" && signal === "SIGKILL";
    this.#options.onExit({ worker: this.#options.workerId, atMs: Date.now(), code, cause, late });
    if (cause !== undefined || this.#disposed) return;
    // As a supervisor does it: without a broker a worker ends soon after its start.
    setTimeout(() => this.start(), RESTART_PAUSE_MS);
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child?.kill(signal);
    } catch (error) {
      // It has ended already.
      if (!(error instanceof TypeError)) throw error;
    }
  }
}
