import { strict as assert } from "node:assert";
import { Buffer } from "node:buffer";
import type { Handler } from "../../src/broker/consumer.ts";
import { Leases } from "../../src/broker/lease.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { bindingsOf, lookOn, NAMES, queueExists, startBridge, until } from "./bridge.ts";

const broker = await sharedBroker();

interface HolderOptions {
  readonly workerId?: string;
  readonly handler?: Handler;
  /** Port of a proxy. */
  readonly through?: number;
}

/** A worker's leases, over a connection of its own. */
async function startHolder(url: string, { workerId = "worker-1", handler, through }: HolderOptions = {}) {
  const own = new URL(url);
  own.searchParams.set("heartbeat", "1");
  if (through !== undefined) own.port = String(through);
  const bridge = await startBridge({ url: own.href, topology: { workerId } });
  const lost: string[] = [];
  const taken: string[] = [];
  const leases = new Leases({
    connection: bridge.connection,
    names: NAMES,
    workerId,
    handler: handler ?? ((delivery) => {
      taken.push(String(delivery.message.content));
      return Promise.resolve("ack");
    }),
    deadLetters: bridge.deadLetters,
    onLost: (numberId) => lost.push(numberId),
    log: bridge.log,
  });
  return {
    leases,
    lost,
    taken,
    bridge,
    [Symbol.asyncDispose]: async () => {
      await leases.releaseAll();
      await bridge[Symbol.asyncDispose]();
    },
  };
}

const inboxesOf = async (url: string, numberId: string) =>
  (await bindingsOf(broker, url, NAMES.router)).filter((binding) =>
    binding.startsWith(`number.${numberId} `)
  );

Deno.test("claim() gives a number to one worker, with its sends and its commands", async () => {
  const url = await broker.vhost();
  await using first = await startHolder(url);
  await using second = await startHolder(url, { workerId: "worker-2" });
  await using onlooker = await lookOn(url);
  assert.equal(await first.leases.claim("6"), "held");
  assert.equal(await first.leases.claim("6"), "held");
  assert.equal(await second.leases.claim("6"), "refused");
  assert.equal(await second.leases.claim("7"), "held");
  assert.deepEqual(await inboxesOf(url, "6"), ["number.6 → whatsapp.worker.worker-1.inbox"]);
  await onlooker.publish("", NAMES.number("6"), "a send");
  await until(() => first.taken.length === 1, { describe: "the send" });
  assert.deepEqual(second.taken, []);
  assert.deepEqual(second.lost, [], "what was never held is not lost");

  await first.leases.release("6");
  assert.ok(await queueExists(broker, url, NAMES.number("6")), "what waits there stays");
  assert.equal(await second.leases.claim("6"), "pinned", "a number waits for the worker that has it");
  assert.equal(await second.leases.claim("6", { own: true }), "held");
});

Deno.test("claim() has a number written down when it is nobody's, before it has a queue", async () => {
  const url = await broker.vhost();
  await using holder = await startHolder(url);
  await using stranger = await startHolder(url, { workerId: "worker-2" });
  const queues: boolean[] = [];
  const onFree = async () => void queues.push(await queueExists(broker, url, NAMES.number("6")));
  assert.equal(await holder.leases.claim("6", { onFree }), "held");
  assert.deepEqual(queues, [false]);

  assert.equal(await stranger.leases.claim("6", { onFree }), "refused");
  await holder.leases.release("6");
  assert.equal(await stranger.leases.claim("6", { onFree }), "pinned");
  assert.equal(await holder.leases.claim("6", { own: true, onFree }), "held");
  assert.deepEqual(queues, [false], "a number that is somebody's is nobody else's to write down");
});

Deno.test("claim() that is refused takes back what a former life had bound", async () => {
  const url = await broker.vhost();
  await using former = await startHolder(url);
  assert.equal(await former.leases.claim("6"), "held");
  await former.leases.release("6");
  await using holder = await startHolder(url, { workerId: "worker-2" });
  assert.equal(await holder.leases.claim("6", { own: true }), "held");
  assert.equal((await inboxesOf(url, "6")).length, 2);
  assert.equal(await former.leases.claim("6", { own: true }), "refused");
  assert.deepEqual(await inboxesOf(url, "6"), ["number.6 → whatsapp.worker.worker-2.inbox"]);
});

Deno.test("claim() holds on to a number over a lost connection", async () => {
  const url = await broker.vhost();
  await using proxy = await startProxy(broker.port);
  await using holder = await startHolder(url, { through: proxy.port });
  await using onlooker = await lookOn(url);
  assert.equal(await holder.leases.claim("6"), "held");
  // The broker does not hear of the end of the old connection before its heartbeats are missing.
  proxy.blackhole("both");
  await until(() => holder.bridge.connection.state === "connecting", { describe: "a lost connection" });
  proxy.restore();
  await onlooker.publish("", NAMES.number("6"), "a send");
  await until(() => holder.taken.length === 1, { describe: "the send" });
  assert.deepEqual(holder.lost, []);
  assert.equal(await holder.leases.claim("6"), "held");
});

