import { strict as assert } from "node:assert";
import { setTimeout as delay } from "node:timers/promises";
import type { Socket } from "../../src/whatsapp/socket/socket.ts";
import { Transmissions } from "../../src/whatsapp/transmissions.ts";

const FRIEND = "221779999999@s.whatsapp.net";
const QUERY_TIMEOUT_MS = 50;

/** Transmissions, and a socket that is told after `answerMs` which devices its recipients have. */
function setUp(devices: readonly string[], answerMs: number) {
  const transmissions = new Transmissions(QUERY_TIMEOUT_MS);
  const written: string[] = [];
  const socket = {
    baileys: {
      getUSyncDevices: () => delay(answerMs, devices),
      relayMessage: (jid: string) => {
        written.push(jid);
        transmissions.answered("A", { outcome: "accepted" });
        return Promise.resolve("A");
      },
    },
  } as unknown as Socket;
  const transmit = (jid: string) =>
    transmissions.transmit(socket, jid, { conversation: "x" }, { whatsappId: "A", timeoutMs: 5_000 });
  return { transmit, written };
}

Deno.test("Transmissions.transmit() writes no message for nobody when the recipient's devices are not known in time", async () => {
  const { transmit, written } = setUp([], QUERY_TIMEOUT_MS);
  const transmission = await transmit(FRIEND);
  assert.equal(transmission.outcome, "failed");
  assert.deepEqual(written, []);
});

Deno.test("Transmissions.transmit() leaves it to the server to turn down a recipient it does not know", async () => {
  const { transmit, written } = setUp([], 0);
  assert.equal((await transmit(FRIEND)).outcome, "accepted");
  assert.deepEqual(written, [FRIEND]);
});

Deno.test("Transmissions.transmit() writes to devices that were named late, and to groups without asking", async () => {
  const late = setUp([FRIEND], QUERY_TIMEOUT_MS);
  assert.equal((await late.transmit(FRIEND)).outcome, "accepted");
  const group = setUp([], QUERY_TIMEOUT_MS);
  assert.equal((await group.transmit("1@g.us")).outcome, "accepted");
});
