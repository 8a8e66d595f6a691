import assert from "node:assert/strict";
import { BareClient, pair } from "./bare_client.ts";
import type { MemoryAuth } from "./memory_auth.ts";
import { type StandIn, startStandIn } from "./stand_in.ts";

const OWN = "221771234567";
const FRIEND = "221780000001";

async function linked(standIn: StandIn): Promise<MemoryAuth> {
  return await pair(standIn.url, (qr) => standIn.phone(OWN).scan(qr));
}

function assertClean({ stats }: StandIn): void {
  assert.deepEqual(stats.violations, []);
  assert.deepEqual(stats.unknown, []);
}

Deno.test("startStandIn() carries a text to a contact, its receipts back, and a reply", async () => {
  await using standIn = await startStandIn();
  const phone = standIn.phone(OWN);
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();

  const sent = await client.sock.sendMessage(friend.jid, { text: "salut" });
  const id = sent!.key.id!;
  await client.ack(id);
  const message = await friend.next();
  assert.equal(message.text, "salut");
  assert.equal(message.from, phone.jid);
  await client.status(id, 3);
  friend.read(id);
  await client.status(id, 4);
  assert.equal(phone.sent[0]?.text, "salut");

  const replyId = await friend.sendText(OWN, "ça va ?");
  const { message: reply, type } = await client.received("ça va ?");
  assert.equal(type, "notify");
  assert.equal(reply.key.id, replyId);
  assert.equal(reply.key.remoteJid, friend.lid);
  assert.equal(reply.key.remoteJidAlt, friend.jid);
  assert.equal(reply.pushName, friend.name);
  await friend.receipt(replyId, "delivered");
  assertClean(standIn);
});

Deno.test("contact() can be addressed by number, in both directions", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND, { addressing: "pn", autoRead: true });
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  await friend.sendText(OWN, "par numéro");
  const { message } = await client.received("par numéro");
  assert.equal(message.key.remoteJid, friend.jid);
  assert.equal(message.key.remoteJidAlt, friend.lid);
  const sent = await client.sock.sendMessage(friend.lid, { text: "par LID" });
  assert.equal((await friend.next()).text, "par LID");
  await client.status(sent!.key.id!, 4);
  assertClean(standIn);
});

Deno.test("contact() counts what comes twice under one id", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  for (const text of ["une fois", "une fois"]) {
    await client.sock.sendMessage(friend.jid, { text }, { messageId: "3EB0REPEATED" });
  }
  await client.sock.sendMessage(friend.jid, { text: "fin" });
  await friend.next(({ text }) => text === "fin");
  assert.deepEqual(friend.inbox.map(({ text, repeats }) => [text, repeats]), [["une fois", 1], ["fin", 0]]);
  assertClean(standIn);
});

Deno.test("startStandIn() says who has WhatsApp", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  assert.deepEqual(await client.sock.onWhatsApp(FRIEND), [{ jid: friend.jid, exists: true }]);
  assert.deepEqual(await client.sock.onWhatsApp("221799999999"), []);
});

Deno.test("startStandIn() lets a client back in without a QR and keeps both sides' sessions", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  const auth = await linked(standIn);
  for (const text of ["avant", "après"]) {
    await using client = await new BareClient(standIn.url, auth).open();
    await client.sock.sendMessage(friend.jid, { text });
    await friend.next((message) => message.text === text);
    await friend.sendText(OWN, `réponse ${text}`);
    await client.received(`réponse ${text}`);
    assert(client.updates.items.every(({ qr }) => qr === undefined));
  }
  assert.equal(standIn.stats.logins, 2);
  assertClean(standIn);
});

Deno.test("startStandIn() keeps what comes while the client is away, receipts too", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  const auth = await linked(standIn);
  let id: string;
  {
    await using client = await new BareClient(standIn.url, auth).open();
    id = (await client.sock.sendMessage(friend.jid, { text: "salut" }))!.key.id!;
    await client.status(id, 3);
  }
  const texts = ["un", "deux", "trois"];
  for (const text of texts) await friend.sendText(OWN, text);
  friend.read(id);
  await using client = await new BareClient(standIn.url, auth).open();
  for (const text of texts) assert.equal((await client.received(text)).type, "append");
  await client.status(id, 4);
  assert.equal(standIn.stats.redelivered, 0);
  assertClean(standIn);
});

Deno.test("startStandIn() delivers again what a killed client never receipted, and only that", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  const auth = await linked(standIn);
  {
    await using client = await new BareClient(standIn.url, auth).open();
    const before = await friend.sendText(OWN, "confirmé");
    await friend.receipt(before, "delivered");
    await client.received("confirmé");
  }
  {
    await using killed = await new BareClient(standIn.url, auth.snapshot()).open();
    await friend.sendText(OWN, "perdu");
    standIn.faults.dropLinks();
    assert.equal((await killed.closed()).code, 428);
  }
  await using client = await new BareClient(standIn.url, auth).open();
  assert.equal((await client.received("perdu")).type, "append");
  assert.equal(standIn.stats.redelivered, 1);
  assert.equal(client.messages.items.length, 1);
  assertClean(standIn);
});

Deno.test("contact() asks again for a message it cannot decrypt", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  await friend.sendText(OWN, "d'abord");
  await client.received("d'abord");
  await client.sock.sendMessage(friend.jid, { text: "lisible" });
  await friend.next();
  await friend.forgetSessions();
  await client.sock.sendMessage(friend.jid, { text: "illisible" });
  assert.equal((await friend.next()).text, "illisible");
});

Deno.test("contact() encrypts anew what the client could not decrypt", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  friend.damageNext();
  const id = await friend.sendText(OWN, "abîmé");
  const { message } = await client.received("abîmé");
  assert.equal(message.key.id, id);
  assertClean(standIn);
});

Deno.test("startStandIn() carries messages between two companions, and to another companion of the same phone", async () => {
  await using standIn = await startStandIn();
  const auth = await linked(standIn);
  const second = await linked(standIn);
  const other = standIn.phone(FRIEND);
  const theirs = await pair(standIn.url, (qr) => other.scan(qr));
  await using client = await new BareClient(standIn.url, auth).open();
  await using sibling = await new BareClient(standIn.url, second).open();
  await using receiver = await new BareClient(standIn.url, theirs).open();
  const sent = await client.sock.sendMessage(other.jid, { text: "entre machines" });
  const { message: received } = await receiver.received("entre machines");
  assert.equal(received.key.fromMe, false);
  const { message: copy } = await sibling.received("entre machines");
  assert.equal(copy.key.fromMe, true);
  assert.equal(copy.key.remoteJid, other.jid);
  await client.status(sent!.key.id!, 3);
  assertClean(standIn);
});

Deno.test("contact() writes into a group: the sender's key comes with the first message", async () => {
  await using standIn = await startStandIn();
  const group = "120363000000000001@g.us";
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  for (const addressing of ["lid", "pn"] as const) {
    const friend = standIn.contact(`${FRIEND}${addressing.length}`, { addressing });
    for (const text of [`un ${addressing}`, `deux ${addressing}`]) {
      const id = await friend.sendToGroup(group, OWN, text);
      const { message } = await client.received(text);
      assert.equal(message.key.id, id);
      assert.equal(message.key.remoteJid, group);
      assert.equal(message.key.participant, addressing === "lid" ? friend.lid : friend.jid);
    }
  }
  assert.deepEqual([standIn.stats.retries, standIn.stats.turnedDown], [0, 0]);
  assertClean(standIn);
});
