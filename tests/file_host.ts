import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { SAMPLES } from "./media_samples.ts";

/** A request that a host got. */
export interface FileRequest {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
}

/** What there is at a path: bytes, or whatever is done with the response. */
export type HostedFile = Uint8Array | ((response: ServerResponse) => void);

/** A web server on loopback that has the samples, and whatever else a test puts there, under any folder. */
export interface FileHost extends AsyncDisposable {
  /** Host and port. */
  readonly host: string;
  readonly url: string;
  readonly requests: readonly FileRequest[];
  /** By the name of the file. */
  readonly files: Map<string, HostedFile>;
}

/** Starts one. */
export async function startFileHost(): Promise<FileHost> {
  const requests: FileRequest[] = [];
  const files = new Map<string, HostedFile>(Object.entries(SAMPLES));
  const server = createServer(({ url = "", headers }, response) => {
    requests.push({ path: url, headers });
    const file = files.get(url.replace(/[?#].*$/s, "").split("/").at(-1) ?? "");
    if (file === undefined) response.writeHead(404).end("There is no such file");
    else if (typeof file === "function") file(response);
    else response.writeHead(200, { "Content-Length": file.length }).end(Buffer.from(file));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `http://${host}`,
    requests,
    files,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
