import { createHash, timingSafeEqual } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Logger } from "pino";
import { sendFile } from "./file_body.ts";
import { pause } from "../waiting.ts";

/** What a client may need to say what it wants, and as much to take a page: nobody holds on to the server. */
const REQUEST_TIMEOUT_MS = 5_000;
const LARGEST_HEAD_BYTES = 8 * 1024;
const MOST_CONNECTIONS = 100;
/** Files at a time: who fetches them must not keep out who watches the worker. */
const MOST_FILES = 20;
/** What a client may need to take each piece of a file. */
const STALL_TIMEOUT_MS = 30_000;
/** How often a port that is taken is tried again. */
const RETRY_PAUSE_MS = 30_000;

/** What a path is answered with. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string | number>>;
}

/** A file that a path is answered with. */
export interface FileAnswer extends Omit<Answer, "body"> {
  /** Closed here. */
  readonly file: Deno.FsFile;
  /** Bytes. */
  readonly size: number;
}

/** What a name in a folder is answered with at the moment; as with {@link Pages}. */
export type Folder = (name: string) => Promise<Answer | FileAnswer>;

/** What each path is answered with at the moment. One that rejects counts as 503, and is logged. */
export type Pages = Readonly<Record<string, () => Promise<Answer>>>;

/** Options of {@link HttpServer}. */
export interface HttpServerOptions {
  readonly host: string;
  readonly port: number;
  /** What clients must show as `Authorization: Bearer TOKEN`. @default nothing */
  readonly token?: string | undefined;
  readonly pages: Pages;
  /** By their paths: `/media/`. @default none */
  readonly folders?: Readonly<Record<string, Folder>> | undefined;
  /** @default 5 s */
  readonly requestTimeoutMs?: number | undefined;
  /** @default 30 s */
  readonly stallTimeoutMs?: number | undefined;
  /** @default 30 s */
  readonly retryPauseMs?: number | undefined;
  readonly log: Logger;
}

