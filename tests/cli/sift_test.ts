/** What looking through a queue does to it, and what a crash in the middle does. */
import { strict as assert } from "node:assert";
import { BrokerUnavailable, type Link } from "../../src/broker/connection.ts";
import { forward } from "../../src/broker/forwarding.ts";
import { sift, type Verdict } from "../../src/broker/sift.ts";
import { withBroker } from "../../src/cli/broker.ts";
import { CommandError } from "../../src/cli/command_error.ts";
import { NAMES, until } from "../bridge/bridge.ts";
import { Program } from "../stack.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { loadConfig, type Settings } from "../../src/config/load.ts";
import { type Office, openOffice, send } from "./letters.ts";

const broker = await sharedBroker();
const DEAD = NAMES.deadLetter;
const COUNT = 300;

const settingsOf = async ({ installation }: Office): Promise<Settings> =>
  (await loadConfig({ envFile: installation.envFile, environment: {} })).settings;
const idsOf = async (office: Office, queue: string) =>
  (await office.empty(queue)).map(({ content }) => JSON.parse(content.toString()).messageId as number);
const counted = (length: number) => Array.from({ length }, (_, index) => index);

async function filled(count = COUNT): Promise<Office> {
  const office = await openOffice(broker, { queues: [DEAD, NAMES.messageSend] });
  await office.put(...counted(count).map((id) => ({ content: send(id) })));
  return office;
}

/** Sifts with a connection of its own. */
const onLink = async <T>(office: Office, work: (link: Link) => Promise<T>) =>
  await withBroker(await settingsOf(office), work);

Deno.test("sift() leaves what it does not take in its order, while more arrives", async () => {
  await using office = await filled();
  await onLink(office, async (link) => {
    for (let round = 0; round < 5; round++) {
      let arriving: Promise<void> | undefined;
      const seen: number[] = [];
      const sifted = await sift(link, {
        queue: DEAD,
        visit: ({ content }) => {
          arriving ??= office.put({ content: send(COUNT + round) });
          seen.push(JSON.parse(content.toString()).messageId);
          return "leave";
        },
      });
      await arriving;
      assert.deepEqual(sifted, { outcome: "sifted", total: COUNT + round });
      assert.deepEqual(seen, counted(COUNT + round));
    }
    const odd = (id: number) => id % 2 === 1;
    await sift(link, {
      queue: DEAD,
      visit: ({ content }) => odd(JSON.parse(content.toString()).messageId) ? "take" : "leave",
    });
    assert.deepEqual(await idsOf(office, DEAD), counted(COUNT + 5).filter((id) => !odd(id)));
  });
});

Deno.test("sift() keeps everything when a visit or the claim fails", async () => {
  await using office = await filled();
  await onLink(office, async (link) => {
    const fail = (at: number) => ({ content }: { content: Uint8Array }) => {
      if (JSON.parse(new TextDecoder().decode(content)).messageId === at) throw new Error("no more");
      return "leave" as const;
    };
    for (const at of [0, 17, COUNT - 1]) {
      await assert.rejects(sift(link, { queue: DEAD, visit: fail(at) }), /no more/);
    }
    const onClaimed = () => Promise.reject(new Error("not mine"));
    await assert.rejects(sift(link, { queue: DEAD, visit: () => "take", onClaimed }), /not mine/);
    assert.deepEqual(await idsOf(office, DEAD), counted(COUNT));
  });
});

