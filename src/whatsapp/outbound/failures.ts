import type { FailureCode } from "./failure_codes.ts";

/** Why a send failed, for the backend. */
export interface SendFailure {
  readonly code: FailureCode;
  readonly error: string;
  /** The same command, sent again, may succeed. */
  readonly retryable: boolean;
  /** It will not before this moment, in ms since the epoch. */
  readonly retryAt?: number;
}

/** A message that cannot be made or cannot arrive, in the backend's words. */
export class Unsendable extends Error {
  override readonly name = "Unsendable";
  readonly failure: SendFailure;

  constructor(failure: SendFailure) {
    super(failure.error);
    this.failure = failure;
  }
}

/** Its number was not connected before its time was up. */
export const EXPIRED: SendFailure = {
  code: "expired",
  error: "The message was not sent in time because its number was not connected",
  retryable: true,
};

/** Its time was up while it was made. */
export const EXPIRED_UNMADE: SendFailure = {
  code: "expired",
  error: "The message was not sent in time because its medium took too long to fetch and to upload",
  retryable: true,
};

/** Nobody has its number. */
export const NO_SESSION: SendFailure = {
  code: "no_session",
  error: "No worker has a session for this number: open one with 'create'",
  retryable: true,
};

/** Its number may not log in. */
export const BANNED: SendFailure = {
  code: "banned",
  error: "WhatsApp has banned this number",
  retryable: true,
};

/** It was handed over, and nobody knows what became of it. */
export const UNCONFIRMED: SendFailure = {
  code: "unconfirmed",
  error: "WhatsApp did not confirm the message; it may or may not have arrived",
  retryable: true,
};

/** It was not written, because of this. */
export function notSent(why: string): SendFailure {
  return { code: "not_sent", error: `Cannot send the message: ${why}`, retryable: true };
}
