import { strict as assert } from "node:assert";
import type { Contact } from "../stand_in/contact.ts";
import { element } from "../stand_in/nodes.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { answer, assertNoErrorsLogged, event, FRIEND, LINE, line, settled } from "./steps.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";

/** A deployment with {@link LINE} connected, and a group of it and some others. */
async function grouped(
  others: readonly string[],
  addressing: "lid" | "pn" = "lid",
): Promise<{ stack: Stack; members: Contact[]; restart: () => Promise<void> }> {
  const stack = await startStack({ broker });
  const members = others.map((number) => stack.standIn.contact(number, { autoDeliver: false }));
  stack.standIn.group(GROUP, [...members, stack.standIn.phone(LINE.phoneNumber)], addressing);
  let worker = await stack.startWorker();
  await pair(stack, LINE);
  const restart = async () => {
    await worker.stop();
    worker = await stack.startWorker();
    await event(stack, LINE, "connected");
  };
  return { stack, members, restart };
}

/** Sends a text to the group. @returns the AMQP `message_id` of the command */
const send = ({ backend }: Stack, messageId: number, content = "hello all") =>
  backend.send({ messageId, numberId: LINE.numberId, to: GROUP, content, type: "TEXT" });

/** What was told of a command so far, as `STATUS total/delivered/read/played`. */
const told = ({ backend }: Stack, command: string) =>
  backend.received.filter(({ properties }) => properties.correlationId === command).map(({ body }) => {
    const { total, delivered, read, played } = body.recipients as Record<string, number>;
    return `${body.status} ${total}/${delivered}/${read}/${played}`;
  });

/** The next event of a command that says so. */
const said = ({ backend }: Stack, command: string, words: string) =>
  backend.next(({ body, properties }) => {
    const { total, delivered, read, played } = (body.recipients ?? {}) as Record<string, number>;
    return properties.correlationId === command &&
      `${body.status} ${total}/${delivered}/${read}/${played}` === words;
  }, { describe: words });

for (const addressing of ["lid", "pn"] as const) {
  Deno.test(`A message to a group by ${addressing} has come as far as all of its members have`, async () => {
    const { stack, members: [one, other], restart } = await grouped([FRIEND, "221778888888"], addressing);
    await using _ = stack;
    // Who is one person, whichever name a receipt comes under.
    other!.answersAs = addressing === "lid" ? "pn" : "lid";
    const command = await send(stack, 1);
    const { id } = await one!.next();
    await other!.next();
    await said(stack, command, "SENT 2/0/0/0");
    one!.receive(id);
    await said(stack, command, "SENT 2/1/0/0");
    // Once is enough, and a restart forgets nothing.
    one!.receive(id);
    await restart();
    one!.read(id);
    one!.receive(id);
    await said(stack, command, "SENT 2/1/1/0");
    other!.answersAs = undefined;
    other!.read(id);
    await said(stack, command, "READ 2/2/2/0");
    other!.play(id);
    other!.answersAs = addressing === "lid" ? "pn" : "lid";
    other!.play(id);
    const last = await said(stack, command, "READ 2/2/2/1");
    const repeat = await answer(stack, await send(stack, 1), "READ");
    assert.equal(repeat.properties.messageId, last.properties.messageId);
    one!.play(id);
    await said(stack, command, "PLAYED 2/2/2/2");
    await settled(stack, LINE);
    assert.deepEqual(told(stack, command), [
      "SENT 2/0/0/0",
      "SENT 2/1/0/0",
      "SENT 2/1/1/0",
      "DELIVERED 2/2/2/0",
      "READ 2/2/2/0",
      "READ 2/2/2/1",
      "PLAYED 2/2/2/2",
    ]);
    assert.deepEqual(stack.standIn.stats.violations, []);
    assertNoErrorsLogged(stack);
  });
}

Deno.test("Receipts for a group that waited while the number was away may come as one, and count once for each member", async () => {
  const numbers = ["221778888881", "221778888882", "221778888883"];
  const { stack, members } = await grouped(numbers);
  await using _ = stack;
  const command = await send(stack, 1);
  const { id } = await members[0]!.next();
  await said(stack, command, "SENT 3/0/0/0");
  const [device] = stack.standIn.phone(LINE.phoneNumber).companions.values();
  const users = members.map(({ lid }) => element("user", { jid: lid, t: "1" }));
  const attrs = { id: "1", from: GROUP, t: "1", type: "read" };
  device!.mailbox.put(
    element("receipt", attrs, [element("participants", { key: id }, [...users, users[0]!])]),
  );
  device!.mailbox.put(element("receipt", { ...attrs, id: "2", participant: members[1]!.lid }, [
    element("list", {}, [element("item", { id }), element("item", { id })]),
  ]));
  await said(stack, command, "READ 3/3/3/0");
  await settled(stack, LINE);
  assert.deepEqual(told(stack, command), ["SENT 3/0/0/0", "DELIVERED 3/3/3/0", "READ 3/3/3/0"]);
});

Deno.test("Members who are workers' numbers themselves are counted", async () => {
  const { stack } = await grouped([]);
  await using _ = stack;
  const second = line(7);
  await pair(stack, second);
  const { standIn } = stack;
  standIn.group(GROUP, [standIn.phone(LINE.phoneNumber), standIn.phone(second.phoneNumber)]);
  const command = await send(stack, 1);
  await said(stack, command, "DELIVERED 1/1/0/0");
  await settled(stack, LINE);
  assert.deepEqual(told(stack, command), ["SENT 1/0/0/0", "DELIVERED 1/1/0/0"]);
});

Deno.test("What cannot go to a group has failed for good, and is not written", async () => {
  const { stack, members } = await grouped([FRIEND]);
  await using _ = stack;
  const { standIn, backend } = stack;
  const outside = "120363000000000002@g.us";
  standIn.group(outside, members);
  const failed = async (messageId: number, to: string) => {
    const command = await backend.send({
      messageId,
      numberId: LINE.numberId,
      to,
      content: "x",
      type: "TEXT",
    });
    const { body } = await answer(stack, command, "FAILED");
    return [body.code, body.retryable];
  };
  assert.deepEqual(await failed(1, outside), ["not_in_group", false]);
  assert.deepEqual(await failed(2, "120363000000000003@g.us"), ["group_not_found", false]);
  const phone = standIn.phone(LINE.phoneNumber);
  standIn.group(GROUP, [...members, phone], "lid", { announce: true, admins: members });
  assert.deepEqual(await failed(3, GROUP), ["group_admins_only", false]);
  assert.equal(standIn.stats.messages, 0);
  standIn.group(GROUP, [...members, phone], "lid", { announce: true, admins: [phone] });
  await answer(stack, await send(stack, 4), "SENT");
  assertNoErrorsLogged(stack);
});
