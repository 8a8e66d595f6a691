import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Announcer } from "../../announcer.ts";
import type { ChatResult } from "../../contract/command_result.ts";
import type { ChatAction, ChatActionType } from "../../contract/commands.ts";
import { idText } from "../../contract/ids.ts";
import { StoreError } from "../../store/database.ts";
import type { Store } from "../../store/store.ts";
import type { Telemetry } from "../../telemetry.ts";
import { pause, unlessAborted } from "../../waiting.ts";
import { isConnectedBy } from "../session/await_connection.ts";
import type { Session } from "../session/session.ts";
import type { ActionContext } from "./action_context.ts";
import { showState } from "./chat_state.ts";
import { NumberChecks } from "./check_number.ts";
import { ActionFailed, type ActionFailure, failureOf, FAILURES } from "./failures.ts";
import { describeGroup, listGroups } from "./groups.ts";
import { ReadMarks } from "./read.ts";

/** How long things that are done in chats may take. */
export interface ActionTimings {
  /**
   * How long, from when the fleet took a command, its number is waited for: later it is of little use, and others wait behind
   * it. @default 30 s
   */
  readonly patienceMs: number;
  /** How long WhatsApp may take over an answer, while the number's sends wait behind it. @default 10 s */
  readonly answerMs: number;
  /** How long over one that may be some megabytes. @default 20 s */
  readonly longAnswerMs: number;
}

const TIMINGS: ActionTimings = { patienceMs: 30_000, answerMs: 10_000, longAnswerMs: 20_000 };
/** How often it is tried on links that get lost over it. */
const ATTEMPTS = 3;
const RETRY_PAUSE_MS = 500;

/** Something that is to be done in a chat. */
export interface ActionInHand {
  readonly command: ChatAction;
  /** `message_id` or `correlation_id` of the command. */
  readonly commandId: string | undefined;
  /** The AMQP `message_id` of the command alone: other commands may have its `correlation_id`. */
  readonly messageId: string | undefined;
  /** When the fleet took it from the backend, in ms since the epoch. */
  readonly routedAtMs: number;
  /** When it is of no use any more, in ms since the epoch. */
  readonly expiresAtMs: number;
}

/** Options of {@link ChatActions}. */
export interface ChatActionsOptions {
  readonly store: Store;
  readonly announcer: Announcer;
  /** The session of a number, if this worker holds it. */
  readonly sessionOf: (numberId: string) => Session | undefined;
  /** See {@link NumberChecks}. */
  readonly checksPerMinute: () => number;
  readonly timings?: Partial<ActionTimings> | undefined;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
}

/** What came of it; `later`: nothing, and it is to be taken from the queue again. */
type Outcome = { readonly data: ChatResult } | { readonly failure: ActionFailure } | "later";

/** Does what is asked for in chats beside sending: each command is answered by one event, `DONE` or `FAILED`. */
export class ChatActions {
  readonly #options: ChatActionsOptions;
  readonly #timings: ActionTimings;
  readonly #checks: NumberChecks;
  readonly #readMarks: ReadMarks;

  constructor(options: ChatActionsOptions) {
    this.#options = options;
    const { checksPerMinute: perMinute, now } = options;
    this.#timings = { ...TIMINGS, ...options.timings };
    this.#checks = new NumberChecks({ perMinute, now });
    this.#readMarks = new ReadMarks({ now });
  }

  /**
   * Carries out one command. `done`: its answer is durable. `later`: `signal` was aborted first.
   *
   * @throws {StoreError} when the disk fails
   */
  async take(action: ActionInHand, signal: AbortSignal): Promise<"done" | "later"> {
    const startedAt = performance.now();
    const outcome = await this.#carryOut(action, signal);
    if (outcome === "later") return "later";
    await this.#answer(action, outcome, startedAt);
    return "done";
  }

  /** A command that waited until it was of no use, or has no number to be carried out for. */
  async fail(
    action: Pick<ActionInHand, "command" | "commandId" | "messageId">,
    cause: "expired" | "no_session",
  ): Promise<void> {
    await this.#answer(action, { failure: FAILURES[cause] }, performance.now());
  }

