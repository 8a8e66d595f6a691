/**
 * One process full of Baileys' sockets, for `handshake.ts`: links as many as it is told, lets them connect again, and
 * prints what each step has cost.
 *
 *     deno run -A handshake_client.ts '{"url","control","sockets","firstNumber","rootKeyHex"?}'
 */
import process from "node:process";
import { makeWASocket, type WASocket } from "@whiskeysockets/baileys";
import pino from "pino";
import { hardenBaileys } from "../../src/whatsapp/socket/hardening.ts";
import { spareBaileysStackTraces } from "../../src/whatsapp/socket/stack_traces.ts";
import { MemoryAuth } from "../stand_in/memory_auth.ts";

/** What it is told. */
export interface HandshakeTask {
  readonly url: string;
  /** The stand-in's control. */
  readonly control: string;
  readonly sockets: number;
  readonly firstNumber: number;
  /** Verify the server, by this root; without it Baileys is left as it is. */
  readonly rootKeyHex?: string;
}

/** What something has cost this process. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
  /** The longest the event loop was held up. */
  readonly blockMs: number;
}

/** What it prints, as a line of JSON. */
export interface HandshakeCosts {
  /** From nothing to the close that follows the phone's scan. */
  readonly link: Cost;
  /** The first login, which uploads prekeys. */
  readonly connect: Cost;
  /** Any other login. */
  readonly reconnect: Cost;
}

const logger = pino({ level: "silent" });

async function measure(
  { url, control, sockets, firstNumber, rootKeyHex }: HandshakeTask,
): Promise<HandshakeCosts> {
  console.log = console.info = console.warn = () => {};
  if (rootKeyHex !== undefined) {
    hardenBaileys(rootKeyHex);
    spareBaileysStackTraces();
  }
  const auths = Array.from({ length: sockets }, () => new MemoryAuth());
  const scan = (index: number) => `${control}/phones/${firstNumber + index}/scan`;
  const linking = await costOf(() => Promise.all(auths.map((auth, index) => link(url, auth, scan(index)))));
  const connecting = await costOf(() => connectAll(url, auths));
  for (const socket of connecting.result) await socket.end(undefined);
  const reconnecting = await costOf(() => connectAll(url, auths));
  return { link: linking.cost, connect: connecting.cost, reconnect: reconnecting.cost };
}

async function connectAll(url: string, auths: readonly MemoryAuth[]): Promise<WASocket[]> {
  return await Promise.all(auths.map(async (auth) => {
    const { socket, opened } = connect(url, auth);
    await opened;
    return socket;
  }));
}

function connect(url: string, auth: MemoryAuth) {
  const socket = makeWASocket({ waWebSocketUrl: url, auth, logger });
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  const qr = Promise.withResolvers<string>();
  socket.ev.on("creds.update", (update) => Object.assign(auth.creds, update));
  socket.ev.on("connection.update", (update) => {
    if (update.qr !== undefined) qr.resolve(update.qr);
    if (update.connection === "open") opened.resolve();
    if (update.connection === "close") ended.resolve();
  });
  return { socket, qr: qr.promise, opened: opened.promise, ended: ended.promise };
}

/** Ends with the close that follows the phone's scan. */
async function link(url: string, auth: MemoryAuth, scan: string): Promise<void> {
  const { qr, ended } = connect(url, auth);
  const response = await fetch(scan, { method: "POST", body: await qr });
  if (!response.ok) throw new Error(await response.text());
  await response.body?.cancel();
  await ended;
}

async function costOf<T>(work: () => Promise<T>): Promise<{ result: T; cost: Cost }> {
  let blockMs = 0;
  let beat = performance.now();
  const pulse = setInterval(() => {
    blockMs = Math.max(blockMs, performance.now() - beat);
    beat = performance.now();
  }, 1);
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const result = await work();
  const wallMs = performance.now() - startedAt;
  const { user, system } = process.cpuUsage(cpuBefore);
  clearInterval(pulse);
  return { result, cost: { wallMs, cpuMs: (user + system) / 1000, blockMs } };
}

if (import.meta.main) {
  const print = console.log;
  print(JSON.stringify(await measure(JSON.parse(Deno.args[0]!))));
  Deno.exit(0);
}
