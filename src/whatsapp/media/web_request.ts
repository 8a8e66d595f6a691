import { type ClientRequest, request as startRequest, type RequestOptions } from "node:http";
import { request as startSecureRequest } from "node:https";
import { isIP } from "node:net";
import { connect, type ConnectionOptions } from "node:tls";

/**
 * Starts a request over http or https, on a connection of its own. Deno's agents for https ask for the authorities that the
 * machine trusts, for which a program needs a permission that cannot be given by itself; the connection alone does not.
 */
export function webRequest(url: URL, options: RequestOptions): ClientRequest {
  if (url.protocol !== "https:") return startRequest(url, { ...options, agent: false });
  return startSecureRequest(url, {
    ...options,
    createConnection: (target) => {
      const { host = "" } = target as ConnectionOptions;
      // An address is no name that a server could have several certificates for.
      return connect({ servername: isIP(host) === 0 ? host : "", ...target } as ConnectionOptions);
    },
  });
}
