import { strict as assert } from "node:assert";
import { inboxRole } from "../../src/broker/inbox.ts";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { bindingsOf, lookOn, NAMES, startBridge, until } from "./bridge.ts";

const broker = await sharedBroker();
const INBOX = NAMES.inbox("worker-1");

/** A worker's inbox on the way through a proxy; `taken` holds what came. */
async function startInbox(numbers: () => string[] = () => []) {
  const url = await broker.vhost();
  const proxy = await startProxy(broker.port);
  const bridge = await startBridge({
    url: Object.assign(new URL(url), { port: String(proxy.port), search: "?heartbeat=1" }).href,
  });
  const taken: string[] = [];
  let held = 0;
  bridge.keep(
    "inbox",
    inboxRole({
      names: NAMES,
      workerId: "worker-1",
      handler: ({ message }) => {
        taken.push(String(message.content));
        return Promise.resolve("ack");
      },
      numbers,
      onHeld: () => held++,
      deadLetters: bridge.deadLetters,
      log: bridge.log,
      signal: bridge.signal,
    }),
  );
  await until(() => held === 1, { describe: "the inbox" });
  return {
    url,
    proxy,
    bridge,
    taken,
    get held() {
      return held;
    },
    [Symbol.asyncDispose]: async () => {
      await bridge[Symbol.asyncDispose]();
      await proxy.close();
    },
  };
}

Deno.test("an inbox that somebody deletes has all its bindings again", async () => {
  await using inbox = await startInbox(() => ["6", "7"]);
  await using onlooker = await lookOn(inbox.url);
  await onlooker.channel.deleteQueue(INBOX);
  await until(() => inbox.held === 2, { describe: "the inbox again" });
  assert.deepEqual(await bindingsOf(broker, inbox.url, NAMES.router), [
    `number.6 → ${INBOX}`,
    `number.7 → ${INBOX}`,
    `worker.1 → ${INBOX}`,
    `worker.worker-1 → ${INBOX}`,
  ]);
  await onlooker.publish(NAMES.router, "number.7", "for a number");
  await until(() => inbox.taken.length === 1, { describe: "a command" });
});

Deno.test("an inbox in use is put down to the worker's own lost connection first, then to another process", async () => {
  await using inbox = await startInbox();
  await using onlooker = await lookOn(inbox.url);
  const said = (text: string) => inbox.bridge.logged.some((line) => line.includes(text));
  inbox.proxy.refuse();
  await until(
    async () => (await onlooker.channel.checkQueue(INBOX)).consumerCount === 0,
    { describe: "the end of the old connection" },
  );
  const { consumerTag } = await onlooker.channel.consume(INBOX, () => {}, { exclusive: true });
  inbox.proxy.restore();
  await until(() => said("maybe for the connection that was lost"), { describe: "patience" });
  assert.ok(!said("has taken its commands over"));
  await until(() => said("has taken its commands over"), {
    describe: "the end of patience",
    timeoutMs: 15_000,
  });
  await onlooker.channel.cancel(consumerTag);
  await until(() => inbox.held === 2, { describe: "the inbox again" });
});
