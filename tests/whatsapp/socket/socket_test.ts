import { strict as assert } from "node:assert";
import type { AddressInfo } from "node:net";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { startStandIn } from "../../stand_in/stand_in.ts";
import { loneSocket } from "../lone_socket.ts";

Deno.test("openSocket() gives a socket up that neither shows a QR nor opens nor closes", async () => {
  await using standIn = await startStandIn();
  standIn.faults.silence = true;
  await using attempt = await loneSocket(standIn.url, { watchdogMs: 200 });
  assert.deepEqual(await attempt.closed, { code: 408, reason: "connection_lost", reaction: "reconnect" });
});

Deno.test("openSocket() leaves a socket alone that has shown a QR, until nobody has scanned it", async () => {
  await using standIn = await startStandIn();
  standIn.faults.refCount = 1;
  await using attempt = await loneSocket(standIn.url, { watchdogMs: 1_500, qrLifetimeMs: 2_000 });
  await attempt.shown;
  assert.equal((await attempt.closed).reason, "qr_expired");
});

Deno.test("openSocket() tells of a refused websocket at once, whether or not the connection ends with it", async () => {
  for (const hangUp of [true, false]) {
    await using standIn = await startStandIn();
    standIn.faults.refuseUpgrade(503, { hangUp });
    await using attempt = await loneSocket(standIn.url);
    assert.deepEqual(await attempt.closed, { code: 503, reason: "upgrade_refused", reaction: "reconnect" });
  }
});

Deno.test("openSocket() tells of a port nobody listens on", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await using attempt = await loneSocket(`ws://127.0.0.1:${port}/ws/chat`);
  assert.equal((await attempt.closed).code, 408);
});

Deno.test("Socket.end() does not wait for a server that reads nothing more", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  const connected = new Promise<void>((resolve) => {
    server.on("connection", (webSocket) => {
      webSocket.pause();
      resolve();
    });
  });
  await new Promise<void>((resolve) => server.on("listening", () => resolve()));
  {
    await using attempt = await loneSocket(
      `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/chat`,
    );
    await connected;
    await attempt.socket.baileys.waitForSocketOpen();
    const startedAt = performance.now();
    await attempt.socket.end();
    assert(performance.now() - startedAt < 4_000, "the 30 s that ws gives a server are not waited for");
  }
  for (const client of server.clients) client.terminate();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
