import { strict as assert } from "node:assert";
import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import pino from "pino";
import { Announcer } from "../../../../src/announcer.ts";
import { parseJson } from "../../../../src/contract/json.ts";
import { Database } from "../../../../src/store/database.ts";
import type { MediaRecord } from "../../../../src/store/media.ts";
import { makeStore } from "../../../../src/store/store.ts";
import { MediaFetcher } from "../../../../src/whatsapp/media/incoming/fetcher.ts";
import type { Socket } from "../../../../src/whatsapp/socket/socket.ts";

const DAY_MS = 24 * 60 * 60_000;

/** A fetcher whose numbers are connected to a media host that answers as `respond` does. */
async function startFetcher(respond: RequestListener, numberIds: readonly string[]) {
  const host = createServer(respond).listen(0, "127.0.0.1");
  await once(host, "listening");
  const address = `127.0.0.1:${(host.address() as AddressInfo).port}`;
  const socket = {
    mediaHosts: { ask: () => Promise.resolve({ auth: "", hosts: [{ hostname: address }] }) },
  } as unknown as Socket;
  const folder = await Deno.makeTempDir({ prefix: "media-fetcher-test-" });
  const clock = { now: Date.now() };
  const now = () => clock.now;
  const store = makeStore(await Database.open(folder), now);
  const queues = { sessionEvent: "s", messageReceive: "r", messageStatus: "m", numberHealth: "h" };
  let news = Promise.withResolvers<void>();
  const announcer = new Announcer({
    store,
    queues,
    workerId: "worker-1",
    now,
    newId: () => crypto.randomUUID(),
    onNews: () => {
      news.resolve();
      news = Promise.withResolvers();
    },
  });
  const outcomes: string[] = [];
  const fetcher = new MediaFetcher({
    store,
    announcer,
    webUrl: `ws://${address}/ws/chat`,
    limits: { maxBytes: 1e6, inlineLimitBytes: 1e6, timeoutMs: 60_000, keepMs: DAY_MS, keepBytes: 1e6 },
    isServed: true,
    sockets: () => new Map(numberIds.map((numberId) => [numberId, socket])),
    timings: { pollMs: 5, retryMs: 0 },
    now,
    telemetry: { media: (outcome: string) => outcomes.push(outcome) } as never,
    log: pino({ level: "silent" }),
  });
  const ended = new AbortController();
  const running = fetcher.run(ended.signal);
  const stop = async () => {
    ended.abort();
    await running;
  };
  return {
    store,
    stop,
    clock,
    outcomes,
    add: async (id: string, numberId: string, fields: Partial<MediaRecord> = {}) => {
      clock.now++;
      await store.commit(store.media.adding({
        id,
        numberId,
        whatsappId: `3A${id}`,
        chat: "221779999999@s.whatsapp.net",
        fromMe: false,
        about: '{"numberId":6}',
        type: "image",
        mimeType: "image/jpeg",
        mediaKey: new Uint8Array(32),
        directPath: `/v/${id}`,
        ...fields,
      }));
      fetcher.wake();
    },
    /** The next event that is told. */
    told: async () => {
      while (true) {
        const { promise } = news;
        const [row] = await store.outbox.next({ rows: 1, bytes: 1e6 }, []);
        if (row !== undefined) {
          await store.outbox.remove([row.position]);
          return parseJson(row.body) as { media: Record<string, unknown> };
        }
        await promise;
      }
    },
    [Symbol.asyncDispose]: async () => {
      await stop();
      store.close();
      host.closeAllConnections();
      host.close();
      await once(host, "close");
      await Deno.remove(folder, { recursive: true });
    },
  };
}

Deno.test("run() gives up what was to be had in none of thirty attempts", async () => {
  let requests = 0;
  await using test = await startFetcher((_request, response) => {
    requests++;
    response.writeHead(500).end();
  }, ["6"]);
  await test.add("a", "6");
  const { id, status, code, error } = (await test.told()).media;
  assert.deepEqual([id, status, code, requests], ["a", "FAILED", "given_up", 30]);
  assert.match(String(error), /media hosts did not hand it over/);
  assert.deepEqual(test.outcomes, ["failed"]);
});

Deno.test("run() gives up what is two weeks old, though its number was never connected", async () => {
  await using test = await startFetcher((_request, response) => void response.end(), []);
  await test.add("a", "6");
  test.clock.now += 14 * DAY_MS;
  await test.add("b", "6");
  test.clock.now += 1;
  const { id, code } = (await test.told()).media;
  assert.deepEqual([id, code], ["a", "given_up"]);
  assert.equal((await test.store.media.find("b"))?.status, "PENDING");
});

Deno.test("run() fetches of each number two at a time, so that others do not wait for it", async () => {
  const asked: string[] = [];
  let seen = Promise.withResolvers<void>();
  await using test = await startFetcher((request) => {
    asked.push(request.url!);
    seen.resolve();
    seen = Promise.withResolvers();
  }, ["6", "7", "8"]);
  for (let count = 0; count < 5; count++) await test.add(`six-${count}`, "6");
  await test.add("seven", "7");
  await test.add("eight", "8");
  await test.add("another-eight", "8");
  while (asked.length < 4) await seen.promise;
  // Whoever was next would have been asked for by now.
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(asked.sort(), ["/v/eight", "/v/seven", "/v/six-0", "/v/six-1"]);
});

Deno.test("run() ends in the middle of a download, which the next run makes anew", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  await using test = await startFetcher((_request, response) => {
    response.writeHead(200, { "Content-Length": 100 });
    response.write(new Uint8Array(50));
    resolve();
  }, ["6"]);
  await test.add("a", "6");
  await promise;
  await test.stop();
  const { media } = test.store;
  const { status, attempts } = (await media.find("a"))!;
  assert.deepEqual([status, attempts, [...await media.files.ids()]], ["PENDING", 0, []]);
});

Deno.test("run() checks what newsletters publish in the clear", async () => {
  const bytes = new TextEncoder().encode("hello");
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  await using test = await startFetcher((_request, response) => void response.end(bytes), ["6"]);
  const chat = "120363000000000009@newsletter";
  await test.add("a", "6", { chat, mediaKey: undefined, fileSha256: hash });
  const { status, data } = (await test.told()).media;
  assert.deepEqual([status, data], ["INLINE", btoa("hello")]);
  await test.add("b", "6", { chat, mediaKey: undefined, fileSha256: new Uint8Array(32) });
  assert.equal((await test.told()).media.code, "not_found");
});
