import { strict as assert } from "node:assert";
import { join } from "node:path";
import { startProxy } from "../rabbitmq/proxy.ts";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { startStack } from "../stack.ts";
import { lookOn, timed, until } from "./bridge.ts";

const broker = await sharedBroker();

Deno.test("stop() ends in time whether the broker is hung or gone", async () => {
  await using stack = await startStack({ broker });
  const start = async (numberId: number) => {
    const proxy = await startProxy(broker.port);
    const url = new URL(stack.url);
    url.port = String(proxy.port);
    const workerId = `worker-${numberId}`;
    const worker = await stack.startWorker({
      WORKER_ID: workerId,
      RABBITMQ_URL: url.href,
      SESSION_DIR: join(stack.folder, workerId),
    });
    await stack.backend.command({
      action: "create",
      numberId,
      phoneNumber: `+22177123456${numberId}`,
      workerId,
    });
    await stack.backend.next(({ body }) => body.action === "qr_generated" && body.numberId === numberId);
    return { proxy, worker };
  };
  const hung = await start(1);
  const gone = await start(2);
  hung.proxy.blackhole("both");
  gone.proxy.refuse();
  for (const ms of await Promise.all([timed(hung.worker.stop()), timed(gone.worker.stop())])) {
    assert.ok(ms < 15_000, `${ms} ms`);
  }
  await hung.proxy.close();
  await gone.proxy.close();
});

Deno.test("stop() does not wait for events whose queue is gone, and the next start tells them", async () => {
  await using stack = await startStack({ broker, environment: { QUEUE_MESSAGE_STATUS: "status" } });
  await using onlooker = await lookOn(stack.url);
  const worker = await stack.startWorker();
  await onlooker.channel.deleteQueue("status");
  await stack.backend.send({ messageId: 1, numberId: 6, to: "+221779999999", content: "x", type: "TEXT" });
  await until(() => stack.logged.some((line) => line.includes("their queue does not exist")), {
    describe: "a complaint",
  });
  assert.ok(await timed(worker.stop()) < 5_000);
  await onlooker.channel.assertQueue("status", { durable: true });
  await stack.startWorker();
  const { content } = await onlooker.take("status");
  assert.equal(JSON.parse(String(content)).code, "no_session");
});

Deno.test("the program that cannot log in to the broker says so, without the password, and exits with 69", async () => {
  await using stack = await startStack({ broker });
  const url = new URL(stack.url);
  url.password = "no-such-secret";
  const program = stack.startProgram({ RABBITMQ_URL: url.href });
  const { code } = await program.process.status;
  assert.equal(code, 69);
  await program.printed("Cannot connect to RabbitMQ");
  assert.match(program.output(), /ACCESS_REFUSED/);
  assert.ok(!program.output().includes("no-such-secret"), program.output());
});
