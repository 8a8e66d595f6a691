/** The server for machines by itself: who it answers, and whom nothing keeps it from answering. */

import { strict as assert } from "node:assert";
import { HttpServer, type HttpServerOptions } from "../../src/health/http.ts";
import { makeLog } from "../../src/log.ts";
import { freePort } from "../rabbitmq/layout.ts";
import { ask, eventually } from "./watcher.ts";

const TOKEN = "0123456789abcdef";
const TIMEOUT_MS = 400;
/** More than the buffers between server and client hold. */
const LARGE = "x".repeat(32 * 1024 * 1024);

/** A server with one page that answers and one that cannot, listening once {@link ask} gets through. */
async function startServer(options: Partial<HttpServerOptions> = {}) {
  const logged: string[] = [];
  const port = options.port ?? freePort();
  const server = new HttpServer({
    host: "127.0.0.1",
    port,
    pages: {
      "/livez": () => Promise.resolve({ status: 200, contentType: "text/plain", body: "alive\n" }),
      "/large": () => Promise.resolve({ status: 200, contentType: "text/plain", body: LARGE }),
      "/broken": () => Promise.reject(new Error("the store is closed")),
    },
    requestTimeoutMs: TIMEOUT_MS,
    retryPauseMs: 20,
    log: makeLog({
      level: "info",
      pretty: false,
      workerId: "worker-1",
      destination: { write: (line: string) => void logged.push(line) },
    }),
    ...options,
  });
  server.start();
  const listens = () =>
    eventually(() => Promise.resolve(logged.join("")), (log) => log.includes("answering"));
  if (options.port === undefined) await listens();
  return { port, server, logged, listens, [Symbol.asyncDispose]: () => server.stop() };
}

/** Sends bytes and nothing more. @returns what came back until the server hung up */
async function send(port: number, bytes: string | Uint8Array<ArrayBuffer>): Promise<string> {
  using client = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes);
  let text = "";
  const buffer = new Uint8Array(4096);
  while (true) {
    // A server that hangs up on what it has not read resets the connection.
    const count = await client.read(buffer).catch(() => null);
    if (count === null) return text;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
}

