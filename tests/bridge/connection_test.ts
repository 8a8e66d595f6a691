import { strict as assert } from "node:assert";
import { createServer, type Socket } from "node:net";
import { type AddressInfo } from "node:net";
import { once } from "node:events";
// @ts-types="@types/sinonjs__fake-timers"
import { install } from "@sinonjs/fake-timers";
import { openChannel } from "../../src/broker/channel.ts";
import { BrokerUnavailable, type Link } from "../../src/broker/connection.ts";
import { onThrowAwayChannel } from "../../src/broker/topology.ts";
import { whenAborted } from "../../src/waiting.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { makeConnection, startBridge, timed, until } from "./bridge.ts";

const broker = await sharedBroker();

/** The URL of a fresh vhost through a proxy. */
async function throughProxy(query = "") {
  const proxy = await startProxy(broker.port);
  const url = new URL(await broker.vhost());
  url.port = String(proxy.port);
  url.search = query;
  return { proxy, url: url.href, [Symbol.asyncDispose]: () => proxy.close() };
}

/** A role that works until its link is gone, and says on how many it has worked. */
function countingRole() {
  const links: Link[] = [];
  return { links, role: async (link: Link) => void (links.push(link), await whenAborted(link.signal)) };
}

Deno.test("open() tells a refused login or vhost at once, without the password", async () => {
  const wrong: [string, (url: URL) => void][] = [
    ["password", (url) => url.password = "topsecret%C3%A9"],
    ["user", (url) => url.username = "nobody"],
    ["vhost", (url) => url.pathname = "/nowhere"],
  ];
  for (const [what, spoil] of wrong) {
    const url = new URL(await broker.vhost());
    spoil(url);
    const { connection, logged } = makeConnection({ url: url.href });
    const startedAt = performance.now();
    await assert.rejects(connection.open(10_000), (error) => {
      assert.ok(error instanceof BrokerUnavailable, String(error));
      assert.match(error.message, /^Cannot connect to RabbitMQ: .*(ACCESS_REFUSED|NOT_ALLOWED)/, what);
      assert.match(error.remedy, /RABBITMQ_URL/);
      const told = Deno.inspect(error, { depth: 10 }) + logged.join("");
      assert.ok(!told.includes("topsecret") && !told.includes(broker.layout.password), told);
      return true;
    });
    assert.ok(performance.now() - startedAt < 5_000);
    await connection.close();
  }
});

