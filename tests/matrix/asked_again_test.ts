import { strict as assert } from "node:assert";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { answer, assertNoErrorsLogged, event, LINE, settled } from "../sessions/steps.ts";
import { pair, startStack } from "../stack.ts";
import { BareClient, pair as link } from "../stand_in/bare_client.ts";
import { EXAMPLES, IDS, PEOPLE } from "./examples.ts";

const broker = await sharedBroker();
const GROUP = "120363000000000001@g.us";
/** What has something on its stanza, and something that has nothing. */
const NAMES = [
  "EDIT of a message the worker does not know",
  "POLL",
  "DELETE",
  "REACTION that is taken back",
  "CONTACT",
];
const KINDS = EXAMPLES.filter(({ name }) => NAMES.includes(name));

/** An example's body, without a message before it: whose it is stands in it. */
function bodyOf({ body }: { body: Readonly<Record<string, unknown>> }): Record<string, unknown> {
  const { target } = body;
  return typeof target === "string"
    ? {
      ...body,
      target: target === IDS.own
        ? { messageId: target, fromMe: true }
        : { messageId: target, participant: `+${PEOPLE.friend}` },
    }
    : { ...body };
}

for (const way of ["person", "group"] as const) {
  for (const restart of [false, true]) {
    const name = `Every kind of message to a ${way} that could not be read comes again as it was` +
      (restart ? ", after a restart" : "");
    Deno.test(name, async () => {
      await using stack = await startStack({ broker });
      const { standIn, backend } = stack;
      const friend = standIn.contact(PEOPLE.friend, { autoAsk: false });
      const phone = standIn.phone(LINE.phoneNumber);
      standIn.group(GROUP, [friend, phone]);
      let worker = await stack.startWorker();
      await pair(stack, LINE);
      for (const [messageId, example] of KINDS.entries()) {
        friend.failToRead();
        const to = way === "group" ? GROUP : PEOPLE.friend;
        const command = await backend.send({ ...bodyOf(example), messageId, numberId: LINE.numberId, to });
        await answer(stack, command, "SENT");
        if (restart) {
          await worker.stop();
          worker = await stack.startWorker();
          await event(stack, LINE, "connected");
        }
        await friend.askAgain();
        const { id, message } = await friend.next();
        // The number's own phone could read it at once.
        const first = [...phone.sent, ...phone.inbox].find((copy) => copy.id === id)?.message;
        assert.deepEqual(JSON.parse(JSON.stringify(message)), JSON.parse(JSON.stringify(first)));
      }
      await settled(stack, LINE);
      assert.deepEqual(standIn.stats.violations, []);
      assertNoErrorsLogged(stack);
    });
  }
}

Deno.test("A linked device that could not read what was done to a message gets it again alone, five times at most", async () => {
  await using stack = await startStack({ broker });
  const { standIn, backend } = stack;
  const owner = standIn.phone(PEOPLE.friend, { autoDeliver: true });
  await stack.startWorker();
  await pair(stack, LINE);
  const command = await backend.send({
    messageId: 1,
    numberId: LINE.numberId,
    to: PEOPLE.friend,
    ...bodyOf(KINDS.find(({ type }) => type === "EDIT")!),
  });
  const { body } = await answer(stack, command, "DELIVERED");
  const id = String(body.whatsappMessageId);
  await owner.next();
  const auth = await link(standIn.url, (qr) => owner.scan(qr));
  // Baileys asks five times by itself.
  await using device = await new BareClient(standIn.url, auth, { maxMsgRetryCount: 9 }).open();
  const edits: (string | undefined)[] = [];
  device.sock.ws.on("CB:message", ({ attrs }: BinaryNode) => {
    if (attrs.id === id) edits.push(attrs.edit);
  });
  const from = standIn.phone(LINE.phoneNumber).companions.values().next().value!.jid;
  const ask = () => {
    const t = String(Math.floor(Date.now() / 1000));
    return device.sock.sendRetryRequest({ tag: "message", attrs: { id, from, t } }, true);
  };
  const until = async (what: string, isThere: () => boolean) => {
    for (const deadlineMs = Date.now() + 10_000; !isThere();) {
      assert.ok(Date.now() < deadlineMs, what);
      await settled(stack, LINE);
    }
  };
  for (let request = 1; request <= 5; request++) {
    await ask();
    await until(`answer ${request}`, () => standIn.stats.messages === 1 + request);
  }
  await ask();
  const refused = "will not send message again, as sent too many times";
  await until("the sixth is refused", () => stack.logged.some((line) => JSON.parse(line).msg === refused));
  assert.equal(standIn.stats.messages, 6);
  assert.deepEqual([...new Set(edits)], ["1"]);
  assert.equal(owner.inbox[0]!.repeats, 0);
});
