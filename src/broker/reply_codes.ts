/** The queue exists no more, or not yet. */
export const NOT_FOUND = 404;
/** The entity has other properties, or a queue that is only to be deleted when empty is not. */
export const PRECONDITION_FAILED = 406;

const ACCESS_REFUSED = 403;
const NOT_ALLOWED = 530;

/** The AMQP reply code of a refusal, if `error` is one. */
export function amqpCode(error: unknown): number | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "number" ? code : undefined;
}

/** Whether `error` says that somebody else consumes the queue exclusively. A missing permission has the same code. */
export function isInUse(error: unknown): boolean {
  return amqpCode(error) === ACCESS_REFUSED && !/refused for user/i.test(messageOf(error));
}

/**
 * Whether the broker will not have this user, whoever asks and however often: wrong password, no such vhost, no
 * permission. Refusals of the login carry their reason in the text only.
 */
export function isRefusal(error: unknown): boolean {
  const code = amqpCode(error);
  return code === ACCESS_REFUSED || code === NOT_ALLOWED ||
    /\b(?:ACCESS_REFUSED|NOT_ALLOWED)\b/.test(messageOf(error));
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
