import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { EXIT } from "../../exit_codes.ts";
import { type Check, failure, isTimeout, ok, type Trouble } from "../check.ts";
import type { Endpoint } from "../endpoint.ts";
import { aborted, connect } from "../network.ts";
import { networkFault } from "../network_faults.ts";
import { whatsappEndpoint } from "../whatsapp.ts";
import { configuration } from "./configuration.ts";
import { whatsappReach } from "./whatsapp_reach.ts";

/** What Baileys says it comes from. */
const ORIGIN = "https://web.whatsapp.com";
/** No server's answer has a longer head. */
const MAX_HEAD_BYTES = 16 * 1024;

/** WhatsApp answers as a websocket server. Nothing is sent after that: no handshake, no login. */
export const whatsappUpgrade: Check = {
  id: "whatsapp.upgrade",
  title: "WhatsApp websocket",
  why: "A proxy or firewall that lets HTTPS through may still stop websockets",
  exitCode: EXIT.UNAVAILABLE,
  after: [configuration, whatsappReach],
  async run(probe) {
    const settings = probe.valueOf(configuration);
    const endpoint = whatsappEndpoint(settings);
    const startedAt = performance.now();
    let socket: Socket | undefined;
    try {
      socket = await connect(endpoint, probe.signal);
      socket.write(upgradeRequest(new URL(settings.WHATSAPP_WEB_URL)));
      const answer = await Promise.race([firstLine(socket), aborted(probe.signal)]);
      const ms = Math.round(performance.now() - startedAt);
      if (/^HTTP\/1\.1 101\b/.test(answer)) return { findings: [ok(`answered in ${ms} ms`, { ms, answer })] };
      return { findings: [failure({ ...otherAnswer(answer, endpoint), facts: { ms, answer } })] };
    } catch (error) {
      return { findings: [failure(isTimeout(error) ? noAnswer(endpoint) : networkFault(error, endpoint))] };
    } finally {
      socket?.destroy();
    }
  },
};

function upgradeRequest({ host, pathname, search }: URL): string {
  const headers = {
    "Host": host,
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": randomBytes(16).toString("base64"),
    "Origin": ORIGIN,
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return [`GET ${pathname}${search} HTTP/1.1`, ...lines, "", ""].join("\r\n");
}

/** The first line that comes, without what cannot be shown; empty when the server ends the connection first. */
async function firstLine(socket: Socket): Promise<string> {
  const { promise: ended, reject } = Promise.withResolvers<never>();
  socket.once("error", reject);
  const read = async () => {
    let head = Buffer.alloc(0);
    for await (const chunk of socket) {
      head = Buffer.concat([head, chunk as Buffer]);
      if (head.includes("\r\n") || head.length > MAX_HEAD_BYTES) break;
    }
    return head.toString("latin1").split("\r\n", 1)[0]?.replace(/[^ -~]/g, "?").slice(0, 80) ?? "";
  };
  return await Promise.race([read(), ended]);
}

function otherAnswer(answer: string, { host, port, setting }: Endpoint): Trouble {
  const found = answer === ""
    ? `${host}:${port} hung up instead of answering`
    : `${host}:${port} does not take websockets, but says '${answer}'`;
  return {
    code: "upgrade_refused",
    found,
    remedy:
      `A proxy in between or another server: check ${setting}, and that the network lets websockets to ${host} pass`,
  };
}

const noAnswer = ({ host, port }: Endpoint): Trouble => ({
  code: "upgrade_silent",
  found: `${host}:${port} takes connections, but does not answer in time`,
  remedy:
    `Something in between swallows what is sent: check that the network lets websockets to ${host} pass`,
});
