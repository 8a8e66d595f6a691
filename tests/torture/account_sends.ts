/** What became of every message the backend wanted sent. */

import type { Received } from "../backend/backend.ts";
import type { Publication } from "./backend.ts";
import type { Account, Facts, Hole, SendFact, ShownFact } from "./facts.ts";
import { byInstant, instant } from "./instant.ts";
import { outOfPlace } from "./order.ts";

const ORDER = ["FAILED", "SENT", "DELIVERED", "READ", "PLAYED"];

/** Why a send may fail that was worth sending and had a worker: nobody knows whether it arrived, or it was late. */
const LEGITIMATE = new Set(["unconfirmed", "not_sent", "expired"]);

/** A send with all that was heard of it. */
interface Trail {
  readonly send: SendFact;
  /** Each `message_id` once, in the order of the first deliveries. */
  readonly statuses: readonly Received[];
  readonly deliveries: readonly Received[];
  readonly shown: readonly ShownFact[];
}

/** Accounts for all sends. */
export function accountForSends(facts: Facts): Account {
  const trails = trailsOf(facts);
  const holes = trails.flatMap((trail) => [...holesIn(trail)]);
  const unknown = facts.received.filter(({ body, properties }) =>
    properties.type === "message_status" && !facts.sends.has(Number(body.messageId))
  );
  for (const { text, properties } of unknown) {
    holes.push({
      kind: "status_invented",
      id: String(properties.messageId),
      sentence: "A status about a message nobody sent",
      traces: [],
      history: [text],
    });
  }
  holes.push(...misplaced(trails));
  return { counts: countsOf(trails), holes };
}

/** Whether a command has been answered, and how. */
export function answersTo(deliveries: readonly Received[], { amqpId }: Publication): Received[] {
  return deliveries.filter(({ properties }) => properties.correlationId === amqpId);
}

/** Each `message_id` once. */
export function withoutRepeats(deliveries: readonly Received[]): Received[] {
  return [...Map.groupBy(deliveries, ({ properties }) => String(properties.messageId)).values()]
    .map(([first]) => first!);
}

function trailsOf({ sends, received, shown }: Facts): Trail[] {
  const statuses = Map.groupBy(
    received.filter(({ properties }) => properties.type === "message_status"),
    ({ body }) => Number(body.messageId),
  );
  const showings = Map.groupBy(shown, ({ text }) => text);
  return [...sends.values()].map((send) => {
    const deliveries = statuses.get(send.step.messageId) ?? [];
    return {
      send,
      deliveries,
      statuses: withoutRepeats(deliveries),
      shown: showings.get(send.text) ?? [],
    };
  });
}

function* holesIn(trail: Trail): Generator<Hole> {
  const { send: { step, commands, expiresAtMs }, deliveries, statuses, shown } = trail;
  const hole = (kind: string, sentence: string) => holeOf(trail, kind, sentence);
  for (const command of commands) {
    if (command.confirmedAtMs === undefined) {
      yield hole("send_not_published", `Command ${command.amqpId} was never confirmed by the broker`);
    } else if (answersTo(deliveries, command).length === 0) {
      yield hole("send_unanswered", `Command ${command.amqpId} got no answer`);
    }
  }
  const last = statuses.at(-1)?.body;
  const sent = last !== undefined && last.status !== "FAILED";
  if (sent && shown.length === 0) {
    yield hole("sent_not_shown", `It is ${last.status}, its contact never saw it`);
  }
  const ids = new Set([
    ...shown.map(({ whatsappId }) => whatsappId),
    ...statuses.flatMap(({ body }) => body.whatsappMessageId ? [String(body.whatsappMessageId)] : []),
  ]);
  if (ids.size > 1) yield hole("sent_twice", `It has ${ids.size} WhatsApp ids: ${[...ids].join(", ")}`);
  for (const { contact, from } of shown) {
    if (contact !== step.contact) yield hole("sent_astray", `It was shown to ${contact}`);
    if (!from.startsWith(phoneOf(step.numberId))) yield hole("sent_astray", `It was shown as from ${from}`);
  }
  for (const { body: { status, code, retryable }, at } of statuses) {
    if (status !== "FAILED") continue;
    if (retryable !== true) yield hole("failed_for_good", `FAILED for good with '${code}'`);
    else if (!LEGITIMATE.has(String(code))) yield hole("failed_without_cause", `FAILED with '${code}'`);
    else if (code === "expired" && (expiresAtMs === undefined || at < expiresAtMs)) {
      yield hole("failed_without_cause", "FAILED with 'expired' before its time");
    }
  }
  // Of `unconfirmed` it is said that it may have arrived; of the others not.
  if (last?.status === "FAILED" && last.code !== "unconfirmed" && shown.length > 0) {
    yield hole("failed_but_shown", `It FAILED with '${last.code}' and its contact saw it`);
  }
  for (const [index, { body: { status } }] of statuses.entries()) {
    const before = statuses[index - 1]?.body.status;
    if (before !== undefined && rank(status) < rank(before)) {
      yield hole("status_backwards", `It was ${before}, then ${status}`);
    }
  }
  for (const repeats of Map.groupBy(deliveries, ({ properties }) => properties.messageId).values()) {
    if (new Set(repeats.map(({ text }) => text)).size > 1) {
      yield hole(
        "repeat_differs",
        `Two different statuses have the message_id ${repeats[0]!.properties.messageId}`,
      );
    }
  }
}