Deno.test("sift() says when the queue is missing or in use, and waits for nothing that is gone", async () => {
  await using office = await filled();
  await onLink(office, async (link) => {
    const look = (queue: string) => sift(link, { queue, visit: () => "leave" });
    assert.deepEqual(await look("nowhere"), { outcome: "missing" });
    const { consumerTag } = await office.onlooker.channel.consume(NAMES.messageSend, () => {});
    assert.deepEqual(await look(NAMES.messageSend), { outcome: "in_use" });
    await office.onlooker.channel.cancel(consumerTag);

    const claimed = Promise.withResolvers<void>();
    const rivalSeen = Promise.withResolvers<void>();
    const first = sift(link, {
      queue: DEAD,
      onClaimed: () => {
        claimed.resolve();
        return rivalSeen.promise;
      },
      visit: () => "leave",
    });
    await claimed.promise;
    assert.deepEqual(await look(DEAD), { outcome: "in_use" });
    rivalSeen.resolve();
    assert.equal((await first).outcome, "sifted");
    assert.deepEqual(await look(DEAD), { outcome: "sifted", total: COUNT });

    const deleted = sift(link, {
      queue: DEAD,
      onClaimed: async () => void await office.onlooker.channel.deleteQueue(DEAD),
      visit: () => "leave",
    });
    assert.equal((await deleted).outcome, "sifted");
  });
});

Deno.test("sift() ends with an error when the connection is lost, and everything is still there", async () => {
  await using office = await filled();
  await using proxy = await startProxy(broker.port);
  const settings = await settingsOf(office);
  const throughProxy = { ...settings, RABBITMQ_URL: office.url.replace(/:\d+\//, `:${proxy.port}/`) };
  let seen = 0;
  await assert.rejects(
    withBroker(throughProxy, (link) =>
      sift(link, {
        queue: DEAD,
        visit: async (message, channel): Promise<Verdict> => {
          // What is published still arrives, what is answered does not: a crash between the copy and its confirm. Not
          // before the last one is here, which would not come any more.
          if (++seen === COUNT) proxy.blackhole("down");
          const forwarded = forward(channel, NAMES.messageSend, message);
          if (seen === COUNT) {
            await until(async () => await office.onlooker.depth(NAMES.messageSend) === COUNT, {
              describe: "copies",
            });
            proxy.reset();
          }
          await forwarded;
          return "take";
        },
      })),
    (error) =>
      error instanceof CommandError && !(error instanceof BrokerUnavailable) && error.exitCode === 69,
  );
  const dead = new Set(await idsOf(office, DEAD)), sent = new Set(await idsOf(office, NAMES.messageSend));
  assert.deepEqual([...dead.union(sent)].sort((one, other) => one - other), counted(COUNT));
  assert.ok(dead.intersection(sent).size > 0, "some are in both places");
});

Deno.test("worker dead-letters requeue that is killed loses nothing, and the next one finishes", async () => {
  await using office = await filled(2_000);
  const sent = new Set<number>();
  const environment = { ...Deno.env.toObject() };
  for (let round = 0; round < 3; round++) {
    const program = new Program(environment, office.installation.folder, [], [
      "dead-letters",
      "requeue",
      "--all",
    ]);
    await program.printed("requeued");
    await program.end();
    for (const id of await idsOf(office, NAMES.messageSend)) sent.add(id);
  }
  const { code, stderr } = await office.run("dead-letters", "requeue", "--all", "--json");
  assert.equal(code, 0, stderr);
  for (const id of await idsOf(office, NAMES.messageSend)) sent.add(id);
  assert.equal(await office.onlooker.depth(DEAD), 0);
  assert.deepEqual([...sent].sort((one, other) => one - other), counted(2_000));
});

Deno.test("worker dead-letters list takes 10,000 of them, in order", async () => {
  await using office = await openOffice(broker);
  const padding = "x".repeat(1_000);
  const many = counted(10_000).map((id) => ({ content: `{"messageId":${id},"padding":"${padding}"}` }));
  for (let at = 0; at < many.length; at += 500) await office.put(...many.slice(at, at + 500));
  const { letters, total } = await office.list();
  assert.equal(total, 10_000);
  assert.equal(new Set(letters.map(({ id }) => id)).size, 10_000);
  assert.deepEqual(letters.map(({ subject }) => subject.messageId), counted(10_000));
  assert.deepEqual(await idsOf(office, DEAD), counted(10_000));
});
