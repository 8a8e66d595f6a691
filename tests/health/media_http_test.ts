/** Files over the worker's own server: how they are sent, and to whom they are not. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { HttpServer, type HttpServerOptions } from "../../src/health/http.ts";
import { makeLog } from "../../src/log.ts";
import { freePort } from "../rabbitmq/layout.ts";
import { ask, eventually } from "./watcher.ts";

const MEBI = 1024 * 1024;

async function startServer(bytes: number, options: Partial<HttpServerOptions> = {}) {
  const folder = await Deno.makeTempDir({ prefix: "media-http-test-" });
  const path = join(folder, "file");
  await Deno.writeFile(path, new Uint8Array(bytes).fill(7));
  const logged: string[] = [];
  const port = freePort();
  const server = new HttpServer({
    host: "127.0.0.1",
    port,
    pages: {
      "/livez": () => Promise.resolve({ status: 200, contentType: "text/plain", body: "alive\n" }),
    },
    folders: {
      "/files/": async (name) =>
        name === "file"
          ? { status: 200, contentType: "image/png", file: await Deno.open(path), size: bytes }
          : { status: 404, contentType: "text/plain", body: "no such file\n" },
    },
    requestTimeoutMs: 200,
    log: makeLog({
      level: "info",
      pretty: false,
      workerId: "worker-1",
      destination: { write: (line: string) => void logged.push(line) },
    }),
    ...options,
  });
  server.start();
  await eventually(() => Promise.resolve(logged.join("")), (log) => log.includes("answering"));
  return {
    port,
    server,
    logged,
    [Symbol.asyncDispose]: async () => {
      await server.stop();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

/** Asks for the file and takes nothing yet. */
async function request(port: number) {
  const client = await Deno.connect({ hostname: "127.0.0.1", port });
  await client.write(new TextEncoder().encode("GET /files/file HTTP/1.1\r\nHost: x\r\n\r\n"));
  const buffer = new Uint8Array(MEBI);
  /** Reads until the end, with pauses. @returns how many bytes came */
  const drain = async (pauseMs = 0) => {
    let bytes = 0;
    for (let count: number | null = 0; count !== null; bytes += count ?? 0) {
      count = await client.read(buffer).catch(() => null);
      if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    return bytes;
  };
  return { drain, [Symbol.dispose]: () => client.close() };
}

Deno.test("a file comes whole with its length, HEAD gives its head alone, and what is not there is 404", async () => {
  await using test = await startServer(3 * MEBI + 5);
  const answer = await fetch(`http://127.0.0.1:${test.port}/files/file`);
  assert.equal(answer.headers.get("content-length"), String(3 * MEBI + 5));
  assert.deepEqual(new Uint8Array(await answer.arrayBuffer()), new Uint8Array(3 * MEBI + 5).fill(7));
  const head = await ask(test.port, "/files/file", { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), head.body], [
    200,
    String(3 * MEBI + 5),
    "",
  ]);
  assert.equal((await ask(test.port, "/files/other")).status, 404);
  assert.equal((await ask(test.port, "/files/file", { method: "POST" })).status, 405);
  assert.match((await ask(test.port, "/x")).body, /nothing here but \/livez, \/files\/ID\n/);
});

Deno.test("who reads slowly gets all of a file, long after a page would have been cut off", async () => {
  await using test = await startServer(24 * MEBI, { stallTimeoutMs: 2_000 });
  using client = await request(test.port);
  // 24 times and more, five times what a page may take.
  assert.ok(await client.drain(40) >= 24 * MEBI);
});

Deno.test("who takes nothing of a file is cut off, and the file is let go", async () => {
  await using test = await startServer(64 * MEBI, { stallTimeoutMs: 150 });
  using client = await request(test.port);
  await new Promise((resolve) => setTimeout(resolve, 800));
  assert.ok(await client.drain() < 64 * MEBI, "the rest of it waited for the client");
  assert.equal((await ask(test.port, "/livez")).body, "alive\n");
});

Deno.test("sending a file takes no more memory than a piece of it, however slowly it is read", async () => {
  await using test = await startServer(200 * MEBI, { stallTimeoutMs: 5_000 });
  const before = Deno.memoryUsage();
  using client = await request(test.port);
  await new Promise((resolve) => setTimeout(resolve, 600));
  const { external, rss } = Deno.memoryUsage();
  assert.ok(external - before.external < 20 * MEBI, `${external - before.external} bytes more`);
  assert.ok(rss - before.rss < 50 * MEBI, `${rss - before.rss} bytes more`);
  assert.ok(await client.drain() >= 200 * MEBI);
});

Deno.test("files leave room for pages: who comes when too many are being sent is told to come back", async () => {
  await using test = await startServer(32 * MEBI, { stallTimeoutMs: 5_000 });
  const clients = await Promise.all(Array.from({ length: 20 }, () => request(test.port)));
  await eventually(() => ask(test.port, "/files/file", { method: "HEAD" }), ({ status }) => status === 503);
  assert.equal((await ask(test.port, "/livez")).status, 200);
  for (const client of clients) client[Symbol.dispose]();
  await eventually(() => ask(test.port, "/files/file", { method: "HEAD" }), ({ status }) => status === 200);
});

Deno.test("stop() ends what is being sent", async () => {
  const test = await startServer(64 * MEBI);
  using client = await request(test.port);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await test[Symbol.asyncDispose]();
  assert.ok(await client.drain() < 64 * MEBI);
});

Deno.test("as many files are sent at a time however many are asked for at once", async () => {
  const asked: (() => void)[] = [];
  await using test = await startServer(32 * MEBI, {
    folders: {
      "/files/": async () => {
        await new Promise<void>((resolve) => asked.push(resolve));
        return { status: 404, contentType: "text/plain", body: "no such file\n" };
      },
    },
    requestTimeoutMs: 5_000,
  });
  const answers = Array.from({ length: 50 }, () => ask(test.port, "/files/file"));
  const refused = await Promise.race(answers);
  assert.equal(refused.status, 503);
  await eventually(() => Promise.resolve(asked.length), (count) => count >= 20);
  assert.equal((await ask(test.port, "/livez")).status, 200);
  asked.forEach((answer) => answer());
  const statuses = (await Promise.all(answers)).map(({ status }) => status);
  assert.deepEqual([asked.length, statuses.filter((status) => status === 404).length], [20, 20]);
});
