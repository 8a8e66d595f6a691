import { CONNECTION_CLOSED, describe } from "../socket/close_codes.ts";

/** Why something was not done in a chat, in the backend's words. */
export interface ActionFailure {
  /** Stable. */
  readonly code: string;
  /** One sentence. */
  readonly error: string;
  /** Whether the same command may fare better later. */
  readonly retryable: boolean;
  /** When it will, in ms since the epoch, where that is known. */
  readonly retryAt?: number;
}

/** Something that was not done. */
export class ActionFailed extends Error {
  override readonly name = "ActionFailed";
  readonly failure: ActionFailure;

  constructor(failure: ActionFailure) {
    super(failure.error);
    this.failure = failure;
  }
}

/** What stands in the way of everything that could be done. */
export const FAILURES = {
  no_session: {
    code: "no_session",
    error: "No worker has a session for this number: open one with 'create'",
    retryable: true,
  },
  expired: {
    code: "expired",
    error: "The command was not carried out before its time was up",
    retryable: true,
  },
  not_connected: {
    code: "not_connected",
    error: "The number is not connected to WhatsApp: 'status' says how it is",
    retryable: true,
  },
  banned: { code: "banned", error: "WhatsApp has banned this number", retryable: true },
  timeout: { code: "timeout", error: "WhatsApp did not answer in time", retryable: true },
  rate_limited: {
    code: "rate_limited",
    error: "WhatsApp wants to be asked less often: try again in some minutes",
    retryable: true,
  },
} as const satisfies Record<string, ActionFailure>;

/** The codes of what the actions themselves can fail with, beside {@link FAILURES} and `refused_<code>`. */
export type ActionCode =
  | keyof typeof FAILURES
  | "unknown_message"
  | "not_in_group"
  | "group_not_found"
  | "not_done";

/** The error code in a refusal of WhatsApp's server; Baileys throws it as the data of a Boom. */
export function refusalCodeOf(error: unknown): number | undefined {
  const { data } = (error ?? {}) as { data?: unknown };
  return typeof data === "number" && Number.isSafeInteger(data) ? data : undefined;
}

/** What Baileys threw, in words; `undefined` when the link was lost. */
export function failureOf(error: unknown): ActionFailure | undefined {
  if (error instanceof ActionFailed) return error.failure;
  const refusal = refusalCodeOf(error);
  if (refusal === 429) return FAILURES.rate_limited;
  if (refusal !== undefined) {
    return {
      code: `refused_${refusal}`,
      error: `WhatsApp refused it with code '${refusal}'`,
      retryable: refusal >= 500,
    };
  }
  const { code, message } = describe(error);
  if (code === CONNECTION_CLOSED) return undefined;
  if (code === 408) return FAILURES.timeout;
  return { code: "not_done", error: `It could not be done: ${message}`, retryable: true };
}
