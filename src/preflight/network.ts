/** Ways to a server, one step at a time: name, address, connection, encryption. */
import { lookup } from "node:dns/promises";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { isLoopbackHost } from "../config/rules.ts";
import { failure, type Finding, ok, type Outcome, warning } from "./check.ts";
import type { Endpoint, Stage } from "./endpoint.ts";
import { isUntrusted, networkFault } from "./network_faults.ts";

/** A certificate that ends sooner than this is worth a warning. */
const CERTIFICATE_DAYS = 14;
const DAY_MS = 24 * 60 * 60_000;

/** The way to an endpoint is free. */
export interface Reached {
  readonly addresses: readonly string[];
  /** All of them are this machine's own. */
  readonly loopback: boolean;
}

/** Looks the name up, connects and, where it is called for, encrypts; each step with its time. */
export async function reach(endpoint: Endpoint, signal: AbortSignal): Promise<Outcome<Reached>> {
  const findings: Finding[] = [];
  const { host, port } = endpoint;
  const step = async <T>(stage: Stage, work: () => Promise<T>): Promise<T | undefined> => {
    const startedAt = performance.now();
    try {
      const result = await work();
      const ms = Math.round(performance.now() - startedAt);
      findings.push(...describe(stage, endpoint, result, ms));
      return result;
    } catch (error) {
      findings.push(failure(networkFault(error, endpoint, stage)));
      return undefined;
    }
  };
  const addresses = await step("DNS", () => addressesOf(host, signal));
  if (addresses === undefined) return { findings };
  const tcp = await step("TCP", () => connectPlain({ host, port }, signal));
  tcp?.destroy();
  if (tcp === undefined) return { findings };
  if (endpoint.tls) {
    const tls = await step("TLS", () => connectSecure(endpoint, signal));
    tls?.destroy();
    if (tls === undefined) return { findings };
  }
  return { findings, value: { addresses, loopback: addresses.every(isLoopbackHost) } };
}

function describe(stage: Stage, { host, port }: Endpoint, result: unknown, ms: number): Finding[] {
  if (stage === "DNS") {
    return isIP(host)
      ? []
      : [ok(`${host} is ${(result as string[]).join(", ")}`, { ms, addresses: result }, stage)];
  }
  if (stage === "TCP") return [ok(`connects to ${host}:${port} in ${ms} ms`, { ms }, stage)];
  const validTo = Date.parse((result as TLSSocket).getPeerCertificate().valid_to);
  const days = Math.floor((validTo - Date.now()) / DAY_MS);
  const facts = { ms, daysLeft: days };
  if (!(days < CERTIFICATE_DAYS)) return [ok(`certificate trusted, valid for ${days} days`, facts, stage)];
  return [warning({
    code: "tls_expires_soon",
    subject: stage,
    found: `The certificate of ${host} ends in ${days} days`,
    remedy: "Have whoever runs that server renew it before then",
    facts,
  })];
}

/** Opens a connection to `endpoint`, encrypted where it is called for. Aborting `signal` destroys it at any time. */
export function connect(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  return endpoint.tls ? connectSecure(endpoint, signal) : connectPlain(endpoint, signal);
}

async function addressesOf(host: string, signal: AbortSignal): Promise<string[]> {
  if (isIP(host)) return [host];
  // The system's resolver cannot be interrupted: it is left to itself when the time is up.
  const found = await Promise.race([lookup(host, { all: true }), aborted(signal)]);
  return found.map(({ address }) => address);
}

function connectPlain({ host, port }: { host: string; port: number }, signal: AbortSignal): Promise<Socket> {
  const socket = connectTcp({ host, port, signal });
  return opened(socket, "connect");
}

async function connectSecure(endpoint: Endpoint, signal: AbortSignal): Promise<TLSSocket> {
  try {
    return await handshake(endpoint, signal, {});
  } catch (error) {
    if (!isUntrusted(error)) throw error;
    // Deno calls an expired certificate untrusted. A second look, over which nothing is sent, tells the two apart.
    const socket = await handshake(endpoint, signal, { rejectUnauthorized: false });
    const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
    socket.destroy();
    if (Date.parse(from) <= Date.now() && Date.now() <= Date.parse(to)) throw error;
    throw new CertificateExpired(from, to);
  }
}

/** A certificate is not valid today. */
class CertificateExpired extends Error {
  override readonly name = "CertificateExpired";
  readonly code = "CERT_HAS_EXPIRED";
  constructor(from: string, to: string) {
    super(`valid from ${from} to ${to}`);
  }
}

async function handshake(
  { host, port, tlsFiles }: Endpoint,
  signal: AbortSignal,
  more: object,
): Promise<TLSSocket> {
  const files = await tlsFiles?.();
  const options = { host, port, signal, ...(isIP(host) ? {} : { servername: host }), ...files, ...more };
  return await opened(connectTls(options), "secureConnect");
}

function opened<T extends Socket>(socket: T, event: string): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  socket.once(event, () => resolve(socket));
  // Stays: an abort or a reset after the opening is an error event too, and "close" follows for whoever reads.
  socket.on("error", reject);
  return promise;
}

/** Rejects with the signal's reason when it aborts. */
export function aborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  if (signal.aborted) reject(signal.reason);
  else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}
