/** Everything a test of the whole worker needs, on real parts: broker, WhatsApp stand-in, backend, state folder. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { loadConfig, type Settings } from "../src/config/load.ts";
import {
  eventType,
  messageMedia,
  messageStatus,
  numberHealth,
  receivedMessage,
  sessionEvent,
} from "../src/contract/events.ts";
import { makeLog } from "../src/log.ts";
import type { WorkerOptions } from "../src/worker_options.ts";
import { startWorker, type Worker } from "../src/worker.ts";
import { type Backend, type BackendOptions, connectBackend, type Received } from "./backend/backend.ts";
import { clearBaileysTimers } from "./baileys_timers.ts";
import type { Broker } from "./rabbitmq/broker.ts";
import type { StandIn } from "./stand_in/stand_in.ts";
import { startStandIn } from "./stand_in/stand_in.ts";
import { workerCommand } from "./worker_command.ts";

/** What {@link startStack} may be given. */
export interface StackOptions {
  /** The run's broker: `await sharedBroker()` at the top level of the test module. */
  readonly broker: Broker;
  /** Settings other than {@link Stack.environment} has them. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly backend?: Omit<BackendOptions, "url">;
}

/** What a worker in this process may be given beside its settings. */
export type WorkerExtras = Partial<Omit<WorkerOptions, "settings" | "log" | "version">>;

/** A deployment of its own: vhost, backend, WhatsApp and state folder are nobody else's. */
export interface Stack extends AsyncDisposable {
  /** URL of the vhost. */
  readonly url: string;
  readonly backend: Backend;
  readonly standIn: StandIn;
  /** Holds the state folder and whatever else the test writes. */
  readonly folder: string;
  /** A complete set of settings, as the environment of a worker. */
  readonly environment: Readonly<Record<string, string>>;
  /** What every worker of this stack has logged, as JSON lines. */
  readonly logged: readonly string[];
  /** Starts a worker in this process; it is stopped with the stack if not before. */
  startWorker(environment?: Readonly<Record<string, string>>, extras?: WorkerExtras): Promise<Worker>;
  /**
   * Starts the worker program as a process of its own; it is killed with the stack if it still runs.
   *
   * @param flags of `deno run`
   */
  startProgram(environment?: Readonly<Record<string, string>>, flags?: readonly string[]): WorkerProgram;
}

/** The worker program as a process. */
export interface WorkerProgram {
  readonly process: Deno.ChildProcess;
  /** What it has written so far, both outputs. */
  readonly output: () => string;
  /** Resolves when a line of the output holds `text`. */
  printed(text: string, timeoutMs?: number): Promise<void>;
}

/** Builds a deployment. Hold it with `await using`: its end checks everything the backend received against the contract. */
export async function startStack({ broker, environment = {}, backend }: StackOptions): Promise<Stack> {
  const url = await broker.vhost();
  const standIn = await startStandIn();
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" });
  const connected = await connectBackend({ url, ...backend });
  return new RunningStack(url, connected, standIn, folder, {
    ...workerEnvironment({ url, standIn, sessionDir: join(folder, "sessions") }),
    ...environment,
  });
}

/** Every required setting, for a worker that talks to `url` and `standIn`. */
export function workerEnvironment(
  { url, standIn, sessionDir }: { url: string; standIn: StandIn; sessionDir: string },
): Record<string, string> {
  return {
    WORKER_ID: "worker-1",
    WORKER_NAME: "Worker 1",
    RABBITMQ_URL: url,
    QUEUE_MESSAGE_SEND: "whatsapp.message.send",
    QUEUE_MESSAGE_RECEIVE: "whatsapp.message.receive",
    QUEUE_NUMBER_HEALTH: "whatsapp.number.health",
    QUEUE_SESSION_UPDATE: "whatsapp.session.update",
    BACKEND_API_URL: "http://localhost:8080/api",
    BACKEND_API_KEY: "",
    SESSION_DIR: sessionDir,
    SESSION_TIMEOUT: "3600000",
    MAX_RETRY_ATTEMPTS: "3",
    MESSAGE_TIMEOUT: "30000",
    HEALTH_CHECK_INTERVAL: "60000",
    // Workers of one machine would have to share a port.
    HTTP_PORT: "",
    LOG_LEVEL: "trace",
    LOG_PRETTY: "false",
    NODE_ENV: "test",
    WHATSAPP_WEB_URL: standIn.url,
    WHATSAPP_ROOT_KEY: standIn.rootKeyHex,
  };
}

/** Opens a number, scans its QR from the picture and waits until it is healthy. @returns the `connected` event */
export async function pair(
  { backend, standIn }: Pick<Stack, "backend" | "standIn">,
  { numberId, phoneNumber }: { numberId: number; phoneNumber: string },
): Promise<Received> {
  await backend.command({ action: "create", numberId, phoneNumber: `+${phoneNumber}` });
  const qr = await backend.next(
    ({ body }) => body.action === "qr_generated" && body.numberId === numberId,
    { describe: "a QR" },
  );
  await standIn.phone(phoneNumber).scanPng(String(qr.body.qrCode));
  await backend.next(
    ({ body }) => body.status === "HEALTHY" && body.numberId === numberId,
    { describe: "a healthy number" },
  );
  return await backend.next(
    ({ body }) => body.action === "connected" && body.numberId === numberId,
    { describe: "connected" },
  );
}

/** @throws {AssertionError} when a body is not what the contract says a worker publishes */
export function assertContract({ body, properties, queue }: Received): void {
  const type = eventType(body);
  const schema = {
    message_media: messageMedia,
    message_status: messageStatus,
    message_received: receivedMessage,
    number_health: numberHealth,
  }[type] ??
    sessionEvent;
  const result = schema.safeParse(body);
  assert.ok(
    result.success,
    `${queue} got what the contract does not know: ${result.error} in ${JSON.stringify(body, printable)}`,
  );
  assert.equal(properties.type, type);
  assert.equal(properties.appId, "whatsapp-worker");
  assert.equal(properties.deliveryMode, 2);
  assert.ok(properties.messageId, "an event has a message_id");
  assert.ok(properties.headers?.["x-worker-id"], "an event names its worker");
}

class RunningStack implements Stack {
  readonly logged: string[] = [];
  readonly #workers = new Set<Worker>();
  readonly #programs = new Set<Program>();