Deno.test("open() logs in with a password beyond ASCII", async () => {
  const url = new URL(await broker.vhost());
  const { httpPort, user, password } = broker.layout;
  const name = `u-${crypto.randomUUID()}`;
  const headers = {
    authorization: `Basic ${btoa(`${user}:${password}`)}`,
    "content-type": "application/json",
  };
  const put = async (path: string, body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${httpPort}/api/${path}`, {
      method: "PUT",
      headers,
      body: JSON.stringify(body),
    });
    assert.ok(response.ok, await response.text());
  };
  await put(`users/${name}`, { password: "clé ß@/:%", tags: "" });
  await put(`permissions${url.pathname}/${name}`, {
    configure: ".*",
    write: ".*",
    read: ".*",
  });
  url.username = name;
  url.password = encodeURIComponent("clé ß@/:%");
  const { connection } = makeConnection({ url: url.href });
  await connection.open(1_000);
  assert.equal(connection.state, "connected");
  await connection.close();
});

Deno.test("open() waits for a broker that is about to start, and not for ever for one that is not", async () => {
  await using place = await throughProxy();
  place.proxy.refuse();
  const patient = makeConnection({ url: place.url });
  const opening = patient.connection.open(10_000);
  await until(() => patient.logged.some((line) => line.includes("not there yet")), { describe: "a try" });
  assert.equal(patient.connection.state, "connecting");
  place.proxy.restore();
  await opening;
  await patient.connection.close();

  place.proxy.refuse();
  const { connection } = makeConnection({ url: place.url });
  const startedAt = performance.now();
  await assert.rejects(connection.open(500), BrokerUnavailable);
  assert.ok(performance.now() - startedAt < 2_000);
  await connection.close();
});

Deno.test("open() is not misled by a port that reads like a refusal", async () => {
  // The text of the error is "connect ECONNREFUSED 127.0.0.1:40301".
  const { connection, logged } = makeConnection({ url: "amqp://a:b@127.0.0.1:40301/" });
  await assert.rejects(connection.open(300), BrokerUnavailable);
  assert.ok(logged.some((line) => line.includes("not there yet")), "it was tried again");
  await connection.close();
});

Deno.test("keep() starts a role anew on every connection, however the last one ended", async () => {
  await using place = await throughProxy();
  await using bridge = await startBridge({ url: place.url });
  const { links, role } = countingRole();
  bridge.keep("counting", role);
  for (const [index, fault] of [() => place.proxy.drop(), () => place.proxy.reset()].entries()) {
    await until(() => links.length === index + 1, { describe: `link ${index + 1}` });
    fault();
    await whenAborted(links[index]!.signal);
  }
  await until(() => links.length === 3, { describe: "the third link" });
  assert.equal(bridge.connection.state, "connected");
});

Deno.test("keep() notices a broker that went silent, and reconnects", async () => {
  await using place = await throughProxy("?heartbeat=1");
  await using bridge = await startBridge({ url: place.url });
  const { links, role } = countingRole();
  bridge.keep("counting", role);
  await until(() => links.length === 1, { describe: "the first link" });
  assert.equal(links[0]!.heartbeatMs, 1_000);
  place.proxy.blackhole("down");
  await whenAborted(links[0]!.signal);
  assert.match(String(links[0]!.signal.reason), /Heartbeat/);
  place.proxy.restore();
  await until(() => links.length === 2, { describe: "the second link" });
});

Deno.test("keep() sets a role up again that lost its channel only, and what somebody deleted with it", async () => {
  await using bridge = await startBridge({
    url: await broker.vhost(),
    prepare: (link) => onThrowAwayChannel(link, async (channel) => void await channel.assertQueue("needed")),
  });
  let runs = 0;
  bridge.keep("failing", async (link) => {
    if (++runs === 1) await onThrowAwayChannel(link, (channel) => channel.deleteQueue("needed"));
    if (runs === 2) throw new Error("for no reason");
    const { channel, closed } = await openChannel(link);
    await channel.checkQueue("needed");
    await whenAborted(closed);
  });
  await until(() => runs === 3, { describe: "three runs" });
  assert.equal(bridge.logged.filter((line) => line.includes("a role on the broker failed")).length, 2);
});

Deno.test("keep() pauses ever longer for a role that fails at once", async () => {
  await using bridge = await startBridge({ url: await broker.vhost() });
  const at: number[] = [];
  bridge.keep("failing", () => {
    at.push(performance.now());
    return Promise.reject(new Error("always"));
  });
  await until(() => at.length === 5, { describe: "five runs" });
  // random() is 0: 100, 200, 400, 800 ms.
  assert.ok(at[4]! - at[0]! > 1_400);
});

Deno.test("a connection is lost while it is prepared: it is made again, nothing hangs", async () => {
  await using place = await throughProxy();
  let preparations = 0;
  await using bridge = await startBridge({
    url: place.url,
    prepare: (link) =>
      onThrowAwayChannel(link, async (channel) => {
        preparations++;
        await channel.assertQueue("q");
        // The goodbye of this very channel is never answered.
        if (preparations <= 2) place.proxy.drop();
        if (preparations === 3) throw new Error("prepare failed");
      }),
  });
  const { links, role } = countingRole();
  bridge.keep("counting", role);
  await until(() => preparations === 4 && links.length > 0, { describe: "the fourth preparation" });
  assert.equal(links.at(-1)!.signal.aborted, false);
  assert.equal(place.proxy.connections, 1);
});

Deno.test("close() ends within seconds whatever the broker does", async () => {
  const cases: Record<string, (proxy: Awaited<ReturnType<typeof startProxy>>) => void> = {
    "answers": () => {},
    "is hung": (proxy) => proxy.blackhole("both"),
    "hears and does not answer": (proxy) => proxy.blackhole("down"),
    "is gone": (proxy) => proxy.refuse(),
  };
  await Promise.all(
    Object.entries(cases).map(async ([what, fault]) => {
      await using place = await throughProxy();
      const bridge = await startBridge({ url: place.url });
      const { links, role } = countingRole();
      bridge.keep("counting", role);
      await until(() => links.length === 1, { describe: "a link" });
      fault(place.proxy);
      const ms = await timed(bridge[Symbol.asyncDispose]());
      assert.ok(ms < 5_000, `${what}: ${ms} ms`);
      assert.equal(bridge.connection.state, "closed");
      assert.ok(links[0]!.signal.aborted, "its roles have ended");
    }),
  );
});

Deno.test("close() ends a connection that is still being made", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket.on("error", () => {}).resume()));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const { connection } = makeConnection({ url: `amqp://a:b@127.0.0.1:${port}/` });
  const opening = connection.open(30_000);
  await until(() => sockets.length === 1, { describe: "a silent broker's socket" });
  assert.ok(await timed(connection.close()) < 1_000);
  await assert.rejects(opening, BrokerUnavailable);
  server.close();
  await once(server, "close");
});

Deno.test("attended tells a broker that is away from a connection that nobody tries to make any more", async () => {
  const clock = install({ toFake: ["performance"] });
  try {
    const { connection } = makeConnection({ url: "amqp://127.0.0.1:1?heartbeat=10" });
    assert.ok(connection.attended);
    clock.tick(149_000);
    assert.ok(connection.attended, "two minutes, and three heartbeats in which the broker may fall silent");
    clock.tick(2_000);
    assert.ok(!connection.attended);
    await assert.rejects(connection.open(0), BrokerUnavailable);
    assert.ok(connection.attended, "it was tried just now");
    await connection.close();
  } finally {
    clock.uninstall();
  }
});
