import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Curve, WA_CERT_DETAILS } from "@whiskeysockets/baileys";
import { BareClient, pair } from "./bare_client.ts";
import { MemoryAuth } from "./memory_auth.ts";
import { type StandIn, startStandIn } from "./stand_in.ts";
import { verifyXeddsa } from "../../src/whatsapp/socket/xeddsa.ts";

const OWN = "221771234567";
const FRIEND = "221780000001";

async function linked(standIn: StandIn): Promise<MemoryAuth> {
  return await pair(standIn.url, (qr) => standIn.phone(OWN).scan(qr));
}

for (const code of [401, 403, 405, 408, 411, 419, 428, 440, 500, 503, 515]) {
  Deno.test(`closeWith() ends a link so that the client sees ${code}, and lets it back in`, async () => {
    await using standIn = await startStandIn();
    const auth = await linked(standIn);
    {
      await using client = await new BareClient(standIn.url, auth).open();
      standIn.faults.closeWith(code, OWN);
      assert.equal((await client.closed()).code, code);
    }
    await using _again = await new BareClient(standIn.url, auth).open();
  });
}

Deno.test("closeWith() leaves the links of other phones alone", async () => {
  await using standIn = await startStandIn();
  const other = standIn.phone(FRIEND);
  const theirs = await pair(standIn.url, (qr) => other.scan(qr));
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  await using _spared = await new BareClient(standIn.url, theirs).open();
  standIn.faults.closeWith(503, OWN);
  await client.closed();
  assert.deepEqual(standIn.clients, [{ number: FRIEND, deviceId: 1 }]);
});

Deno.test("refuseLogins() turns clients away with a failure until it is lifted", async () => {
  await using standIn = await startStandIn();
  const auth = await linked(standIn);
  standIn.faults.refuseLogins(403);
  {
    await using client = new BareClient(standIn.url, auth);
    assert.equal((await client.closed()).code, 403);
  }
  standIn.faults.refuseLogins(null);
  await using _client = await new BareClient(standIn.url, auth).open();
});

Deno.test("unlink() ends the link with 401 and does not let the companion back in", async () => {
  await using standIn = await startStandIn();
  const auth = await linked(standIn);
  {
    await using client = await new BareClient(standIn.url, auth).open();
    standIn.phone(OWN).unlink();
    assert.equal((await client.closed()).code, 401);
  }
  assert(!standIn.phone(OWN).linked);
  await using client = new BareClient(standIn.url, auth);
  assert.equal((await client.closed()).code, 401);
});

Deno.test("startStandIn() takes a companion off the account when its client logs out", async () => {
  await using standIn = await startStandIn();
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  await client.sock.logout();
  assert.equal((await client.closed()).code, 401);
  assert(!standIn.phone(OWN).linked);
});

Deno.test("startStandIn() replaces a companion's link with 440 when it logs in again", async () => {
  await using standIn = await startStandIn();
  const auth = await linked(standIn);
  await using first = await new BareClient(standIn.url, auth).open();
  await using _second = await new BareClient(standIn.url, auth.snapshot()).open();
  assert.equal((await first.closed()).code, 440);
});

Deno.test("startStandIn() does not know a companion that comes with another Noise key", async () => {
  await using standIn = await startStandIn();
  const auth = await linked(standIn);
  Object.assign(auth.creds, { noiseKey: Curve.generateKeyPair() });
  await using client = new BareClient(standIn.url, auth);
  assert.equal((await client.closed()).code, 401);
});

Deno.test("refuseSends() refuses messages with its code and delivers none", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  standIn.faults.refuseSends(463);
  const sent = await client.sock.sendMessage(friend.jid, { text: "refusé" });
  await client.ack(sent!.key.id!, "463");
  const { update } = await client.status(sent!.key.id!, 0);
  assert.deepEqual(update.messageStubParameters?.[0], "463");
  assert.equal((await client.sock.fetchAccountReachoutTimelock()).isActive, true);
  standIn.faults.refuseSends(null);
  await client.sock.sendMessage(friend.jid, { text: "accepté" });
  assert.equal((await friend.next()).text, "accepté");
  assert.equal(friend.inbox.length, 1);
});

