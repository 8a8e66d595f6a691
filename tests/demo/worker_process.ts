/** The worker as its users run it: a process of its own, with a `.env`. */

import { isKey, KEYS, rowOf } from "../../src/config/settings.ts";
import { workerCommand } from "../worker_command.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const READY = "the worker is ready";

/** Writes a `.env` that only its owner can read: `.env.example`'s required settings, with `changes` over them. */
export async function writeEnvFile(path: string, changes: Readonly<Record<string, string>>): Promise<void> {
  const lines = KEYS.filter((key) => rowOf(key).required || key in changes).map((key) => {
    const value = changes[key] ?? rowOf(key).example;
    return `${key}=${/[\s#]/.test(value) ? `"${value}"` : value}\n`;
  });
  await Deno.writeTextFile(path, lines.join(""), { mode: 0o600, createNew: true });
}

/**
 * Downloads, compiles or unpacks what the worker is made of, so that its first start is one like any other.
 *
 * @throws {Error} with what deno said
 */
export async function cacheWorker(signal: AbortSignal): Promise<void> {
  const { program, args } = workerCommand(["--version"]);
  const command = new Deno.Command(program, {
    args,
    signal,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await command.output();
  if (!success) {
    throw new Error(`The worker's dependencies cannot be had:\n${new TextDecoder().decode(stderr)}`);
  }
}

/** Where a worker process finds its things, and who ends it. */
export interface WorkerProcessOptions {
  readonly envFile: string;
  /** Gets all that the worker prints, after what it holds already. */
  readonly logFile: string;
  /** The private broker's folder: should this process be killed, the broker's guardian ends the worker too. */
  readonly guardedBy: string;
  /** Called when the worker ends without having been told to. */
  readonly onCrash: (error: Error) => void;
}

/** The worker as a running process. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #startedAtMs = performance.now();
  readonly #ready = Promise.withResolvers<number>();
  readonly #ended: Promise<Deno.CommandStatus>;
  #printed = "";
  #told = false;

  /** Starts it. */
  constructor({ envFile, logFile, guardedBy, onCrash }: WorkerProcessOptions) {
    // Detached: the terminal's Ctrl-C must not reach the worker before the demo has seen it.
    const { program, args } = workerCommand(["--env-file", envFile]);
    this.#child = new Deno.Command(program, {
      args,
      cwd: ROOT,
      detached: true,
      clearEnv: true,
      env: { ...ownEnvironment(), WORKER_DEMO_FOLDER: guardedBy },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    // Whoever waits for it is told by onCrash; nobody may be waiting any more.
    this.#ready.promise.catch(() => {});
    this.#ended = this.#watch(logFile, onCrash);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves to the time from start to ready, in ms. */
  get ready(): Promise<number> {
    return this.#ready.promise;
  }

  /** Sends SIGTERM. @returns the exit code; 137 when the worker had to be killed because it did not end in time */
  async stop(patienceMs: number = 25_000): Promise<number> {
    this.#told = true;
    this.#signal("SIGTERM");
    const impatience = setTimeout(() => this.#signal("SIGKILL"), patienceMs);
    const { code } = await this.#ended;
    clearTimeout(impatience);
    return code;
  }

  /** Ends it at once, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#told = true;
    this.#signal("SIGKILL");
    await this.#ended;
  }

  async #watch(logFile: string, onCrash: (error: Error) => void): Promise<Deno.CommandStatus> {
    const { stdout, stderr, status } = this.#child;
    const read = async (stream: ReadableStream<Uint8Array<ArrayBuffer>>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        await Deno.writeTextFile(logFile, text, { append: true, mode: 0o600 });
        this.#printed += text;
        if (this.#printed.includes(READY)) this.#ready.resolve(performance.now() - this.#startedAtMs);
      }
    };
    const [ended] = await Promise.all([status, read(stdout), read(stderr)]);
    if (this.#told) return ended;
    const error = new Error(`The worker ended by itself with exit code ${ended.code}`);
    this.#ready.reject(error);
    onCrash(error);
    return ended;
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It has ended already.
      if (!(error instanceof TypeError)) throw error;
    }
  }
}

/** This process's environment without what would go over the `.env`, and without proxies: all is on loopback. */
export function ownEnvironment(): Record<string, string> {
  const environment = Object.entries(Deno.env.toObject());
  return Object.fromEntries(environment.filter(([name]) => !isKey(name) && !/_proxy$/i.test(name)));
}
