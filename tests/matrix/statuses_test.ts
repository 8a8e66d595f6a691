/** Statuses of messages that a contact can play, all the way: who has it, has read it, has played it. */

import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import { SAMPLES } from "../media_samples.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, assertNoErrorsLogged, FRIEND, LINE, settled } from "../sessions/steps.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import type { Contact } from "../stand_in/contact.ts";
import { element } from "../stand_in/nodes.ts";
import type { MediaContent } from "../stand_in/media_host.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
const OTHER = "221779999998";

/** What a person does with a message, in an order in which WhatsApp may tell it. */
const ORDERS: readonly (readonly ("receive" | "read" | "play")[])[] = [
  ["receive", "read", "play"],
  // Of what was played nothing else has to be heard, and what is late is no news.
  ["play", "receive", "read", "play"],
  ["read", "play", "read", "receive"],
];

async function sendVoice({ backend, standIn }: Stack, messageId: number, to: string, [first]: Contact[]) {
  const command = await backend.send({
    messageId,
    numberId: LINE.numberId,
    to,
    type: "AUDIO",
    ptt: true,
    mediaBase64: Buffer.from(SAMPLES["voice.ogg"]).toString("base64"),
  });
  const { id, message: { audioMessage } } = await first!.next();
  assert.equal(audioMessage?.ptt, true);
  const plain = await standIn.media.open(audioMessage as Partial<MediaContent>, "audio");
  assert.deepEqual(plain, Buffer.from(SAMPLES["voice.ogg"]));
  return { command, id };
}

function told({ backend }: Stack, command: string): Record<string, unknown>[] {
  return backend.received.filter(({ properties }) => properties.correlationId === command).map(({ body }) =>
    body
  );
}

for (const [index, order] of ORDERS.entries()) {
  for (const addressing of ["lid", "pn"] as const) {
    Deno.test(`A voice note to a person by ${addressing} who does ${order} is told as it goes, each status once`, async () => {
      await using stack = await startStack({ broker });
      const friend = stack.standIn.contact(FRIEND, { autoDeliver: false, addressing });
      await stack.startWorker();
      await pair(stack, LINE);
      const to = addressing === "lid" ? friend.lid : `+${FRIEND}`;
      const { command, id } = await sendVoice(stack, index, to, [friend]);
      for (const step of order) friend[step](id);
      await answer(stack, command, "PLAYED");
      await settled(stack, LINE);
      assert.deepEqual(told(stack, command).map(({ status }) => status), [
        "SENT",
        "DELIVERED",
        "READ",
        "PLAYED",
      ]);
      assertNoErrorsLogged(stack);
    });
  }
}

Deno.test("A voice note to a group is PLAYED when the last of its members has played it", async () => {
  await using stack = await startStack({ broker });
  const members = [FRIEND, OTHER].map((number) => stack.standIn.contact(number, { autoDeliver: false }));
  stack.standIn.group(GROUP, [...members, stack.standIn.phone(LINE.phoneNumber)]);
  await stack.startWorker();
  await pair(stack, LINE);
  const { command, id } = await sendVoice(stack, 1, GROUP, members);
  await members[1]!.next();
  const recipients = async (status: string, counts: Record<string, number>) => {
    await stack.backend.next(
      ({ body, properties }) =>
        properties.correlationId === command && body.status === status &&
        JSON.stringify(body.recipients) === JSON.stringify(counts),
      { describe: `${status} ${JSON.stringify(counts)}` },
    );
  };
  await recipients("SENT", { total: 2, delivered: 0, read: 0, played: 0 });
  members[0]!.play(id);
  await recipients("SENT", { total: 2, delivered: 1, read: 1, played: 1 });
  members[1]!.receive(id);
  await recipients("DELIVERED", { total: 2, delivered: 2, read: 1, played: 1 });
  members[1]!.play(id);
  await recipients("PLAYED", { total: 2, delivered: 2, read: 2, played: 2 });
  await settled(stack, LINE);
  const order = ["SENT", "DELIVERED", "READ", "PLAYED"];
  const statuses = told(stack, command).map(({ status }) => order.indexOf(String(status)));
  assert.deepEqual(statuses, statuses.toSorted(), "never backwards");
  assert.deepEqual([...new Set(statuses)], [0, 1, 2, 3]);
  const bodies = told(stack, command).map(({ status, recipients }) => JSON.stringify([status, recipients]));
  assert.equal(new Set(bodies).size, bodies.length, "never the same twice");
  assertNoErrorsLogged(stack);
});

Deno.test("What other devices of the account report of a voice note that was sent is no status", async () => {
  await using stack = await startStack({ broker });
  const friend = stack.standIn.contact(FRIEND);
  await stack.startWorker();
  await pair(stack, LINE);
  const { command, id } = await sendVoice(stack, 1, `+${FRIEND}`, [friend]);
  await answer(stack, command, "DELIVERED");

  const owner = stack.standIn.phone(LINE.phoneNumber);
  const [device] = owner.companions.values();
  for (const type of ["played-self", "read-self", "sender", "peer_msg"]) {
    device!.mailbox.put(
      element("receipt", { id, from: owner.lid, recipient: friend.lid, type, t: "1" }),
    );
  }
  friend.read(id);
  await answer(stack, command, "READ");
  await settled(stack, LINE);
  assert.deepEqual(told(stack, command).map(({ status }) => status), ["SENT", "DELIVERED", "READ"]);
});