  async #carryOut(action: ActionInHand, signal: AbortSignal): Promise<Outcome> {
    const { sessionOf, now } = this.#options;
    const { command, routedAtMs, expiresAtMs } = action;
    const session = sessionOf(idText(command.numberId));
    if (session === undefined) return { failure: FAILURES.no_session };
    const untilMs = Math.min(routedAtMs + this.#timings.patienceMs, expiresAtMs);
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      if (attempt > 1) await pause(RETRY_PAUSE_MS, signal);
      const isConnected = await isConnectedBy(session, untilMs, { now, signal });
      if (signal.aborted) return "later";
      if (expiresAtMs <= now()) return { failure: FAILURES.expired };
      if (!isConnected) return { failure: absence(session) };
      const outcome = await this.#attempt(command, session, signal);
      if (outcome !== "disconnected") return outcome;
    }
    return { failure: FAILURES.not_connected };
  }

  async #attempt(
    command: ChatAction,
    session: Session,
    signal: AbortSignal,
  ): Promise<Outcome | "disconnected"> {
    const { store } = this.#options;
    const { answerMs, longAnswerMs } = this.#timings;
    const socket = session.openSocket;
    if (socket === undefined) return "disconnected";
    const context: ActionContext = {
      numberId: session.record.numberId,
      socket,
      restricted: session.health.warnings?.includes("restricted") === true,
      store,
      log: session.log,
    };
    const timeoutMs = command.type === "GROUP_LIST" ? longAnswerMs : answerMs;
    try {
      const data = await unlessAborted(within(timeoutMs, this.#perform(command, context)), signal);
      return data === undefined ? "later" : { data };
    } catch (error) {
      if (error instanceof StoreError) throw error;
      const failure = failureOf(error);
      if (failure === undefined || session.openSocket !== socket) return "disconnected";
      if (failure.code === "timeout") socket.doubt();
      if (failure.code === "not_done") session.log.warn({ type: command.type, err: error }, failure.error);
      return { failure };
    }
  }

  #perform(command: ChatAction, context: ActionContext): Promise<ChatResult> {
    switch (command.type) {
      case "READ":
        return this.#readMarks.mark(command, context);
      case "TYPING":
      case "RECORDING":
      case "PAUSED":
        return showState(command, context);
      case "CHECK_NUMBER":
        return this.#checks.check(command, context);
      case "GROUP_LIST":
        return listGroups(command, context);
      case "GROUP_INFO":
        return describeGroup(command, context);
    }
  }

  async #answer(
    { command, commandId, messageId }: Pick<ActionInHand, "command" | "commandId" | "messageId">,
    outcome: Exclude<Outcome, "later">,
    startedAt: number,
  ): Promise<void> {
    const { announcer, sessionOf, telemetry } = this.#options;
    const { numberId, type } = command;
    const failure = "failure" in outcome ? outcome.failure : undefined;
    const fields = {
      action: "command_result",
      numberId,
      ...(command.messageId !== undefined && { messageId: command.messageId }),
      type,
      ...(failure === undefined ? { status: "DONE", ...outcome } : { status: "FAILED", ...failure }),
    };
    const options = { correlationId: commandId, messageId: answerIdOf(messageId, type) };
    const session = sessionOf(idText(numberId));
    await announcer.commit(
      session === undefined
        ? announcer.event(fields, options)
        : announcer.session(session.record, fields, options),
    );
    telemetry?.command(type, failure?.code ?? "done", performance.now() - startedAt);
  }
}

/** Why a session that was waited for is not connected. */
function absence({ state }: Session): ActionFailure {
  if (state === "ended") return FAILURES.no_session;
  return state === "banned" ? FAILURES.banned : FAILURES.not_connected;
}

/** The same for every time a command is delivered, so that a backend can drop an answer that comes again after a crash. */
function answerIdOf(messageId: string | undefined, type: ChatActionType): string | undefined {
  if (!messageId) return undefined;
  return createHash("sha256").update(JSON.stringify([messageId, type])).digest("hex").slice(0, 32);
}

/** @throws {ActionFailed} `timeout` */
async function within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
  const over = new AbortController();
  const timer = delay(timeoutMs, undefined, { signal: over.signal }).then(() => {
    throw new ActionFailed(FAILURES.timeout);
  });
  try {
    return await Promise.race([work, timer]);
  } finally {
    over.abort();
  }
}
