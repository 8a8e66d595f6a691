/** What became of every message a contact wrote. */

import type { Received } from "../backend/backend.ts";
import type { Account, Facts, Hole, InboundFact } from "./facts.ts";
import { byInstant, instant } from "./instant.ts";
import { outOfPlace } from "./order.ts";

interface Trail {
  readonly message: InboundFact;
  readonly deliveries: readonly Received[];
  /** Its place among all first deliveries. */
  readonly place: number;
}

/** Accounts for all messages that came in. */
export function accountForInbound(facts: Facts): Account {
  const received = facts.received.filter(({ properties }) => properties.type === "message_received");
  const byId = Map.groupBy(received, ({ body }) => String(body.messageId));
  const places = new Map([...byId.keys()].map((id, place) => [id, place]));
  const trails = facts.inbound.map((message): Trail => {
    const id = message.whatsappId ?? "";
    return { message, deliveries: byId.get(id) ?? [], place: places.get(id) ?? -1 };
  });
  const known = new Set(facts.inbound.map(({ whatsappId }) => whatsappId));
  const invented = [...byId].filter(([id]) => !known.has(id)).map(([id, deliveries]): Hole => ({
    kind: "inbound_invented",
    id,
    sentence: "The backend got a message nobody wrote",
    traces: [id],
    history: deliveries.map(({ text }) => text),
  }));
  const holes = [...trails.flatMap((trail) => [...holesIn(trail)]), ...invented, ...misplaced(trails)];
  return {
    counts: [
      { what: "messages in", count: trails.length },
      {
        what: "  received by the backend",
        count: trails.filter(({ deliveries }) => deliveries.length > 0).length,
      },
      { what: "  not decrypted at first and asked for again", count: facts.askedAgain },
      { what: "  repeats, with the same message_id", count: received.length - byId.size },
    ],
    holes,
  };
}

function* holesIn(trail: Trail): Generator<Hole> {
  const { message: { step, text, whatsappId }, deliveries } = trail;
  if (whatsappId === undefined) yield holeOf(trail, "inbound_not_sent", "WhatsApp's server never had it");
  else if (deliveries.length === 0) yield holeOf(trail, "inbound_lost", "The backend never got it");
  const eventIds = new Set(deliveries.map(({ properties }) => properties.messageId));
  if (eventIds.size > 1) {
    yield holeOf(
      trail,
      "inbound_twice",
      `It came under ${eventIds.size} AMQP message_ids, no repeats of each other`,
    );
  }
  for (const { body } of deliveries) {
    const isRight = body.body === text && Number(body.numberId) === step.numberId &&
      body.from === `${step.contact}@c.us` && body.phoneNumber === `+${step.contact}`;
    if (isRight) continue;
    yield holeOf(
      trail,
      "inbound_wrong",
      `It came as '${body.body}' from ${body.from} to number ${body.numberId}`,
    );
  }
}

function misplaced(trails: readonly Trail[]): Hole[] {
  const chats = Map.groupBy(
    trails.filter(({ deliveries }) => deliveries.length > 0),
    ({ message: { step } }) => `${step.contact} → ${step.numberId}`,
  );
  return [...chats].flatMap(([chat, trails]) =>
    outOfPlace(trails.map(({ place }) => place)).map((index) =>
      holeOf(
        trails[index]!,
        "received_out_of_order",
        `In chat ${chat} it was written between ${name(trails[index - 1])} and ${
          name(trails[index + 1])
        }, and not received there`,
        [trails[index - 1], trails[index + 1]],
      )
    )
  );
}

function name(trail: Trail | undefined): string {
  return trail === undefined ? "nothing" : trail.message.text;
}

function holeOf(
  trail: Trail,
  kind: string,
  sentence: string,
  neighbours: readonly (Trail | undefined)[] = [],
): Hole {
  const { text, whatsappId } = trail.message;
  return {
    kind,
    id: text,
    sentence,
    traces: whatsappId === undefined ? [] : [whatsappId],
    history: byInstant([trail, ...neighbours].flatMap((one) => one === undefined ? [] : historyOf(one))),
  };
}

function historyOf({ message: { text, step, atMs, whatsappId }, deliveries }: Trail): string[] {
  return [
    `${instant(atMs)} ${text}: written by ${step.contact} to number ${step.numberId} as ${whatsappId}`,
    ...deliveries.map(({ at, body, properties, redelivered }) =>
      `${instant(at)} ${text}: received from ${properties.headers?.["x-worker-id"]}, which had it ${
        instant(Number(body.receivedAt))
      }, message_id ${properties.messageId}${redelivered ? ", redelivered" : ""}`
    ),
  ];
}
