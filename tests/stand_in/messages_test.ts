import assert from "node:assert/strict";
import { BareClient, pair } from "./bare_client.ts";
import { startStandIn } from "./stand_in.ts";

const OWN = "221771234567";
const FRIEND = "221780000001";

Deno.test("startStandIn() carries a text to a contact, its receipts back, and a reply", async () => {
  await using standIn = await startStandIn();
  const phone = standIn.phone(OWN);
  const friend = standIn.contact(FRIEND);
  const auth = await pair(standIn.url, (qr) => phone.scan(qr));
  await using client = await new BareClient(standIn.url, auth).open();

  const sent = await client.sock.sendMessage(friend.jid, { text: "salut" });
  const id = sent!.key.id!;
  await client.acks.next("ack", ({ attrs }) => attrs.id === id && !attrs.error, 5000);
  const message = await friend.next();
  assert.equal(message.text, "salut");
  assert.equal(message.from, phone.jid);
  await client.status(id, 3);
  friend.read(id);
  await client.status(id, 4);
  assert.equal(phone.sent[0]?.text, "salut");

  const replyId = await friend.sendText(OWN, "ça va ?");
  const { messages: [reply], type } = await client.received("ça va ?");
  assert.equal(type, "notify");
  assert.equal(reply?.key.id, replyId);
  assert.equal(reply?.key.remoteJid, friend.lid);
  assert.equal(reply?.key.remoteJidAlt, friend.jid);
  await friend.receipt(replyId, "delivered");
  assert.deepEqual(standIn.stats.violations, []);
  assert.deepEqual(standIn.stats.unknown, []);
});