Deno.test("claim() of an own number outlasts the connection of a worker that died with its host", async () => {
  const url = await broker.vhost();
  await using proxy = await startProxy(broker.port);
  await using dead = await startHolder(url, { through: proxy.port });
  assert.equal(await dead.leases.claim("6"), "held");
  // A host that is gone sends nothing, not even an end.
  proxy.blackhole("both");
  await using restarted = await startHolder(url);
  assert.equal(await restarted.leases.claim("6", { own: true }), "held");
  await using stranger = await startHolder(url, { workerId: "worker-2" });
  assert.equal(await stranger.leases.claim("6"), "refused");
});

Deno.test("claim() lets go of a number that another worker took meanwhile", async () => {
  const url = await broker.vhost();
  await using proxy = await startProxy(broker.port);
  await using holder = await startHolder(url, { through: proxy.port });
  assert.equal(await holder.leases.claim("6"), "held");
  proxy.refuse();
  await using thief = await startHolder(url, { workerId: "worker-2" });
  await until(async () => await thief.leases.claim("6", { own: true }) === "held", {
    describe: "another holder",
  });
  proxy.restore();
  await until(() => holder.lost.length > 0, { describe: "a lost lease", timeoutMs: 20_000 });
  assert.deepEqual(holder.lost, ["6"]);
  assert.deepEqual(await inboxesOf(url, "6"), ["number.6 → whatsapp.worker.worker-2.inbox"]);
});

Deno.test("forget() removes queue and binding once every waiting send is answered", async () => {
  const url = await broker.vhost();
  const answered: string[] = [];
  const mayAnswer = Promise.withResolvers<void>();
  await using holder = await startHolder(url, {
    handler: async (delivery) => {
      await mayAnswer.promise;
      answered.push(String(delivery.message.content));
      return "ack";
    },
  });
  await using onlooker = await lookOn(url);
  assert.equal(await holder.leases.claim("6"), "held");
  const sends = Array.from({ length: 20 }, (_, index) => `send ${index}`);
  for (const send of sends) await onlooker.publish("", NAMES.number("6"), send);
  const forgotten = holder.leases.forget("6");
  // A number that is opened again at once must not get the lease that is about to end.
  const claimed = holder.leases.claim("6");
  mayAnswer.resolve();
  await forgotten;
  assert.deepEqual(answered, sends);
  assert.equal(await claimed, "held");
  await onlooker.publish("", NAMES.number("6"), "of the new session");
  await until(() => answered.length === 21, { describe: "a send of the new session" });
  assert.deepEqual(await inboxesOf(url, "6"), ["number.6 → whatsapp.worker.worker-1.inbox"]);

  await holder.leases.forget("6");
  assert.equal(await queueExists(broker, url, NAMES.number("6")), false);
  assert.deepEqual(await inboxesOf(url, "6"), []);
  await holder.leases.forget("6");
});

Deno.test("a number's queue that somebody deletes is made anew and consumed again", async () => {
  const url = await broker.vhost();
  await using holder = await startHolder(url);
  await using onlooker = await lookOn(url);
  assert.equal(await holder.leases.claim("6"), "held");
  await onlooker.channel.deleteQueue(NAMES.number("6"));
  await until(() => queueExists(broker, url, NAMES.number("6")), { describe: "the queue" });
  await onlooker.publish("", NAMES.number("6"), "a send");
  await until(() => holder.taken.length === 1, { describe: "the send" });
});

Deno.test("releaseAll() ends with a claim that never had an answer", async () => {
  const url = await broker.vhost();
  await using proxy = await startProxy(broker.port);
  await using holder = await startHolder(url, { through: proxy.port });
  proxy.refuse();
  await until(() => holder.bridge.connection.state === "connecting", { describe: "a lost connection" });
  const claim = holder.leases.claim("6");
  await Promise.resolve();
  await holder.leases.releaseAll();
  assert.equal(await claim, "given_up");
});

Deno.test("claim() by two workers at once gives a new number to one of them", async () => {
  const url = await broker.vhost();
  await using first = await startHolder(url);
  await using second = await startHolder(url, { workerId: "worker-2" });
  for (let number = 1; number <= 20; number++) {
    const claims = await Promise.all([first, second].map(({ leases }) => leases.claim(String(number))));
    assert.deepEqual(claims.toSorted(), ["held", "refused"], `number ${number}`);
    assert.equal((await inboxesOf(url, String(number))).length, 1);
  }
});

Deno.test("forget() loses no send that is routed while the number goes", async () => {
  const url = await broker.vhost();
  await using holder = await startHolder(url);
  await using sender = await startHolder(url, { workerId: "worker-2" });
  const sending = new AbortController();
  let routed = 0, unroutable = 0;
  const sent = (async () => {
    while (!sending.signal.aborted) {
      const outcome = await sender.bridge.shared.publish(NAMES.router, "send.6", Buffer.from("a send"), {});
      if (outcome === "routed") routed++;
      else unroutable++;
    }
  })();
  for (let life = 0; life < 40; life++) {
    assert.equal(await holder.leases.claim("6"), "held");
    const before = routed;
    await until(() => routed > before + 5, { describe: "sends on their way", everyMs: 1 });
    assert.equal(await holder.leases.forget("6"), "forgotten");
  }
  sending.abort();
  await sent;
  await until(() => holder.taken.length === routed, { describe: `all ${routed} sends` });
  assert.ok(unroutable > 0, "some came too late, and their sender was told");
});
