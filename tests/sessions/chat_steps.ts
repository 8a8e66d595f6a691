/** How tests have things done in chats, and what they get to hear of it. */

import type { Received } from "../backend/backend.ts";
import type { Stack } from "../stack.ts";
import { LINE } from "./steps.ts";

/** Publishes what is to be done as a message of that type. @returns the AMQP `message_id` of the command */
export function act(
  { backend }: Stack,
  type: string,
  fields: Record<string, unknown> = {},
): Promise<string> {
  return backend.send({ whatsappNumberId: LINE.numberId, type, ...fields });
}

/** The answer to the command with this AMQP `message_id`. */
export function result({ backend }: Stack, commandId: string, timeoutMs?: number): Promise<Received> {
  return backend.next(
    ({ body, properties }) => body.action === "command_result" && properties.correlationId === commandId,
    { describe: `the result of ${commandId}`, ...(timeoutMs !== undefined && { timeoutMs }) },
  );
}

/** Has something done, and gives what came of it. */
export async function done(
  stack: Stack,
  type: string,
  fields: Record<string, unknown> = {},
): Promise<Record<string, unknown>> {
  return (await result(stack, await act(stack, type, fields))).body;
}

/** Every answer that has come so far. */
export function results({ backend }: Stack): Received[] {
  return backend.received.filter(({ body }) => body.action === "command_result");
}
