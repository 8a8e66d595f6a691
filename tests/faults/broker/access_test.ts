/** A broker that does not let the worker in any more, or not everywhere; and lets it in again. */

import { strict as assert } from "node:assert";
import { until } from "../../bridge/bridge.ts";
import { sharedBroker } from "../../rabbitmq/shared.ts";
import { type Stack, startStack } from "../../stack.ts";
import { startTraffic } from "./traffic.ts";

const broker = await sharedBroker();

const EVERYTHING = { configure: ".*", write: ".*", read: ".*" };

/** A user of the worker's own, whom the backend does without. */
async function makeUser(stack: Stack) {
  const name = `worker-${crypto.randomUUID()}`;
  const vhost = new URL(stack.url).pathname.slice(1);
  const user = {
    vhost,
    url:
      Object.assign(new URL(stack.url), { username: name, password: "right", search: "?heartbeat=1" }).href,
    setPassword: (password: string) => manage("PUT", `users/${name}`, { password, tags: "" }),
    allow: (permissions: typeof EVERYTHING) => manage("PUT", `permissions/${vhost}/${name}`, permissions),
    forbid: () => manage("DELETE", `permissions/${vhost}/${name}`),
    remove: () => manage("DELETE", `users/${name}`),
    /** The broker asks who somebody is when he connects, and never again. */
    disconnect: async () => {
      await broker.ctl("close_all_user_connections", name, "Who are you?");
    },
  };
  await user.setPassword("right");
  await user.allow(EVERYTHING);
  return user;
}

async function manage(method: string, path: string, body?: unknown): Promise<void> {
  const { httpPort, user, password } = broker.layout;
  const response = await fetch(`http://127.0.0.1:${httpPort}/api/${path}`, {
    method,
    headers: { authorization: `Basic ${btoa(`${user}:${password}`)}`, "content-type": "application/json" },
    body: body === undefined ? null : JSON.stringify(body),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path} is answered ${response.status}: ${text}`);
}

Deno.test("a worker that is locked out while it runs goes on as soon as it is let in again", async (t) => {
  await using stack = await startStack({ broker });
  const user = await makeUser(stack);
  await stack.startWorker({ RABBITMQ_URL: user.url });
  const traffic = await startTraffic(stack);

  const through = async (lockOut: () => Promise<void>, word: RegExp, letIn: () => Promise<void>) => {
    await traffic.round(2);
    const before = stack.logged.length;
    await lockOut();
    await user.disconnect();
    await traffic.write(3);
    await until(() => stack.logged.slice(before).some((line) => word.test(line)), {
      describe: `${word} in the log`,
    });
    await letIn();
    await traffic.round(2);
    await traffic.settled();
  };

  await t.step("its password is changed", () =>
    through(
      () => user.setPassword("another"),
      /cannot be reached.*ACCESS_REFUSED|ACCESS_REFUSED.*cannot be reached/,
      () => user.setPassword("right"),
    ));
  await t.step("its permissions for the vhost are withdrawn", () =>
    through(
      user.forbid,
      /NOT_ALLOWED - vhost '.*' does not exist, or this user may not use it/,
      () => user.allow(EVERYTHING),
    ));
  await t.step("it may read and declare, and not write", () =>
    through(
      () => user.allow({ ...EVERYTHING, write: "^$" }),
      /ACCESS_REFUSED/,
      () => user.allow(EVERYTHING),
    ));
  await t.step("it may declare and write, and not read", () =>
    through(
      () => user.allow({ ...EVERYTHING, read: "^$" }),
      /ACCESS_REFUSED/,
      () => user.allow(EVERYTHING),
    ));
  await t.step(
    "its user is removed, and made again",
    () =>
      through(user.remove, /ACCESS_REFUSED/, async () => {
        await user.setPassword("right");
        await user.allow(EVERYTHING);
      }),
  );

  const told = stack.logged.join("");
  assert.ok(!told.includes("held by somebody else") && !told.includes("lease_lost"), "no lease was given up");
  assert.ok(!told.includes("right@"), "nothing of it shows the password");
  await user.remove();
});

Deno.test("a worker that is locked out stops in time, and says at its start why it ends", async () => {
  await using stack = await startStack({ broker });
  const user = await makeUser(stack);
  const worker = await stack.startWorker({ RABBITMQ_URL: user.url });
  await user.forbid();
  await user.disconnect();
  await until(() => stack.logged.some((line) => line.includes("NOT_ALLOWED")), { describe: "a refusal" });
  const startedAt = performance.now();
  await worker.stop();
  assert.ok(performance.now() - startedAt < 15_000);
  await assert.rejects(stack.startWorker({ RABBITMQ_URL: user.url }), {
    name: "BrokerUnavailable",
    message:
      `Cannot connect to RabbitMQ: NOT_ALLOWED - vhost '${user.vhost}' does not exist, or this user may not use it`,
  });
  await user.remove();
});
