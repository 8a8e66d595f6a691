/** Why a medium cannot be had or sent. */
export const MEDIA_FAILURE_CODES = [
  /** Its host may not be asked. */
  "media_url_refused",
  "media_not_found",
  "media_fetch_failed",
  "media_too_large",
  "media_empty",
  /** What should hold its bytes does not. */
  "media_invalid",
  /** Its bytes cannot be shown as what they were to be sent as. */
  "media_type_mismatch",
  /** WhatsApp's media hosts did not take it. */
  "media_upload_failed",
  /** There is no room to keep it in until WhatsApp has it. */
  "media_not_staged",
] as const;

/** One of {@link MEDIA_FAILURE_CODES}. */
export type MediaFailureCode = typeof MEDIA_FAILURE_CODES[number];

/** A medium that cannot be had or sent, in a sentence for the backend that names no address but what it wrote itself. */
export class MediaFailure extends Error {
  override readonly name = "MediaFailure";
  readonly code: MediaFailureCode;
  /** The same command, sent again, may succeed. */
  readonly retryable: boolean;

  constructor(
    code: MediaFailureCode,
    message: string,
    options: { retryable?: boolean; cause?: unknown } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : {});
    this.code = code;
    this.retryable = options.retryable ?? false;
  }
}

/** A medium with more bytes than the operator lets it have. */
export function tooLarge(maxBytes: number): MediaFailure {
  return new MediaFailure("media_too_large", `The medium is larger than ${maxBytes} bytes (MEDIA_MAX_SIZE)`);
}

/** A `mediaUrl` that is not followed; `why` completes "mediaUrl …". */
export function urlRefused(why: string): MediaFailure {
  return new MediaFailure("media_url_refused", `mediaUrl ${why}`);
}
