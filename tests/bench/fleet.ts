/** Workers of one deployment as programs of their own, and a backend that asks them things. */

import { join } from "node:path";
import type { Received } from "../backend/backend.ts";
import { type Stack, startStack, type WorkerProgram } from "../stack.ts";
import { type Bench, guarded, PATIENCE_MS } from "./bench.ts";

const READY = "the worker is ready";
const READS = "this worker is the reader of the shared queues";

/** A command to one worker, `status` of a number that it does not have, and what came back. */
export interface Question {
  /** By `message_id`: the same one again is the same answer. */
  readonly answers: ReadonlySet<string>;
  /** Resolves to the time (`performance.now()`) of the first answer, if one comes. */
  readonly answered: Promise<number>;
}

type Questions = Map<string, { readonly answers: Set<string>; readonly resolve: (atMs: number) => void }>;

/** A deployment whose programs are started, killed and frozen. It ends with the subject. */
export class Fleet {
  readonly #stack: Stack;
  readonly #url: string;
  readonly #questions: Questions;
  readonly #programs = new Map<string, WorkerProgram>();

  private constructor(stack: Stack, url: string, questions: Questions) {
    this.#stack = stack;
    this.#url = url;
    this.#questions = questions;
  }

  /**
   * Makes the deployment; no worker runs yet.
   *
   * @param heartbeatS what `RABBITMQ_URL` asks for; without it the worker's own counts
   */
  static async make(bench: Bench, heartbeatS?: number): Promise<Fleet> {
    const questions: Questions = new Map();
    const listener = ({ properties }: Received) => {
      const question = questions.get(String(properties.correlationId));
      question?.answers.add(String(properties.messageId));
      question?.resolve(performance.now());
    };
    const stack = bench.resources.use(
      await startStack({
        broker: bench.broker,
        environment: { ...guarded(bench), LOG_LEVEL: "info", SESSION_WIRING: "exchange" },
        backend: { listener },
      }),
    );
    const url = new URL(stack.url);
    if (heartbeatS !== undefined) url.searchParams.set("heartbeat", String(heartbeatS));
    return new Fleet(stack, url.href, questions);
  }

  /** Starts a worker; resolves when it is ready. */
  async start(workerId: string): Promise<void> {
    const program = this.#stack.startProgram({
      WORKER_ID: workerId,
      RABBITMQ_URL: this.#url,
      SESSION_DIR: join(this.#stack.folder, workerId),
    });
    this.#programs.set(workerId, program);
    await program.printed(READY, PATIENCE_MS);
  }

  /** Resolves when the worker reads the shared queues. */
  async reads(workerId: string): Promise<void> {
    await this.#program(workerId).printed(READS, PATIENCE_MS);
  }

  signal(workerId: string, signal: Deno.Signal): void {
    this.#program(workerId).process.kill(signal);
  }

  /** Resolves when its process has ended. */
  async ended(workerId: string): Promise<void> {
    await this.#program(workerId).process.status;
  }

  /** Publishes a {@link Question}; resolves when the broker has it. */
  async ask(workerId: string): Promise<Question> {
    const messageId = crypto.randomUUID();
    const answered = Promise.withResolvers<number>();
    const answers = new Set<string>();
    this.#questions.set(messageId, { answers, resolve: answered.resolve });
    await this.#stack.backend.publish({
      exchange: "whatsapp.exchange",
      routingKey: "session.update",
      content: JSON.stringify({ action: "status", numberId: 1, workerId }),
      options: { contentType: "text/plain", persistent: true, messageId },
    });
    return { answers, answered: answered.promise };
  }

  #program(workerId: string): WorkerProgram {
    const program = this.#programs.get(workerId);
    if (program === undefined) throw new RangeError(`Cannot find '${workerId}' as it was never started`);
    return program;
  }
}