Deno.test("dropAcks delivers a message and leaves the client without its ack", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  standIn.faults.dropAcks = true;
  await client.sock.sendMessage(friend.jid, { text: "sans ack" });
  await friend.next();
  standIn.faults.dropAcks = false;
  const next = await client.sock.sendMessage(friend.jid, { text: "avec" });
  await client.ack(next!.key.id!);
  assert.equal(client.acks.items.length, 1);
});

Deno.test("ackDelayMs holds acks back for that long", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  standIn.faults.ackDelayMs = 150;
  const before = performance.now();
  const sent = await client.sock.sendMessage(friend.jid, { text: "lentement" });
  await client.ack(sent!.key.id!);
  assert(performance.now() - before >= 149);
});

Deno.test("dropLinks() cuts links without a word: 428", async () => {
  await using standIn = await startStandIn();
  await using client = await new BareClient(standIn.url, await linked(standIn)).open();
  standIn.faults.dropLinks();
  assert.deepEqual(await client.closed(), { code: 428, message: "Connection Terminated" });
});

Deno.test("silence leaves the socket open and says nothing more: 408 after the keep-alive", async () => {
  await using standIn = await startStandIn();
  const friend = standIn.contact(FRIEND);
  const auth = await linked(standIn);
  {
    // Baileys gives up 5 s and a keep-alive after the last thing it heard.
    await using client = await new BareClient(standIn.url, auth, { keepAliveIntervalMs: 200 }).open();
    standIn.faults.silence = true;
    await friend.sendText(OWN, "dans le vide");
    assert.deepEqual(await client.closed(), { code: 408, message: "Connection was lost" });
  }
  standIn.faults.silence = false;
  await using client = await new BareClient(standIn.url, auth).open();
  assert.equal((await client.received("dans le vide")).type, "append");
});

Deno.test("refuseUpgrade() answers the websocket upgrade with its status", async () => {
  await using standIn = await startStandIn();
  standIn.faults.refuseUpgrade(503);
  const before = performance.now();
  await using client = new BareClient(standIn.url, new MemoryAuth(), { connectTimeoutMs: 300 });
  // Baileys does not look at the answer; it waits out its connect timeout.
  assert.equal((await client.closed()).code, 408);
  assert(performance.now() - before >= 299);
  standIn.faults.refuseUpgrade(null);
  await using welcome = new BareClient(standIn.url, new MemoryAuth());
  await welcome.qr();
});

Deno.test("refuseUpgrade() can end the connection with its answer", async () => {
  await using standIn = await startStandIn();
  standIn.faults.refuseUpgrade(503, { hangUp: true });
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(standIn.url).port) });
  const request = "GET /ws/chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  const chunks = await Array.fromAsync(connection.readable.pipeThrough(new TextDecoderStream()));
  assert.match(chunks.join(""), /^HTTP\/1\.1 503 /);
});

Deno.test("untrustedCertificate shows a chain a verifying client refuses, and only then", async () => {
  await using standIn = await startStandIn();
  const { verify } = Curve;
  const { PUBLIC_KEY } = WA_CERT_DETAILS;
  Curve.verify = verifyXeddsa;
  WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(standIn.rootKeyHex, "hex");
  try {
    await using trusting = new BareClient(standIn.url, new MemoryAuth());
    await trusting.qr();
    standIn.faults.untrustedCertificate = "foreign_root";
    await using refusing = new BareClient(standIn.url, new MemoryAuth());
    assert.match((await refusing.closed()).message, /intermediate certificate signature invalid/);
  } finally {
    Curve.verify = verify;
    WA_CERT_DETAILS.PUBLIC_KEY = PUBLIC_KEY;
  }
});

Deno.test("clear() turns every fault off", async () => {
  await using standIn = await startStandIn();
  const { faults } = standIn;
  const before = { ...faults };
  Object.assign(faults, { ackDelayMs: 1, dropAcks: true, silence: true, refCount: 1, refLifetimeMs: 5 });
  faults.refuseUpgrade();
  faults.refuseLogins();
  faults.refuseSends();
  faults.clear();
  assert.deepEqual({ ...faults }, before);
});
