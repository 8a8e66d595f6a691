import assert from "node:assert/strict";
import { BareClient, pair } from "./bare_client.ts";
import { MemoryAuth } from "./memory_auth.ts";
import { control } from "./control.ts";
import { type StandIn, startStandIn } from "./stand_in.ts";

const OWN = "221771234567";
const FRIEND = "221780000001";

/** One request to a stand-in's control; a string goes as it is, anything else as JSON. */
async function ask(standIn: StandIn, path: string, body?: unknown) {
  const url = `${standIn.url.replace("ws:", "http:").replace("/ws/chat", "")}/control${path}`;
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await fetch(url, text === undefined ? {} : { method: "POST", body: text });
  return { status: response.status, text: await response.text() };
}

Deno.test("control() plays the whole conversation over HTTP", async () => {
  await using standIn = await startStandIn({ onRequest: control });
  const auth = await pair(standIn.url, async (qr) => {
    assert.equal((await ask(standIn, `/phones/${OWN}/scan`, qr)).status, 200);
  });
  await ask(standIn, `/contacts/${FRIEND}`, { autoRead: true, addressing: "pn" });
  await using client = await new BareClient(standIn.url, auth).open();
  const sent = await client.sock.sendMessage(`${FRIEND}@s.whatsapp.net`, { text: "salut" });
  await client.status(sent!.key.id!, 4);
  const [message] = JSON.parse((await ask(standIn, `/contacts/${FRIEND}/inbox`)).text);
  assert.equal(message.text, "salut");
  assert.equal(message.repeats, 0);
  const { text } = await ask(standIn, `/contacts/${FRIEND}/send`, { to: OWN, text: "bien reçu" });
  assert.equal((await client.received("bien reçu")).message.key.id, JSON.parse(text).id);
  const state = JSON.parse((await ask(standIn, "/state")).text);
  assert.equal(state.rootKeyHex, standIn.rootKeyHex);
  assert.deepEqual(state.clients, [{ number: OWN, deviceId: 1 }]);
});

Deno.test("control() sets and clears faults", async () => {
  await using standIn = await startStandIn({ onRequest: control });
  await ask(standIn, "/faults", { sendRefusal: 463, ackDelayMs: 5 });
  assert.deepEqual([standIn.faults.sendRefusal, standIn.faults.ackDelayMs], [463, 5]);
  await ask(standIn, "/faults", { sendRefusal: null });
  assert.equal(standIn.faults.sendRefusal, undefined);
  await ask(standIn, "/faults/clear", "");
  assert.equal(standIn.faults.ackDelayMs, 0);
  await using client = new BareClient(standIn.url, new MemoryAuth());
  await client.qr();
  await ask(standIn, "/close", { code: 503 });
  assert.equal((await client.closed()).code, 503);
});

Deno.test("control() says what it can do and why it cannot", async () => {
  await using standIn = await startStandIn({ onRequest: control });
  assert.match((await ask(standIn, "")).text, /POST \/control\/phones\/NUMBER\/scan/);
  assert.equal((await ask(standIn, "/nonsense")).status, 404);
  const refused = await ask(standIn, `/phones/${OWN}/scan`, "not a QR");
  assert.equal(refused.status, 400);
  assert.match(refused.text, /no WhatsApp pairing QR code/);
  assert.match((await ask(standIn, "/faults", { silense: true })).text, /silense/);
  assert.match((await ask(standIn, "/contacts/..%2F/inbox")).text, /as a phone number/);
});

Deno.test("main.ts prints where it listens and ends on SIGTERM", async () => {
  const main = new URL("./main.ts", import.meta.url).pathname;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", main],
    stdout: "piped",
  });
  await using program = command.spawn();
  const reader = program.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const { value = "" } = await reader.read();
  const { url, rootKeyHex, control: help } = JSON.parse(value.split("\n")[0]!);
  assert.match(url, /^ws:\/\/127\.0\.0\.1:\d+\/ws\/chat$/);
  assert.match(rootKeyHex, /^[0-9a-f]{64}$/);
  assert.match(await (await fetch(help)).text(), /^The WhatsApp stand-in/);
  program.kill("SIGTERM");
  while (!(await reader.read()).done);
  assert.equal((await program.status).code, 0);
});
