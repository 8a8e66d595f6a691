/** The servers a worker needs, as settings name them. */
import type { TlsOptions } from "../broker/tls.ts";

/** A server the worker needs. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
  /** What is shown and trusted there beside what the machine trusts. @default nothing */
  readonly tlsFiles?: () => Promise<TlsOptions>;
  /** What it is: `RabbitMQ`. */
  readonly service: string;
  /** The setting that names it. */
  readonly setting: string;
}

/** A step on the way to a server. */
export type Stage = "DNS" | "TCP" | "TLS";

/** The endpoint of a URL, with the default ports of its protocol. */
export function endpointOf(
  url: string,
  { service, setting, ports, tlsFiles }: Pick<Endpoint, "service" | "setting" | "tlsFiles"> & {
    ports: Record<string, number>;
  },
): Endpoint {
  const { protocol, hostname, port } = new URL(url);
  const tls = ["amqps:", "wss:", "https:"].includes(protocol);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (ports[protocol] ?? 0),
    tls,
    ...(tlsFiles && { tlsFiles }),
    service,
    setting,
  };
}
