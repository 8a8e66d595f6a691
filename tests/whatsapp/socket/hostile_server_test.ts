/** Servers, and things on the way to them, that end or spoil a connection before it is one. */

import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
// @ts-types="@types/ws"
import { type WebSocket, WebSocketServer } from "ws";
import type { Closure } from "../../../src/whatsapp/socket/close_codes.ts";
import { loneSocket } from "../lone_socket.ts";

/** Long for a server on this machine, short for a test. */
const CONNECT_TIMEOUT_MS = 500;

const nothing = () => {};
const tcpOf = (webSocket: WebSocket) => (webSocket as unknown as { _socket: Socket })._socket;

/** A server whose websockets are treated by `greet`. */
function webSockets(greet: (webSocket: WebSocket) => void): Server {
  const server = createServer();
  const upgrades = new WebSocketServer({ server });
  upgrades.on("connection", (webSocket) => {
    webSocket.on("error", nothing);
    greet(webSocket);
  });
  return server;
}

/** What is done to a websocket when the client's first frame, its hello, is there. */
const atHello = (act: (webSocket: WebSocket) => void) =>
  webSockets((webSocket) => void webSocket.once("message", () => act(webSocket)));

/** A server whose answer to the upgrade is up to `answer`. */
function upgrades(answer: (tcp: Socket) => void): Server {
  return createServer().on("upgrade", (_request, tcp: Socket) => {
    tcp.on("error", nothing);
    answer(tcp);
  });
}

const lost = { code: 408, reason: "connection_lost" };
const closed = { code: 428, reason: "connection_closed" };
const failed = { code: 500, reason: "connection_failed" };
const refused = (code: number) => ({ code, reason: "upgrade_refused" });

const SERVERS: readonly (readonly [what: string, () => Server, { code: number; reason: string }])[] = [
  ["never answers the upgrade", () => upgrades(nothing), lost],
  ["resets the connection instead", () => upgrades((tcp) => tcp.resetAndDestroy()), lost],
  ["hangs up instead", () => upgrades((tcp) => tcp.destroy()), lost],
  ["answers what is no HTTP", () => upgrades((tcp) => tcp.write("SSH-2.0-OpenSSH_9.2\r\n\r\n")), failed],
  ["asks for a password of its own", () => createServer((_, r) => void r.writeHead(407).end()), refused(407)],
  ["redirects", () => createServer((_, r) => void r.writeHead(302, { location: "/" }).end()), refused(302)],
  ["has a bad day", () => createServer((_, response) => void response.writeHead(503).end()), refused(503)],
  ["shows a page", () => createServer((_, response) => void response.end("Welcome")), refused(200)],
  ["cuts the link once it is a websocket", () => webSockets((webSocket) => webSocket.terminate()), closed],
  ["closes it at once", () => webSockets((webSocket) => webSocket.close(1001)), closed],
  ["cuts it at the hello", () => atHello((webSocket) => webSocket.terminate()), closed],
  ["resets it at the hello", () => atHello((webSocket) => tcpOf(webSocket).resetAndDestroy()), closed],
  ["closes it at the hello", () => atHello((webSocket) => webSocket.close(1011)), closed],
  ["is silent after the hello", () => atHello(nothing), lost],
];

for (const [what, start, expected] of SERVERS) {
  Deno.test(`openSocket() knows what to make of a server that ${what}`, async () => {
    await using server = await listening(start());
    const closure = await closureAt(server.url);
    assert.deepEqual({ code: closure.code, reason: closure.reason }, expected);
    assert.equal(closure.reaction, "reconnect", "waiting helps");
  });
}

Deno.test("openSocket() does not take noise for a server's hello", async () => {
  const noise = atHello((webSocket) => {
    const frame = crypto.getRandomValues(new Uint8Array(203));
    frame.set([0, 0, 200]);
    webSocket.send(frame);
  });
  await using server = await listening(noise);
  assert.equal((await closureAt(server.url)).reaction, "reconnect");
});

async function listening(server: Server): Promise<AsyncDisposable & { url: string }> {
  const connections = new Set<Socket>();
  server.on("connection", (tcp: Socket) => {
    connections.add(tcp);
    tcp.once("close", () => connections.delete(tcp));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/ws/chat`,
    [Symbol.asyncDispose]: async () => {
      const stopped = once(server, "close");
      server.close();
      for (const tcp of connections) tcp.destroy();
      await stopped;
    },
  };
}

async function closureAt(url: string): Promise<Closure> {
  await using socket = await loneSocket(url, { connectTimeoutMs: CONNECT_TIMEOUT_MS });
  return await socket.closed;
}