/**
 * Answers machines that watch the worker, or fetch what it keeps for them: GET and HEAD, one request a connection, nothing
 * that a client sends but path and token is looked at. A port that is taken stops nobody: it is said once, and tried again
 * until it is free.
 */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #server: Server;
  readonly #timeoutMs: number;
  readonly #stopping = new AbortController();
  /** Files being looked for, */
  #opening = 0;
  /** and those being sent. */
  readonly #sending = new Set<Promise<void>>();
  #listening: Promise<void> = Promise.resolve();

  constructor(options: HttpServerOptions) {
    this.#options = options;
    const timeoutMs = this.#timeoutMs = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#server = createServer({
      maxHeaderSize: LARGEST_HEAD_BYTES,
      headersTimeout: timeoutMs,
      requestTimeout: timeoutMs,
      connectionsCheckingInterval: timeoutMs / 2,
    }, (request, response) => void this.#respond(request, response));
    this.#server.maxConnections = MOST_CONNECTIONS;
    this.#server.on("clientError", refuse);
  }

  /** Begins to listen, as soon as the port is free. */
  start(): void {
    this.#listening = this.#listen();
  }

  /** Resolves when nobody is answered any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#listening;
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
    await Promise.all(this.#sending);
  }

  async #listen(): Promise<void> {
    const { host, port, retryPauseMs = RETRY_PAUSE_MS, log } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        this.#server.listen(port, host);
        await once(this.#server, "listening");
        log.info({ host, port }, `answering ${this.#paths.join(", ")}`);
        return;
      } catch (err) {
        if (failures === 0) {
          const remedy = "Find who has it (ss -ltnp), or give this worker another HTTP_PORT or HTTP_HOST; " +
            "an empty HTTP_PORT turns it off";
          log.error(
            { host, port, err, remedy },
            "cannot listen for HTTP; the worker goes on without and tries again",
          );
        }
        await pause(retryPauseMs, signal);
      }
    }
  }

  async #respond(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // A body, or a request that is never complete, is not waited for.
    response.shouldKeepAlive = false;
    // Nor is a client that does not take its answer: the server's own timeouts end with the request.
    const patience = setTimeout(() => request.socket.destroy(), this.#timeoutMs);
    response.once("close", () => clearTimeout(patience));
    const answer = await this.#answer(request, response);
    const { status, contentType, headers = {} } = answer;
    const body = "file" in answer ? undefined : answer.body;
    const length = "file" in answer ? answer.size : new TextEncoder().encode(body).length;
    response.writeHead(status, {
      "Content-Type": contentType,
      "Content-Length": length,
      "Cache-Control": "no-store",
      ...headers,
    });
    const isHead = request.method === "HEAD";
    if (!("file" in answer)) return void response.end(isHead ? undefined : body);
    // From here on it is each piece that has to be taken in time.
    clearTimeout(patience);
    const sending = this.#send(response, answer.file, isHead);
    this.#sending.add(sending);
    await sending;
    this.#sending.delete(sending);
  }

  /** Never rejects. */
  async #send(response: ServerResponse, file: Deno.FsFile, isHead: boolean): Promise<void> {
    const { stallTimeoutMs = STALL_TIMEOUT_MS, log } = this.#options;
    try {
      if (isHead) response.end();
      else await sendFile(response, { file, stallTimeoutMs });
    } catch (err) {
      log.error({ err }, "a file could not be sent");
      response.destroy();
    } finally {
      file.close();
    }
  }

  get #paths(): string[] {
    const { pages, folders = {} } = this.#options;
    return [...Object.keys(pages), ...Object.keys(folders).map((path) => `${path}ID`)];
  }

  async #answer(
    { method, url = "", headers }: IncomingMessage,
    response: ServerResponse,
  ): Promise<Answer | FileAnswer> {
    const { token, log } = this.#options;
    if (token !== undefined && !isBearer(headers.authorization, token)) {
      response.setHeader("WWW-Authenticate", 'Bearer realm="whatsapp-worker"');
      return textAnswer(401, "Show HTTP_TOKEN as 'Authorization: Bearer TOKEN'");
    }
    const path = url.replace(/\?.*$/s, "");
    const page = this.#page(path);
    if (page === undefined) return textAnswer(404, `There is nothing here but ${this.#paths.join(", ")}`);
    if (method !== "GET" && method !== "HEAD") {
      response.setHeader("Allow", "GET, HEAD");
      return textAnswer(405, "Only GET and HEAD are answered");
    }
    try {
      return await page();
    } catch (err) {
      log.error({ path, err }, "a request of a machine could not be answered");
      return textAnswer(503, "The worker cannot tell: its log says why");
    }
  }

  #page(path: string): (() => Promise<Answer | FileAnswer>) | undefined {
    const { pages, folders = {} } = this.#options;
    if (Object.hasOwn(pages, path)) return pages[path];
    const folder = Object.keys(folders).find((folder) => path.startsWith(folder));
    if (folder === undefined) return undefined;
    if (this.#opening + this.#sending.size >= MOST_FILES) {
      return () =>
        Promise.resolve({
          ...textAnswer(503, "Too many files are being sent"),
          headers: { "Retry-After": 5 },
        });
    }
    return async () => {
      this.#opening++;
      try {
        return await folders[folder]!(path.slice(folder.length));
      } finally {
        this.#opening--;
      }
    };
  }
}

/** A sentence for whoever asked. */
export function textAnswer(status: number, sentence: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${sentence}\n` };
}

/** Whether a header shows the token; how long that takes does not depend on how much of it is right. */
function isBearer(authorization: string | undefined, token: string): boolean {
  const digest = (value: string) => createHash("sha256").update(value).digest();
  const [, shown = ""] = /^Bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
  return timingSafeEqual(digest(shown), digest(token));
}

/** Answers what is no HTTP, too large or too slow, and hangs up. */
function refuse(error: Error & { code?: string }, socket: Duplex): void {
  const status = error.code === "HPE_HEADER_OVERFLOW"
    ? "431 Request Header Fields Too Large"
    : error.code === "ERR_HTTP_REQUEST_TIMEOUT"
    ? "408 Request Timeout"
    : "400 Bad Request";
  if (!socket.writable) return void socket.destroy();
  socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () => socket.destroy());
}
