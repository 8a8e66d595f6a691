/** Servers that are not what the worker looks for. */
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { KEY } from "./certificates.ts";

/** A server on a port of 127.0.0.1; hold it with `await using`. */
export interface OtherServer extends AsyncDisposable {
  readonly port: number;
}

/** Answers whatever it is told with `text` and hangs up. @param certificate speaks TLS with it @default plain TCP */
export async function answering(text: string, certificate?: string): Promise<OtherServer> {
  const answer = (socket: Socket) => {
    socket.on("error", () => {});
    socket.on("data", () => socket.end(text));
  };
  const server: Server = certificate === undefined
    ? createServer(answer)
    : createTlsServer({ key: KEY, cert: certificate }, answer);
  // A client that does not like the certificate.
  server.on("tlsClientError", () => {});
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
