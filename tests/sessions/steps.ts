/** What the tests of sessions do and wait for, in the words of the contract. */

import { strict as assert } from "node:assert";
import type { Received } from "../backend/backend.ts";
import { pair, type Stack } from "../stack.ts";

/** A number a backend has, and the phone behind it. */
export interface Line {
  readonly numberId: number;
  readonly phoneNumber: string;
}

export const LINE: Line = { numberId: 6, phoneNumber: "221771234567" };
export const FRIEND = "221779999999";

/** A further number, told apart by its id. */
export function line(numberId: number): Line {
  return { numberId, phoneNumber: String(221770000000 + numberId) };
}

/** The next event with this action about the number. */
export function event(
  { backend }: Stack,
  { numberId }: Line,
  action: string,
  fields: Record<string, unknown> = {},
): Promise<Received> {
  return backend.next(
    ({ body }) => body.action === action && body.numberId === numberId && holds(body, fields),
    { describe: `${action} ${JSON.stringify(fields)} of number ${numberId}` },
  );
}

/** The next health report about the number with this status, and reason if given. */
export function health(stack: Stack, line: Line, status: string, reason?: string): Promise<Received> {
  return event(stack, line, "number_health", { status, ...(reason === undefined ? {} : { reason }) });
}

/** What `status` answers for the number. */
export async function stateOf(stack: Stack, line: Line): Promise<Record<string, unknown>> {
  const correlationId = await stack.backend.command({ action: "status", numberId: line.numberId });
  const { body } = await stack.backend.next(
    ({ body, properties }) => body.action === "session_status" && properties.correlationId === correlationId,
    { describe: "session_status" },
  );
  return body;
}

/** Sends a text to {@link FRIEND}, with other fields if given. @returns the AMQP `message_id` of the command */
export function sendText(
  { backend }: Stack,
  { numberId }: Line,
  messageId: number | undefined,
  content: string,
  fields: Record<string, unknown> = {},
): Promise<string> {
  return backend.send({
    ...(messageId === undefined ? {} : { messageId }),
    whatsappNumberId: numberId,
    recipientNumber: `+${FRIEND}`,
    content,
    type: "TEXT",
    mediaUrl: null,
    ...fields,
  });
}

/** Waits until the number is known to be restricted from writing to new contacts. @returns until when, in ms */
export async function restricted(stack: Stack, line: Line): Promise<number | null> {
  const { body } = await health(stack, line, "HEALTHY", "restricted");
  return (body.vitals as { reachoutTimelockUntil: number | null }).reachoutTimelockUntil;
}

/** Has WhatsApp lift the restriction, and waits until the number is known to be free of it. */
export async function liftRestriction(stack: Stack, { numberId }: Line): Promise<void> {
  const toldBefore = stack.backend.received.length;
  stack.standIn.faults.refuseSends(null);
  await stack.backend.next(
    (received) =>
      received.body.action === "number_health" && received.body.numberId === numberId &&
      received.body.warnings === undefined && stack.backend.received.indexOf(received) >= toldBefore,
    { describe: "a number without a restriction" },
  );
}

/** The next answer to the command with this AMQP `message_id`. */
export function answer({ backend }: Stack, commandId: string, status: string): Promise<Received> {
  return backend.next(
    ({ body, properties }) => body.status === status && properties.correlationId === commandId,
    { describe: `${status} for command ${commandId}` },
  );
}

/** All events so far with this action about the number. */
export function events({ backend }: Stack, { numberId }: Line, action: string): Received[] {
  return backend.received.filter(({ body }) => body.action === action && body.numberId === numberId);
}

/** Opens numbers and scans their QRs, all at once. */
export async function pairAll(stack: Stack, lines: readonly Line[]): Promise<void> {
  await Promise.all(lines.map((line) => pair(stack, line)));
}

/** Waits until everything the worker had to say before now has come: the answer to this comes after it. */
export async function settled(stack: Stack, line: Line): Promise<void> {
  await stateOf(stack, line);
}

/** Fails when something was reported to the log that nobody may have to read in a good run. */
export function assertNoErrorsLogged({ logged }: Stack): void {
  const errors = logged.filter((text) => JSON.parse(text).level >= 50);
  assert.deepEqual(errors, []);
}

function holds(body: Record<string, unknown>, fields: Record<string, unknown>): boolean {
  return Object.entries(fields).every(([key, value]) => body[key] === value);
}