function misplaced(trails: readonly Trail[]): Hole[] {
  const inOrder = trails.filter(({ statuses, shown }) =>
    shown.length > 0 && !statuses.some(({ body }) => body.status === "FAILED")
  );
  const chats = Map.groupBy(inOrder, ({ send: { step } }) => `${step.numberId} → ${step.contact}`);
  return [...chats].flatMap(([chat, trails]) =>
    outOfPlace(trails.map(({ shown }) => shown[0]!.place)).map((index) =>
      holeOf(
        trails[index]!,
        "shown_out_of_order",
        `In chat ${chat} it was published between ${name(trails[index - 1])} and ${
          name(trails[index + 1])
        }, and not shown there`,
        [trails[index - 1], trails[index + 1]],
      )
    )
  );
}

function name(trail: Trail | undefined): string {
  return trail === undefined ? "nothing" : trail.send.text;
}

function rank(status: unknown): number {
  return ORDER.indexOf(String(status));
}

function phoneOf(numberId: number): string {
  return String(221770000000 + numberId);
}

function holeOf(
  trail: Trail,
  kind: string,
  sentence: string,
  neighbours: readonly (Trail | undefined)[] = [],
): Hole {
  const { send: { text, commands }, shown } = trail;
  return {
    kind,
    id: text,
    sentence,
    traces: [text, ...commands.map(({ amqpId }) => amqpId), ...shown.map(({ whatsappId }) => whatsappId)],
    history: byInstant([trail, ...neighbours].flatMap((one) => one === undefined ? [] : historyOf(one))),
  };
}

function historyOf({ send: { text, step, commands }, deliveries, shown }: Trail): string[] {
  return [
    ...commands.flatMap(({ amqpId, attemptsAtMs, confirmedAtMs }, index) => [
      ...attemptsAtMs.map((atMs) =>
        `${instant(atMs)} ${text}: backend publishes command ${
          index + 1
        } (${amqpId}) for number ${step.numberId}`
      ),
      ...confirmedAtMs === undefined ? [] : [`${instant(confirmedAtMs)} ${text}: broker confirms ${amqpId}`],
    ]),
    ...shown.map(({ atMs, whatsappId, contact, repeats }) =>
      `${instant(atMs)} ${text}: shown to ${contact} as ${whatsappId}, ${repeats} repeats`
    ),
    ...deliveries.map(({ at, body, properties, redelivered }) =>
      `${instant(at)} ${text}: ${body.status} ${body.code ?? ""} of ${body.workerId}, said ${
        instant(Number(body.timestamp))
      }, message_id ${properties.messageId}, answers ${properties.correlationId}${
        redelivered ? ", redelivered" : ""
      }`
    ),
  ];
}

function countsOf(trails: readonly Trail[]): Account["counts"] {
  const count = (test: (trail: Trail) => boolean) => trails.filter(test).length;
  const last = ({ statuses }: Trail) => statuses.at(-1)?.body;
  const commands = trails.flatMap(({ send }) => send.commands);
  const failures = Map.groupBy(
    trails.flatMap(({ statuses }) => statuses.filter(({ body }) => body.status === "FAILED")),
    ({ body }) => String(body.code),
  );
  const shown = trails.flatMap(({ shown }) => shown);
  const delivered = trails.reduce((sum, { deliveries }) => sum + deliveries.length, 0);
  const statuses = trails.reduce((sum, { statuses }) => sum + statuses.length, 0);
  return [
    { what: "messages to send", count: trails.length },
    { what: "  commands for them, repeats included", count: commands.length },
    {
      what: "  commands the backend published more than once",
      count: commands.filter(({ attemptsAtMs }) => attemptsAtMs.length > 1).length,
    },
    { what: "  SENT or better in the end", count: count((trail) => isSent(last(trail)?.status)) },
    { what: "  shown by their contact", count: count(({ shown }) => shown.length > 0) },
    {
      what: "  repeats of a shown id on the wire",
      count: shown.reduce((sum, { repeats }) => sum + repeats, 0),
    },
    ...[...failures].sort().map(([code, failed]) => ({
      what: `  FAILED told: ${code}`,
      count: failed.length,
    })),
    { what: "  FAILED in the end", count: count((trail) => last(trail)?.status === "FAILED") },
    {
      what: "  FAILED in the end as unconfirmed, and shown",
      count: count((trail) => last(trail)?.status === "FAILED" && trail.shown.length > 0),
    },
    {
      what: "  shown, and never told DELIVERED",
      count: count((trail) => trail.shown.length > 0 && rank(last(trail)?.status) < rank("DELIVERED")),
    },
    { what: "  statuses", count: statuses },
    { what: "  repeats of statuses", count: delivered - statuses },
  ];
}

function isSent(status: unknown): boolean {
  return rank(status) >= rank("SENT");
}
