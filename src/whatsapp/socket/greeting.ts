/** The first half of WhatsApp's handshake, to see who is there. Nobody logs in: what would say who we are is never sent. */
import { Buffer } from "node:buffer";
import { Curve, DEFAULT_ORIGIN, makeNoiseHandler, NOISE_WA_HEADER, proto } from "@whiskeysockets/baileys";
import { pino } from "pino";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { baileysLogger } from "./baileys_logger.ts";

/** A greeting is two keys and two small certificates: of what is larger no more is kept. */
const LARGEST_GREETING_BYTES = 64 * 1024;

/** The server does not greet back. The message says what it did instead. */
export class NoGreeting extends Error {
  override readonly name = "NoGreeting";
}

/**
 * Greets the server and verifies its certificate, which `hardenBaileys` has to have been called for. Resolves when it has
 * proved who it is; the connection is gone then.
 *
 * @throws {UntrustedServer} when it cannot prove it, {@link NoGreeting}, or the reason of `signal`
 */
export async function greetServer(url: string, signal: AbortSignal): Promise<void> {
  const websocket = new WebSocket(url, { origin: DEFAULT_ORIGIN, maxPayload: LARGEST_GREETING_BYTES });
  const { promise: broken, reject } = Promise.withResolvers<never>();
  websocket.on("error", (error) => reject(new NoGreeting(error.message)));
  websocket.on("close", (code) => reject(new NoGreeting(`it closed the connection (${code})`)));
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await Promise.race([handshake(websocket), broken]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    websocket.terminate();
  }
}

async function handshake(websocket: WebSocket): Promise<void> {
  const keyPair = Curve.generateKeyPair();
  const logger = baileysLogger(pino({ level: "silent" }));
  const noise = makeNoiseHandler({ keyPair, NOISE_HEADER: NOISE_WA_HEADER, logger });
  const { promise: answered, resolve, reject } = Promise.withResolvers<Uint8Array>();
  let said = 0;
  websocket.on("message", (bytes: Buffer) => {
    if ((said += bytes.length) > LARGEST_GREETING_BYTES) {
      return reject(new NoGreeting(`it says more than ${LARGEST_GREETING_BYTES} bytes`));
    }
    noise.decodeFrame(bytes, (frame) => resolve(frame as Uint8Array)).catch(reject);
  });
  await new Promise<void>((resolve) => websocket.once("open", () => resolve()));
  const clientHello = { ephemeral: keyPair.public };
  websocket.send(noise.encodeFrame(proto.HandshakeMessage.encode({ clientHello }).finish()));
  const serverHello = proto.HandshakeMessage.decode(await answered);
  // A key of the moment, as nobody goes on with it.
  noise.processHandshake(serverHello, Curve.generateKeyPair());
}
