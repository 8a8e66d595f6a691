import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { MediaFailure } from "../../../../src/whatsapp/media/outgoing/failure.ts";
import { Staging } from "../../../../src/whatsapp/media/outgoing/staging.ts";
import { uploadMedium } from "../../../../src/whatsapp/media/outgoing/upload.ts";

const TAKES: RequestListener = (request, response) => {
  request.resume().on("end", () => response.end(JSON.stringify({ direct_path: "/v/t62/1" })));
};

/** Uploads a medium to media hosts that answer as `listeners` do, one each. */
async function upload(listeners: readonly RequestListener[], bytes = 2_000_000) {
  const servers: Server[] = [];
  const asked: number[] = [];
  for (const [index, listener] of listeners.entries()) {
    const server = createServer((request, response) => {
      asked.push(index);
      listener(request, response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    servers.push(server);
  }
  const hosts = servers.map((server) => ({
    hostname: `127.0.0.1:${(server.address() as AddressInfo).port}`,
  }));
  const folder = await Deno.makeTempDir({ prefix: "upload-test-" });
  try {
    await using staged = await new Staging(folder).stage(
      (async function* () {
        yield new Uint8Array(bytes);
      })(),
      "image",
    );
    const uploaded = await uploadMedium(staged, "image", {
      connection: () => Promise.resolve({ auth: "a", hosts }),
      webUrl: "ws://127.0.0.1:1/ws/chat",
      timeoutMs: 60_000,
      stallMs: 300,
      signal: new AbortController().signal,
    }).catch((error) => error);
    return { uploaded, asked };
  } finally {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
    await Deno.remove(folder, { recursive: true });
  }
}

/** Hosts that do not do what a media host does. */
const USELESS: Readonly<Record<string, RequestListener>> = {
  "reads nothing and says nothing": () => {},
  "reads everything and says nothing": (request) => request.resume(),
  "says half an answer": (request, response) => {
    request.resume();
    response.writeHead(200, { "Content-Length": 100 }).write('{"direct_path":');
  },
  "has no end": (request, response) => {
    request.resume();
    const write = () =>
      void response.write(" ".repeat(65_536), () => response.destroyed || setTimeout(write));
    write();
  },
  "hangs up": (_request, response) => void response.destroy(),
  "answers with garbage": (request, response) => void request.resume().on("end", () => response.end("}{")),
  "answers with a page": (request, response) => void request.resume().on("end", () => response.end("<html>")),
  "names a path on another host": (request, response) =>
    void request.resume().on("end", () => response.end(JSON.stringify({ direct_path: "//evil.example/1" }))),
  "names no path": (request, response) =>
    void request.resume().on("end", () => response.end(JSON.stringify({ direct_path: "" }))),
  "has trouble": (request, response) => void request.resume().on("end", () => response.writeHead(503).end()),
};

for (const [what, useless] of Object.entries(USELESS)) {
  Deno.test(`uploadMedium() goes on to the next host after one that ${what}`, async () => {
    const { uploaded, asked } = await upload([useless, TAKES]);
    assert.deepEqual([uploaded.directPath, asked], ["/v/t62/1", [0, 1]]);
  });
}

Deno.test("uploadMedium() fails, to be tried again, when no host takes it", async () => {
  const { uploaded, asked } = await upload(Object.values(USELESS));
  assert(uploaded instanceof MediaFailure);
  assert.deepEqual([uploaded.code, uploaded.retryable], ["media_upload_failed", true]);
  assert.equal(asked.length, Object.keys(USELESS).length);
});

Deno.test("uploadMedium() gives a host that is slow but alive its time", async () => {
  const slow: RequestListener = async (request, response) => {
    request.resume();
    for (let waits = 0; waits < 8; waits++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      response.write(" ");
    }
    response.end(JSON.stringify({ direct_path: "/v/t62/2" }));
  };
  assert.equal((await upload([slow, TAKES])).uploaded.directPath, "/v/t62/2");
});