  constructor(
    readonly url: string,
    readonly backend: Backend,
    readonly standIn: StandIn,
    readonly folder: string,
    readonly environment: Record<string, string>,
  ) {}

  async startWorker(environment: Record<string, string> = {}, extras: WorkerExtras = {}): Promise<Worker> {
    const settings = await this.#settings(environment);
    const log = makeLog({
      level: settings.LOG_LEVEL,
      pretty: settings.LOG_PRETTY,
      workerId: settings.WORKER_ID,
      destination: { write: (line: string) => void this.logged.push(line) },
    });
    const worker = await startWorker({ settings, version: "0.0.0-test", log, ...extras });
    const stoppable: Worker = {
      ...worker,
      stop: async () => {
        this.#workers.delete(stoppable);
        await worker.stop();
      },
    };
    this.#workers.add(stoppable);
    return stoppable;
  }

  startProgram(environment: Record<string, string> = {}, flags: readonly string[] = []): WorkerProgram {
    const program = new Program({ ...this.environment, ...environment }, this.folder, flags);
    this.#programs.add(program);
    return program;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) await worker.stop();
    for (const program of this.#programs) await program.end();
    await this.backend.close();
    await this.standIn.close();
    clearBaileysTimers();
    await Deno.remove(this.folder, { recursive: true });
    for (const received of this.backend.received) assertContract(received);
  }

  async #settings(environment: Record<string, string>): Promise<Settings> {
    return (await loadConfig({
      envFile: undefined,
      environment: { ...this.environment, ...environment },
      readFile: () => Promise.reject(new Deno.errors.NotFound()),
    })).settings;
  }
}

/** The worker program, or the one at `main`, running in `folder` with `environment` over this process's own. */
export class Program implements WorkerProgram {
  readonly process: Deno.ChildProcess;
  #text = "";
  #grown = Promise.withResolvers<void>();
  readonly #read: Promise<unknown>;

  constructor(
    environment: Record<string, string>,
    folder: string,
    flags: readonly string[] = [],
    programArguments: readonly string[] = [],
    main?: string,
  ) {
    const config = new URL("../deno.json", import.meta.url).pathname;
    const { program, args } = main === undefined ? workerCommand(programArguments, flags) : {
      program: Deno.execPath(),
      args: ["run", "-A", "--config", config, ...flags, main, ...programArguments],
    };
    this.process = new Deno.Command(program, {
      args,
      cwd: folder,
      env: environment,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#read = Promise.all([this.#collect(this.process.stdout), this.#collect(this.process.stderr)]);
  }

  output = (): string => this.#text;

  async printed(text: string, timeoutMs = 20_000): Promise<void> {
    const timeout = AbortSignal.timeout(timeoutMs);
    while (!this.#text.includes(text)) {
      if (timeout.aborted) throw new Error(`The program did not print '${text}' but:\n${this.#text}`);
      const { promise, resolve } = Promise.withResolvers<void>();
      timeout.addEventListener("abort", () => resolve(), { once: true });
      await Promise.race([this.#grown.promise, promise]);
    }
  }

  /** Kills it unless it has ended; resolves when all it wrote has been read. */
  async end(): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.process.status;
    await this.#read;
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += chunk;
      this.#grown.resolve();
      this.#grown = Promise.withResolvers();
    }
  }
}

function printable(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
