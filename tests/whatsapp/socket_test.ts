import { strict as assert } from "node:assert";
import type { AddressInfo } from "node:net";
import pino from "pino";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import { loadAuthState } from "../../src/whatsapp/auth_state.ts";
import type { Closure } from "../../src/whatsapp/close_codes.ts";
import { openSocket, type SocketEvents, type SocketOptions } from "../../src/whatsapp/socket.ts";
import { clearBaileysTimers } from "../baileys_timers.ts";
import { startStandIn } from "../stand_in/stand_in.ts";

/** A socket without credentials, and promises of what it tells. */
async function open(url: string, options: Partial<SocketOptions> = {}) {
  const store = makeStore(Database.inMemory(), Date.now);
  const closed = Promise.withResolvers<Closure>();
  const shown = Promise.withResolvers<string>();
  const events: SocketEvents = {
    onQr: ({ qr }) => shown.resolve(qr),
    onOpen: () => {},
    onClose: closed.resolve,
    onMessages: () => {},
    onDecrypted: () => Promise.resolve({ statements: [] }),
    onReceipt: () => Promise.resolve(),
    onAck: () => {},
    onStanza: () => {},
    onRoundTrip: () => {},
    onTimelock: () => {},
  };
  const socket = openSocket({
    url,
    auth: await loadAuthState(store.credentials, "6"),
    events,
    findSent: () => Promise.resolve(undefined),
    random: () => 0.5,
    retryCounts: { get: () => undefined, set: () => {}, del: () => {}, flushAll: () => {} },
    log: pino({ level: "silent" }),
    ...options,
  });
  return {
    socket,
    closed: closed.promise,
    shown: shown.promise,
    [Symbol.asyncDispose]: async () => {
      await socket.end();
      clearBaileysTimers();
      store.close();
    },
  };
}

Deno.test("openSocket() gives a socket up that neither shows a QR nor opens nor closes", async () => {
  await using standIn = await startStandIn();
  standIn.faults.silence = true;
  await using attempt = await open(standIn.url, { watchdogMs: 200 });
  assert.deepEqual(await attempt.closed, { code: 408, reason: "connection_lost", reaction: "reconnect" });
});

Deno.test("openSocket() leaves a socket alone that has shown a QR, until nobody has scanned it", async () => {
  await using standIn = await startStandIn();
  standIn.faults.refCount = 1;
  await using attempt = await open(standIn.url, { watchdogMs: 1_500, qrLifetimeMs: 2_000 });
  await attempt.shown;
  assert.equal((await attempt.closed).reason, "qr_expired");
});

Deno.test("openSocket() tells of a refused websocket at once, whether or not the connection ends with it", async () => {
  for (const hangUp of [true, false]) {
    await using standIn = await startStandIn();
    standIn.faults.refuseUpgrade(503, { hangUp });
    await using attempt = await open(standIn.url);
    assert.deepEqual(await attempt.closed, { code: 503, reason: "upgrade_refused", reaction: "reconnect" });
  }
});

Deno.test("openSocket() tells of a port nobody listens on", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  await using attempt = await open(`ws://127.0.0.1:${port}/ws/chat`);
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
    await using attempt = await open(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/chat`);
    await connected;
    await attempt.socket.baileys.waitForSocketOpen();
    const startedAt = performance.now();
    await attempt.socket.end();
    assert(performance.now() - startedAt < 4_000, "the 30 s that ws gives a server are not waited for");
  }
  for (const client of server.clients) client.terminate();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});