Deno.test("a page is answered to GET and HEAD, and everything else is refused in words", async () => {
  await using test = await startServer();
  const { port, logged } = test;
  const alive = await ask(port, "/livez?verbose");
  assert.deepEqual([alive.status, alive.body], [200, "alive\n"]);
  assert.equal(alive.headers.get("cache-control"), "no-store");

  const head = await send(port, "HEAD /livez HTTP/1.1\r\nHost: x\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 200 .*content-length: 6\r\n/is);
  assert.match(head, /\r\n\r\n$/, "no body");

  for (const path of ["/", "/livez/", "//livez", "/constructor", "/../livez%00", "*"]) {
    const answer = await send(port, `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 404 .*There is nothing here but \/livez, \/large, \/broken\n$/s, path);
  }
  const post = await ask(port, "/livez", { method: "POST", body: "x".repeat(100_000) });
  assert.deepEqual([post.status, post.headers.get("allow")], [405, "GET, HEAD"]);
  assert.equal(post.body, "Only GET and HEAD are answered\n");

  const broken = await ask(port, "/broken");
  assert.deepEqual([broken.status, broken.body], [503, "The worker cannot tell: its log says why\n"]);
  assert.match(logged.join(""), /the store is closed/);
});

Deno.test("with a token nothing is told to who does not show it", async () => {
  await using test = await startServer({ token: TOKEN });
  const { port } = test;
  const refused = [
    undefined,
    TOKEN,
    `Basic ${TOKEN}`,
    "Bearer",
    `Bearer ${TOKEN}x`,
    `Bearer ${TOKEN.slice(1)}`,
  ];
  for (const authorization of refused) {
    for (const path of ["/livez", "/nothing"]) {
      const { status, headers, body } = await ask(port, path, {
        headers: authorization === undefined ? {} : { authorization },
      });
      assert.equal(status, 401, String(authorization));
      assert.equal(headers.get("www-authenticate"), 'Bearer realm="whatsapp-worker"');
      assert.ok(!body.includes(TOKEN));
    }
  }
  for (const authorization of [`Bearer ${TOKEN}`, `bearer  ${TOKEN}`]) {
    assert.equal((await ask(port, "/livez", { headers: { authorization } })).status, 200);
  }
});

Deno.test("what is no HTTP, too large, or never comes to an end is hung up on", async () => {
  await using test = await startServer();
  const { port } = test;
  const noise = crypto.getRandomValues(new Uint8Array(500));
  const cases: [string, string | Uint8Array<ArrayBuffer>, RegExp][] = [
    ["garbage", noise, /^HTTP\/1\.1 400 /],
    ["a TLS client", new Uint8Array([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3]), /^HTTP\/1\.1 400 /],
    ["a header without end", `GET /livez HTTP/1.1\r\nA: ${"x".repeat(1_000_000)}`, /^HTTP\/1\.1 431 /],
    ["many headers", `GET / HTTP/1.1\r\n${"a: b\r\n".repeat(5_000)}\r\n`, /^HTTP\/1\.1 431 /],
    ["a long path", `GET /${"x".repeat(100_000)} HTTP/1.1\r\n`, /^HTTP\/1\.1 431 /],
    ["a request that stops", "GET /livez HTTP/1.1\r\nHo", /^HTTP\/1\.1 408 /],
    ["nothing", "", /^HTTP\/1\.1 408 |^$/],
    [
      "a body that never comes",
      "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n",
      /^HTTP\/1\.1 405 /,
    ],
  ];
  await Promise.all(cases.map(async ([what, bytes, expected]) => {
    const startedAt = performance.now();
    assert.match(await send(port, bytes), expected, what);
    assert.ok(performance.now() - startedAt < 10 * TIMEOUT_MS, `${what} was held on to`);
  }));
  assert.equal((await ask(port, "/livez")).status, 200);
});

Deno.test("who does not take the answer is hung up on too", async () => {
  await using test = await startServer();
  using client = await Deno.connect({ hostname: "127.0.0.1", port: test.port });
  await client.write(new TextEncoder().encode("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
  await new Promise((resolve) => setTimeout(resolve, 4 * TIMEOUT_MS));
  let bytes = 0;
  const buffer = new Uint8Array(1024 * 1024);
  for (let count: number | null = 0; count !== null; bytes += count ?? 0) {
    count = await client.read(buffer).catch(() => null);
  }
  assert.ok(bytes < LARGE.length, "the rest of it waited for the client");
});

Deno.test("clients that only hold on to their connections keep nobody out for long", async () => {
  await using test = await startServer();
  const { port } = test;
  const clients = await Promise.all(
    Array.from({ length: 150 }, () => Deno.connect({ hostname: "127.0.0.1", port })),
  );
  try {
    await eventually(
      () => send(port, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n").catch(() => ""),
      (answer) => answer.startsWith("HTTP/1.1 200"),
    );
  } finally {
    for (const client of clients) client.close();
  }
});

Deno.test("a port that is taken is told once, with what to do, and is taken when it is free", async () => {
  const occupant = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = occupant.addr;
  await using test = await startServer({ port });
  const { logged, listens } = test;
  await eventually(() => Promise.resolve(logged), (lines) => lines.length > 0);
  // Several attempts later, as each takes 20 ms.
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(logged.length, 1, logged.join(""));
  assert.match(logged[0]!, /"level":50.*EADDRINUSE.*ss -ltnp.*another HTTP_PORT.*cannot listen for HTTP/);
  occupant.close();
  await listens();
  assert.equal((await ask(port, "/livez")).body, "alive\n");
});

Deno.test("stop() ends what is open, and what still waits for its port", async () => {
  const listening = await startServer();
  using client = await Deno.connect({ hostname: "127.0.0.1", port: listening.port });
  await client.write(new TextEncoder().encode("GET /livez HTT"));
  await listening.server.stop();
  assert.equal(await client.read(new Uint8Array(1)).catch(() => null), null);
  await assert.rejects(ask(listening.port, "/livez"), TypeError);

  using occupant = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const waiting = await startServer({ port: occupant.addr.port, retryPauseMs: 60_000 });
  await waiting.server.stop();
});
