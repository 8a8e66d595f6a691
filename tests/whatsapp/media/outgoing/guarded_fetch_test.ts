import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer, type Socket } from "node:net";
import * as tls from "node:tls";
import { gzipSync } from "node:zlib";
import { AddressGuard } from "../../../../src/whatsapp/media/outgoing/address_guard.ts";
import { MediaFailure } from "../../../../src/whatsapp/media/outgoing/failure.ts";
import { AUTHORITY, GOOD, KEY } from "../../../preflight/certificates.ts";
import {
  guardedFetch,
  type GuardedFetchOptions,
} from "../../../../src/whatsapp/media/outgoing/guarded_fetch.ts";

/** What a host does with a connection, once it has read the head of a request. */
type Answer = (socket: Socket, head: string) => void;

/** A host on loopback that says what it likes, byte for byte. */
async function startHost(answers: Readonly<Record<string, Answer | string>>, address = "127.0.0.1") {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let head = "";
    const read = (data: Uint8Array) => {
      head += Buffer.from(data).toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", read);
      heads.push(head);
      const answer = answers[head.split(" ")[1] ?? ""] ??
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
      if (typeof answer === "function") answer(socket, head);
      else socket.end(Buffer.from(answer, "latin1"));
    };
    socket.on("data", read);
  }).listen(0, address);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    heads,
    url: (path: string) =>
      new URL(`http://${address.includes(":") ? `[${address}]` : address}:${port}${path}`),
    /** Resolves when nobody is connected any more. */
    left: async () => {
      const closes = [...sockets].map((socket) => new Promise((resolve) => socket.on("close", resolve)));
      await Promise.all(closes);
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

const ok = (body: string, head = "") =>
  `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${head}\r\n${body}`;
const redirect = (to: string, status = 302) =>
  `HTTP/1.1 ${status} Elsewhere\r\nLocation: ${to}\r\nContent-Length: 0\r\n\r\n`;

/** Everything that is at `url`. */
async function fetched(url: URL, options: Partial<GuardedFetchOptions> = {}): Promise<string> {
  using response = await guardedFetch(url, {
    guard: new AddressGuard(["127.0.0.1"]),
    maxBytes: 100_000,
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    ...options,
  });
  return Buffer.concat(await Array.fromAsync(response.body)).toString("latin1");
}

async function refusal(url: URL, options: Partial<GuardedFetchOptions> = {}): Promise<MediaFailure> {
  try {
    await fetched(url, options);
  } catch (error) {
    if (error instanceof MediaFailure) return error;
    throw error;
  }
  throw new Error(`${url} could be fetched`);
}

Deno.test("guardedFetch() gives what a host sends, and says what it is said to be", async () => {
  const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
  await using host = await startHost({
    "/a": ok("hello", "Content-Type: text/plain\r\n"),
    "/chunked": chunked,
    "/until-closed": "HTTP/1.1 200 OK\r\n\r\nall of it",
    "/empty": ok(""),
  });
  assert.equal(await fetched(host.url("/a")), "hello");
  assert.equal(await fetched(host.url("/chunked")), "abcde");
  assert.equal(await fetched(host.url("/until-closed")), "all of it");
  assert.equal(await fetched(host.url("/empty")), "");
  assert.match(host.heads[0]!, /^GET \/a HTTP\/1\.1\r\n/);
  assert.match(host.heads[0]!, /\r\naccept-encoding: identity\r\n/i);
  await host.left();
});

Deno.test("guardedFetch() connects to the address that was checked, whatever the name has become", async () => {
  await using host = await startHost({ "/": ok("from the checked one") });
  let looks = 0;
  const guard = new AddressGuard(["name.example.com"], () => {
    looks++;
    return Promise.resolve([{ address: "127.0.0.1", family: 4 }]);
  });
  const url = new URL(`http://name.example.com:${host.port}/`);
  assert.equal(await fetched(url, { guard }), "from the checked one");
  assert.equal(looks, 1, "nobody looks again");
  assert.match(host.heads[0]!, new RegExp(`\\r\\nhost: name\\.example\\.com:${host.port}\\r\\n`, "i"));
});

Deno.test("guardedFetch() tries the other addresses of a host that does not answer at the first", async () => {
  await using host = await startHost({ "/": ok("at last") });
  const guard = new AddressGuard(
    ["name.example.com"],
    () => Promise.resolve([{ address: "::1", family: 6 }, { address: "127.0.0.1", family: 4 }]),
  );
  assert.equal(await fetched(new URL(`http://name.example.com:${host.port}/`), { guard }), "at last");
});

Deno.test("guardedFetch() asks nothing at a private address, written or named, first or after a redirect", async () => {
  await using inside = await startHost({ "/secret": ok("secret") }, "127.0.0.2");
  await using host = await startHost({
    "/direct": redirect(`http://127.0.0.2:${inside.port}/secret`),
    "/number": redirect(`http://2130706434:${inside.port}/secret`),
    "/named": redirect(`http://localhost:${inside.port}/secret`),
    "/file": redirect("file:///etc/passwd"),
    "/user": redirect(`//user:pass-1@127.0.0.1:${1}/`),
    "/metadata": redirect("http://169.254.169.254/latest/meta-data/", 307),
  });
  assert.equal((await refusal(inside.url("/secret"))).code, "media_url_refused");
  for (const path of ["/direct", "/number", "/named", "/file", "/user", "/metadata"]) {
    const { code, retryable, message } = await refusal(host.url(path));
    assert.deepEqual([code, retryable], ["media_url_refused", false], path);
    assert.doesNotMatch(message, /pass-1|secret/);
  }
  assert.deepEqual(inside.heads, []);
  await host.left();
});

Deno.test("guardedFetch() follows five redirects and no more", async () => {
  const answers: Record<string, Answer | string> = { "/0": ok("there") };
  for (let at = 1; at <= 6; at++) {
    answers[`/${at}`] = redirect(`/${at - 1}`, [301, 302, 303, 307, 308][at % 5]);
  }
  await using host = await startHost({
    ...answers,
    "/nowhere": redirect("http://["),
    "/loop": redirect("/loop"),
  });
  assert.equal(await fetched(host.url("/5")), "there");
  for (const path of ["/6", "/loop", "/nowhere"]) {
    const { code, retryable } = await refusal(host.url(path));
    assert.deepEqual([code, retryable], ["media_fetch_failed", false], path);
  }
});

Deno.test("guardedFetch() shows a key to its own origin alone, which may be at a private address", async () => {
  await using other = await startHost({});
  const foreign = `http://127.0.0.1:${other.port}`;
  await using backend = await startHost({
    "/file": redirect("/moved"),
    "/moved": ok("the file"),
    "/away": redirect(`${foreign}/x`),
    "/round": redirect(`${foreign}/back`),
  }, "127.0.0.3");
  const trusted = { origin: backend.url("/").origin, headers: { authorization: "Bearer the-key" } };
  assert.equal(await fetched(backend.url("/file"), { trusted }), "the file");
  assert.equal(backend.heads.filter((head) => /authorization: Bearer the-key/i.test(head)).length, 2);
  assert.equal((await refusal(backend.url("/away"), { trusted })).code, "media_not_found");
  assert.equal(
    (await refusal(backend.url("/file"))).code,
    "media_url_refused",
    "an absolute URL is not trusted",
  );
  assert.doesNotMatch(other.heads.join(), /the-key/);
});

Deno.test("guardedFetch() does not trust its origin again once it has been sent elsewhere", async () => {
  const answers: Record<string, string> = {};
  await using other = await startHost(answers);
  await using backend = await startHost(
    { "/round": redirect(`http://127.0.0.1:${other.port}/back`), "/admin": ok("inside") },
    "127.0.0.3",
  );
  answers["/back"] = redirect(String(backend.url("/admin")));
  const trusted = { origin: backend.url("/").origin, headers: { authorization: "Bearer the-key" } };
  assert.equal((await refusal(backend.url("/round"), { trusted })).code, "media_url_refused");
  assert.equal(backend.heads.length, 1);
});

Deno.test("guardedFetch() says what an answer means, and whether to ask again", async () => {
  const statuses: Readonly<Record<number, [string, boolean]>> = {
    204: ["media_fetch_failed", false],
    206: ["media_fetch_failed", false],
    304: ["media_fetch_failed", false],
    401: ["media_fetch_failed", false],
    403: ["media_fetch_failed", false],
    404: ["media_not_found", false],
    410: ["media_not_found", false],
    408: ["media_fetch_failed", true],
    425: ["media_fetch_failed", true],
    429: ["media_fetch_failed", true],
    500: ["media_fetch_failed", true],
    503: ["media_fetch_failed", true],
  };
  await using host = await startHost(Object.fromEntries(
    Object.keys(statuses).map((
      status,
    ) => [`/${status}`, `HTTP/1.1 ${status} So\r\n\r\nthe host's own secrets`]),
  ));
  for (const [status, expected] of Object.entries(statuses)) {
    const { code, retryable, message } = await refusal(host.url(`/${status}`));
    assert.deepEqual([code, retryable], expected, status);
    assert.doesNotMatch(message, /secrets/);
  }
  await host.left();
});

Deno.test("guardedFetch() fails, to be tried again, when a host is not there or is no web server", async () => {
  let gone: URL;
  {
    await using host = await startHost({
      "/silent": (socket) => socket.end(),
      "/reset": (socket) => socket.destroy(),
      "/ssh": "SSH-2.0-OpenSSH_9.2\r\n",
      "/head-of-no-end": (socket) => {
        socket.write("HTTP/1.1 200 OK\r\n");
        const more = () => void (socket.writable && socket.write(`X-More: ${"x".repeat(1000)}\r\n`, more));
        more();
      },
    });
    gone = host.url("/");
    for (const path of ["/silent", "/reset", "/ssh", "/head-of-no-end"]) {
      const { code, retryable } = await refusal(host.url(path));
      assert.deepEqual([code, retryable], ["media_fetch_failed", true], path);
    }
    await host.left();
  }
  const { code, retryable, message } = await refusal(gone);
  assert.deepEqual([code, retryable], ["media_fetch_failed", true]);
  assert.match(message, /ECONNREFUSED/);
});

Deno.test("guardedFetch() takes no more than the limit, whether its host says so before or not", async () => {
  const chunk = `4000\r\n${"x".repeat(0x4000)}\r\n`;
  await using host = await startHost({
    "/exact": ok("x".repeat(100_000)),
    "/one-more": ok("x".repeat(100_001)),
    "/declared": "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
    "/endless": (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      const more = () => void (socket.writable && socket.write(chunk, more));
      more();
    },
    "/lies": `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello${"x".repeat(200_000)}`,
  });
  assert.equal((await fetched(host.url("/exact"))).length, 100_000);
  for (const path of ["/one-more", "/declared", "/endless"]) {
    const { code, retryable } = await refusal(host.url(path));
    assert.deepEqual([code, retryable], ["media_too_large", false], path);
  }
  assert.equal(await fetched(host.url("/lies")), "hello");
  await host.left();
});

Deno.test("guardedFetch() takes nothing that is cut off for the whole", async () => {
  await using host = await startHost({
    "/length": "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly so much",
    "/chunked": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nonly",
    "/no-last-chunk": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n",
    "/reset": (socket) =>
      socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly", () => socket.destroy()),
  });
  for (const path of ["/length", "/chunked", "/no-last-chunk", "/reset"]) {
    const { code, retryable } = await refusal(host.url(path));
    assert.deepEqual([code, retryable], ["media_fetch_failed", true], path);
  }
});

Deno.test("guardedFetch() unpacks nothing", async () => {
  const bomb = gzipSync(Buffer.alloc(50_000_000)).toString("latin1");
  await using host = await startHost({
    "/encoded": ok(bomb, "Content-Encoding: gzip\r\n"),
    "/file": ok(bomb, "Content-Type: application/gzip\r\n"),
  });
  assert.equal((await refusal(host.url("/encoded"))).code, "media_fetch_failed");
  assert.equal((await fetched(host.url("/file"))).length, bomb.length);
});

Deno.test("guardedFetch() gives a host up that keeps silent, or that takes all day", async () => {
  const drip = (socket: Socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 90000\r\n\r\n");
    const timer = setInterval(() => socket.write("x"), 20);
    socket.on("close", () => clearInterval(timer));
  };
  await using host = await startHost({
    "/mute": () => {},
    "/stops": (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly"),
    "/drip": drip,
    "/drip-head": (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nX-More: ");
      const timer = setInterval(() => socket.write("x"), 20);
      socket.on("close", () => clearInterval(timer));
    },
  });
  for (const path of ["/mute", "/stops"]) {
    const { code, retryable, message } = await refusal(host.url(path), { stallMs: 100 });
    assert.deepEqual([code, retryable], ["media_fetch_failed", true], path);
    assert.match(message, /sent nothing for 100 ms/);
  }
  for (const path of ["/drip", "/drip-head", "/mute"]) {
    const { code, retryable, message } = await refusal(host.url(path), { timeoutMs: 300 });
    assert.deepEqual([code, retryable], ["media_fetch_failed", true], path);
    assert.match(message, /within 300 ms/);
  }
  await host.left();
});

Deno.test("guardedFetch() ends with its signal, before the answer and in the middle of it", async () => {
  await using host = await startHost({
    "/mute": () => {},
    "/stops": (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly"),
  });
  for (const path of ["/mute", "/stops"]) {
    const abort = new AbortController();
    const fetching = fetched(host.url(path), { signal: abort.signal });
    while (!host.heads.some((head) => head.includes(path))) await new Promise((next) => setTimeout(next, 5));
    abort.abort(new Error("enough"));
    await assert.rejects(fetching, /enough/, path);
  }
  await host.left();
  await assert.rejects(
    fetched(host.url("/mute"), { signal: AbortSignal.abort(new Error("before")) }),
    /before/,
  );
});

Deno.test("guardedFetch() leaves no connection when an answer is disposed of unread", async () => {
  await using host = await startHost({
    "/": (socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly"),
  });
  {
    using response = await guardedFetch(host.url("/"), {
      guard: new AddressGuard(["127.0.0.1"]),
      maxBytes: 10_000,
      timeoutMs: 60_000,
      signal: new AbortController().signal,
    });
    assert.equal(response.contentType, undefined);
  }
  await host.left();
});

Deno.test("guardedFetch() knows a host by the certificate for its name, at whatever address it was found", async () => {
  const names: string[] = [];
  const server = createSecureServer({ cert: GOOD, key: KEY }, ({ headers }, response) => {
    names.push(headers.host ?? "");
    response.end("hello");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const guard = new AddressGuard(
    ["localhost", "other.example.com"],
    () => Promise.resolve([{ address: "127.0.0.1", family: 4 }]),
  );
  const unknown = await refusal(new URL(`https://localhost:${port}/`), { guard });
  assert.match(unknown.message, /UNABLE_TO_VERIFY_LEAF_SIGNATURE/);
  // It exists, and the types do not know it yet.
  const { setDefaultCACertificates } = tls as unknown as { setDefaultCACertificates(of: string[]): void };
  const usual = tls.getCACertificates("default");
  setDefaultCACertificates([AUTHORITY]);
  try {
    assert.equal(await fetched(new URL(`https://localhost:${port}/`), { guard }), "hello");
    const other = await refusal(new URL(`https://other.example.com:${port}/`), { guard });
    assert.match(other.message, /ERR_TLS_CERT_ALTNAME_INVALID/);
  } finally {
    setDefaultCACertificates(usual);
  }
  assert.deepEqual(names, [`localhost:${port}`]);
  server.close();
  await once(server, "close");
});
