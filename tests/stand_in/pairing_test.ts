import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Curve, DisconnectReason } from "@whiskeysockets/baileys";
// @ts-types="@types/qrcode"
import { toDataURL } from "qrcode";
import { BareClient, pair } from "./bare_client.ts";
import { MemoryAuth } from "./memory_auth.ts";
import { startStandIn } from "./stand_in.ts";

const OWN = "221771234567";

Deno.test("scan() links a client, which is told to restart and registers its prekeys at login", async () => {
  await using standIn = await startStandIn();
  const phone = standIn.phone(OWN);
  const auth = await pair(standIn.url, (qr) => phone.scan(qr));
  assert.equal(auth.creds.me?.id, `${OWN}:1@s.whatsapp.net`);
  assert.equal(auth.creds.me?.lid, phone.lid.replace("@", ":1@"));
  assert.equal(auth.creds.platform, "android");
  assert(phone.linked);
  await using _client = await new BareClient(standIn.url, auth).open();
  assert.equal(standIn.stats.preKeys, 812);
  assert.deepEqual(standIn.clients, [{ number: OWN, deviceId: 1 }]);
});

Deno.test("scanPng() reads the code out of the picture itself", async () => {
  await using standIn = await startStandIn();
  const phone = standIn.phone(OWN);
  await pair(standIn.url, async (qr) => await phone.scanPng(await toDataURL(qr)));
  assert(phone.linked);
});

Deno.test("scanPng() refuses a picture without a code", async () => {
  await using standIn = await startStandIn();
  const pixel =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
  await assert.rejects(standIn.phone(OWN).scanPng(`data:image/png;base64,${pixel}`), /no QR code to be seen/);
});

Deno.test("scan() refuses a code that names other keys than the client's", async () => {
  await using standIn = await startStandIn();
  await using client = new BareClient(standIn.url, new MemoryAuth());
  const parts = (await client.qr()).split(",");
  parts[2] = Buffer.from(Curve.generateKeyPair().public).toString("base64");
  await assert.rejects(standIn.phone(OWN).scan(parts.join(",")), /other keys/);
});

Deno.test("scan() refuses a code of another server", async () => {
  await using standIn = await startStandIn();
  await using other = await startStandIn();
  await using client = new BareClient(other.url, new MemoryAuth());
  await assert.rejects(standIn.phone(OWN).scan(await client.qr()), /No client that waits/);
});

Deno.test("scan() refuses a code that has expired", async () => {
  let now = Date.now();
  await using standIn = await startStandIn({ now: () => now });
  standIn.faults.refLifetimeMs = 20_000;
  await using client = new BareClient(standIn.url, new MemoryAuth());
  const qr = await client.qr();
  now += 20_001;
  await assert.rejects(standIn.phone(OWN).scan(qr), /has expired/);
});

Deno.test("scan() refuses a client whose device signature is not its own", async () => {
  await using standIn = await startStandIn();
  const auth = new MemoryAuth();
  await using client = new BareClient(standIn.url, auth);
  const qr = await client.qr();
  auth.creds.signedIdentityKey.private.set(Curve.generateKeyPair().private);
  await assert.rejects(standIn.phone(OWN).scan(qr), /does not verify/);
  assert(!standIn.phone(OWN).linked);
  assert.equal((await client.closed()).code, 500);
});

Deno.test("startStandIn() offers as many QR codes as it is told; then the client gives up with 408", async () => {
  await using standIn = await startStandIn();
  standIn.faults.refCount = 2;
  await using client = new BareClient(standIn.url, new MemoryAuth(), { qrTimeout: 20 });
  assert.notEqual(await client.qr(), await client.qr());
  assert.deepEqual(await client.closed(), { code: 408, message: "QR refs attempts ended" });
});

Deno.test("enterPairingCode() links a client by the code it shows", async () => {
  await using standIn = await startStandIn();
  const phone = standIn.phone(OWN);
  const auth = new MemoryAuth();
  {
    await using client = new BareClient(standIn.url, auth);
    await client.qr();
    const code = await client.sock.requestPairingCode(OWN);
    await phone.enterPairingCode(`${code.slice(0, 4)}-${code.slice(4)}`);
    assert.equal((await client.closed()).code, DisconnectReason.restartRequired);
  }
  await using _client = await new BareClient(standIn.url, auth).open();
  assert.equal(auth.creds.me?.id, `${OWN}:1@s.whatsapp.net`);
  assert.deepEqual(standIn.stats.violations, []);
});

Deno.test("enterPairingCode() refuses a wrong code", async () => {
  await using standIn = await startStandIn();
  await using client = new BareClient(standIn.url, new MemoryAuth());
  await client.qr();
  await client.sock.requestPairingCode(OWN, "ABCDEFGH");
  await assert.rejects(standIn.phone(OWN).enterPairingCode("HGFEDCBA"), /wrong pairing code/);
  assert(!standIn.phone(OWN).linked);
});
