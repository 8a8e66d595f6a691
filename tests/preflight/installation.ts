/** An installation as an operator has it: a folder with a `.env`, and where the state will be. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import type { Finding } from "../../src/preflight/check.ts";
import type { CheckResult, Report } from "../../src/preflight/report.ts";
import { checkAll, type CheckAllOptions } from "../../src/preflight/run.ts";
import { workerCommand } from "../worker_command.ts";

/** Nothing listens there, so that what a test is not about ends at once. */
const NOWHERE = "127.0.0.1:1";

/** What a program that was run printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** An installation in a folder of its own; hold it with `await using`. */
export class Installation implements AsyncDisposable {
  readonly envFile: string;
  readonly sessionDir: string;
  #settings: Record<string, string>;

  private constructor(readonly folder: string) {
    this.envFile = join(folder, ".env");
    this.sessionDir = join(folder, "sessions");
    this.#settings = {
      WORKER_ID: "worker-1",
      WORKER_NAME: "Worker",
      NODE_ENV: "test",
      RABBITMQ_URL: `amqp://worker:the-broker-password@${NOWHERE}`,
      QUEUE_MESSAGE_SEND: "whatsapp.message.send",
      QUEUE_MESSAGE_RECEIVE: "whatsapp.message.receive",
      QUEUE_NUMBER_HEALTH: "whatsapp.number.health",
      QUEUE_SESSION_UPDATE: "whatsapp.session.update",
      BACKEND_API_URL: `http://${NOWHERE}/api`,
      BACKEND_API_KEY: "the-key-of-the-backend",
      SESSION_DIR: this.sessionDir,
      SESSION_TIMEOUT: "3600000",
      MAX_RETRY_ATTEMPTS: "3",
      MESSAGE_TIMEOUT: "30000",
      HEALTH_CHECK_INTERVAL: "60000",
      // Installations of one machine would have to share a port.
      HTTP_PORT: "",
      LOG_LEVEL: "info",
      LOG_PRETTY: "false",
      WHATSAPP_WEB_URL: `ws://${NOWHERE}/ws/chat`,
    };
  }

  static async make(settings: Record<string, string> = {}): Promise<Installation> {
    const installation = new Installation(await Deno.makeTempDir({ prefix: "whatsapp-worker-test-" }));
    await installation.set(settings);
    return installation;
  }

  /** Changes settings in the `.env`. */
  async set(settings: Record<string, string>): Promise<void> {
    this.#settings = { ...this.#settings, ...settings };
    await this.write(Object.entries(this.#settings).map(([key, value]) => `${key}=${value}\n`).join(""));
  }

  /** Writes the `.env` as it is given. */
  async write(text: string): Promise<void> {
    await Deno.writeTextFile(this.envFile, text, { mode: 0o600 });
  }

  /** Checks it within this process. */
  async check(options: Partial<CheckAllOptions> = {}): Promise<Report> {
    return await checkAll({ envFile: this.envFile, environment: {}, ...options });
  }

  /**
   * Runs the program in it, as `worker ARGS --env-file .env`.
   *
   * @param main another program, with all permissions
   */
  async run(args: string[], environment: Record<string, string> = {}, main?: string): Promise<Ran> {
    const startedAt = performance.now();
    const programArguments = [...args, "--env-file", this.envFile];
    const { program, args: all } = main === undefined
      ? workerCommand(programArguments)
      : { program: Deno.execPath(), args: ["run", "-A", main, ...programArguments] };
    const { code, stdout, stderr } = await new Deno.Command(program, {
      args: all,
      cwd: new URL("../../", import.meta.url).pathname,
      env: environment,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    const text = new TextDecoder();
    const durationMs = performance.now() - startedAt;
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr), durationMs };
  }

  /** Every file in it with its size and the time of its last change. */
  async files(): Promise<string[]> {
    const files: string[] = [];
    const walk = async (folder: string) => {
      for await (const { name, isDirectory } of Deno.readDir(folder)) {
        const path = join(folder, name);
        const { size, mtime } = await Deno.stat(path);
        files.push(isDirectory ? `${path}/` : `${path} ${size} ${mtime?.getTime()}`);
        if (isDirectory) await walk(path);
      }
    };
    await walk(this.folder);
    return files.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The result of one check. */
export function resultOf(report: Report, id: string): CheckResult {
  const result = report.checks.find((check) => check.id === id);
  assert.ok(result, `there is a check '${id}'`);
  return result;
}

/** The one finding of a check that is not all right; fails the test unless there is exactly one. */
export function troubleIn(report: Report, id: string): Finding {
  const { findings } = resultOf(report, id);
  const troubles = findings.filter(({ status }) => status !== "ok");
  assert.equal(troubles.length, 1, `'${id}' finds one thing wrong: ${JSON.stringify(findings)}`);
  return troubles[0]!;
}

/** Every check's status, by id. */
export const statuses = (report: Report): Record<string, string> =>
  Object.fromEntries(report.checks.map(({ id, status }) => [id, status]));
