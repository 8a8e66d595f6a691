/** TLS in front of a server that speaks none, as a load balancer has it. */

import { once } from "node:events";
import { type AddressInfo, connect, type Socket } from "node:net";
import { createServer } from "node:tls";
import { KEY } from "../../preflight/certificates.ts";

/** A running proxy; hold it with `await using`. */
export interface TlsProxy extends AsyncDisposable {
  /** The port on 127.0.0.1 that speaks TLS. */
  readonly port: number;
  /** Ends every connection. */
  drop(): void;
}

/** Starts one before a port on 127.0.0.1 that shows `certificate`, which the tests' {@linkcode KEY} belongs to. */
export async function startTlsProxy(targetPort: number, certificate: string): Promise<TlsProxy> {
  const sockets = new Set<Socket>();
  const keep = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.once("close", () => sockets.delete(socket));
  };
  const server = createServer({ key: KEY, cert: certificate }, (client) => {
    const target = connect({ host: "127.0.0.1", port: targetPort, noDelay: true });
    for (const [one, other] of [[client, target], [target, client]] as const) {
      keep(one);
      one.once("close", () => other.destroy());
      one.pipe(other);
    }
  });
  // A client that does not like the certificate.
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const drop = () => sockets.forEach((socket) => socket.destroy());
  return {
    port: (server.address() as AddressInfo).port,
    drop,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      drop();
      await closed;
    },
  };
}
