import { strict as assert } from "node:assert";
import { proto } from "@whiskeysockets/baileys";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, type Stack, startStack } from "../stack.ts";
import { assertNoErrorsLogged, event, events, FRIEND, LINE, settled } from "./steps.ts";

const broker = await sharedBroker();
const { INITIAL_BOOTSTRAP, RECENT, FULL, ON_DEMAND, PUSH_NAME } = proto.HistorySync.HistorySyncType;
const OLD = 20;

/** Chats of before the device was linked. */
function conversations({ standIn }: Stack): proto.IConversation[] {
  const { jid, lid } = standIn.contact(FRIEND);
  return [{ id: lid, pnJid: jid }, { id: "120363000000000001@g.us" }].map((chat) => ({
    ...chat,
    messages: Array.from({ length: OLD }, (_, index) => ({
      message: {
        key: { remoteJid: chat.id, id: `OLD${index}`, fromMe: index % 2 === 1, participant: lid },
        message: { conversation: `old ${index}` },
        messageTimestamp: 1733396400 + index,
      },
    })),
  }));
}

Deno.test("No message of the history is told as a new one, neither after pairing nor after a restart", async () => {
  await using stack = await startStack({ broker, environment: { RECEIVE_INCLUDE: "from_me" } });
  const contact = stack.standIn.contact(FRIEND);
  const phone = stack.standIn.phone(LINE.phoneNumber);
  const history = { conversations: conversations(stack) };
  phone.history = history;
  const worker = await stack.startWorker();
  await pair(stack, LINE);
  const send = async () => {
    for (const syncType of [RECENT, FULL, ON_DEMAND, INITIAL_BOOTSTRAP]) {
      await phone.sendHistory({ syncType, ...history });
    }
    await phone.sendHistory({ syncType: PUSH_NAME, pushnames: [{ id: contact.jid, pushname: "Awa" }] });
  };
  await send();
  await contact.sendText(LINE.phoneNumber, "new");
  await event(stack, LINE, "message_received", { body: "new" });
  await worker.stop();

  await send();
  await contact.sendText(LINE.phoneNumber, "newer");
  await stack.startWorker();
  await event(stack, LINE, "message_received", { body: "newer" });
  await settled(stack, LINE);
  const bodies = events(stack, LINE, "message_received").map(({ body }) => body.body);
  assert.deepEqual(bodies, ["new", "newer"]);
  assert.deepEqual(stack.standIn.stats.violations, []);
  assertNoErrorsLogged(stack);
});

Deno.test("The history tells whose LID is whose", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND, { showsAlias: false, lidInDirectory: false });
  const phone = stack.standIn.phone(LINE.phoneNumber);
  phone.history = { conversations: [{ id: contact.lid, pnJid: contact.jid }] };
  await stack.startWorker();
  await pair(stack, LINE);
  await contact.sendText(LINE.phoneNumber, "by LID alone");
  const { body } = await event(stack, LINE, "message_received");
  assert.deepEqual([body.from, body.lid], [`${FRIEND}@c.us`, contact.lid]);
});

Deno.test("A message the phone hands on is told once, also when it comes by itself", async () => {
  await using stack = await startStack({ broker });
  const contact = stack.standIn.contact(FRIEND);
  const phone = stack.standIn.phone(LINE.phoneNumber);
  await stack.startWorker();
  await pair(stack, LINE);
  const id = await contact.sendText(LINE.phoneNumber, "by itself");
  await event(stack, LINE, "message_received", { body: "by itself" });
  const handedOn = (id: string, text: string, remoteJid: string): proto.IWebMessageInfo => ({
    key: { remoteJid, id, fromMe: false },
    message: { conversation: text },
    messageTimestamp: 1733396400,
  });
  await phone.resend(handedOn("3A01", "from an ad", contact.jid), handedOn(id, "by itself", contact.jid));
  await phone.resend(handedOn("3A01", "from an ad", contact.lid), handedOn(id, "by itself", contact.lid));
  await event(stack, LINE, "message_received", { body: "from an ad" });
  await contact.sendText(LINE.phoneNumber, "last");
  await event(stack, LINE, "message_received", { body: "last" });
  await settled(stack, LINE);
  const bodies = events(stack, LINE, "message_received").map(({ body }) => body.body);
  assert.deepEqual(bodies, ["by itself", "from an ad", "last"]);
});
