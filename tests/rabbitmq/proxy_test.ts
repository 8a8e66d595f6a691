import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { startProxy } from "./proxy.ts";

/** A server that answers every byte with the same byte, a proxy before it and a client behind that. */
async function echoed() {
  const accepted: Socket[] = [];
  const server = createServer((socket) => {
    accepted.push(socket);
    socket.on("error", () => socket.destroy());
    socket.pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy = await startProxy((server.address() as AddressInfo).port);
  const client = connect(proxy.port, "127.0.0.1");
  await once(client, "connect");
  return {
    proxy,
    client,
    accepted,
    async [Symbol.asyncDispose]() {
      client.destroy();
      await proxy.close();
      const closed = once(server, "close");
      server.close();
      for (const socket of accepted) socket.destroy();
      await closed;
    },
  };
}

async function exchange(client: Socket, text: string): Promise<string> {
  const answer = once(client, "data");
  client.write(text);
  return String((await answer)[0]);
}

Deno.test("startProxy() passes bytes both ways", async () => {
  await using line = await echoed();
  assert.equal(await exchange(line.client, "hello"), "hello");
  assert.equal(line.proxy.connections, 1);
});

Deno.test("drop() ends connections in order and lets new ones through", async () => {
  await using line = await echoed();
  await exchange(line.client, "a");
  const ended = once(line.client, "end");
  line.proxy.drop();
  await ended;
  const again = connect(line.proxy.port, "127.0.0.1");
  assert.equal(await exchange(again, "b"), "b");
  again.destroy();
});

Deno.test("reset() ends connections with a reset", async () => {
  await using line = await echoed();
  await exchange(line.client, "a");
  const failed = once(line.client, "error");
  line.proxy.reset();
  assert.equal(((await failed)[0] as NodeJS.ErrnoException).code, "ECONNRESET");
});

Deno.test("refuse() turns new connections away until restore()", async () => {
  await using line = await echoed();
  line.client.on("error", () => {});
  line.proxy.refuse();
  const refused = connect(line.proxy.port, "127.0.0.1");
  const [error] = await once(refused, "error");
  assert.equal((error as NodeJS.ErrnoException).code, "ECONNRESET");
  line.proxy.restore();
  const again = connect(line.proxy.port, "127.0.0.1");
  assert.equal(await exchange(again, "b"), "b");
  again.destroy();
});

for (const direction of ["up", "down", "both"] as const) {
  Deno.test(`blackhole("${direction}") holds bytes back until restore() delivers them`, async () => {
    await using line = await echoed();
    await exchange(line.client, "a");
    const [server] = line.accepted;
    assert(server);
    const reachedServer = once(server, "data");
    let answered = false;
    const answer = once(line.client, "data").then(([bytes]) => {
      answered = true;
      return String(bytes);
    });
    line.proxy.blackhole(direction);
    line.client.write("b");
    if (direction === "down") await reachedServer;
    // A round trip on another connection is time enough for the first one, had it been let through.
    const other = connect((server.localPort)!, "127.0.0.1");
    await exchange(other, "c");
    other.destroy();
    assert.equal(answered, false);
    line.proxy.restore();
    assert.equal(await answer, "b");
    if (direction !== "down") await reachedServer;
  });
}
