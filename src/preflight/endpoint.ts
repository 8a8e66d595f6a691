/** The servers a worker needs, as settings name them. */
/** A server the worker needs. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
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
  { service, setting, ports }: { service: string; setting: string; ports: Record<string, number> },
): Endpoint {
  const { protocol, hostname, port } = new URL(url);
  const tls = ["amqps:", "wss:"].includes(protocol);
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port) || (ports[protocol] ?? 0),
    tls,
    service,
    setting,
  };
}
