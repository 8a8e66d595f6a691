/** What a deployment goes through when its broker does. The broker is this file's own: it is killed, stopped and starved. */

import { strict as assert } from "node:assert";
import { join } from "node:path";
import { lookAtDatabase } from "../../src/store/database_look.ts";
import { startBroker } from "../rabbitmq/broker.ts";
import { ensureRabbitmq } from "../rabbitmq/install.ts";
import { pair, startStack } from "../stack.ts";
import { timed, until } from "./bridge.ts";

const NUMBER = "221771234567";
const CONTACT = "221779999999";

Deno.test("nothing is lost, doubled or out of order whatever happens to the broker", async (t) => {
  await ensureRabbitmq((line) => console.error(line));
  await using broker = await startBroker();
  await using stack = await startStack({ broker });
  const { backend, standIn } = stack;
  const worker = await stack.startWorker();
  await pair(stack, { numberId: 6, phoneNumber: NUMBER });
  const contact = standIn.contact(CONTACT);
  const sent: string[] = [];
  const written: string[] = [];

  /** Sends as a backend does that repeats what its broker has not confirmed. */
  const send = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const content = `to the contact ${sent.length}`;
      sent.push(content);
      const body = { messageId: sent.length, numberId: 6, to: CONTACT, content, type: "TEXT" };
      await until(() => backend.send(body).then(() => true, () => false), {
        describe: "a confirmed send",
        timeoutMs: 30_000,
      });
    }
  };
  const write = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) {
      const text = `to the number ${written.length}`;
      written.push(text);
      await contact.sendText(NUMBER, text);
    }
  };
  const receivedTexts = () => {
    const texts = backend.received.filter(({ body }) => body.action === "message_received");
    return [...new Map(texts.map(({ body, properties }) => [properties.messageId, body.body])).values()];
  };
  const allThere = async () => {
    await until(() => receivedTexts().length === written.length, {
      describe: "all texts",
      timeoutMs: 30_000,
    });
    await until(() => contact.inbox.length >= sent.length, { describe: "all sends", timeoutMs: 30_000 });
    const isSent = (id: number) =>
      backend.received.some(({ body }) => body.messageId === id && body.status === "SENT");
    await until(() => sent.every((_, index) => isSent(index + 1)), {
      describe: "all statuses",
      timeoutMs: 30_000,
    });
  };

  await t.step("its connections are closed", async () => {
    await send(5);
    await write(5);
    const sending = send(10);
    await broker.ctl("close_all_connections", "maintenance");
    await write(5);
    await sending;
    await allThere();
  });

  await t.step("it is killed with SIGKILL while it is at work, and comes back", async () => {
    await send(10);
    const writing = write(20);
    await broker.kill9();
    await writing;
    await write(10);
    await broker.boot();
    await send(5);
    await allThere();
  });

  await t.step("it hangs for a while", async () => {
    await send(5);
    broker.pause();
    await write(10);
    broker.resume();
    await send(5);
    await allThere();
  });

  await t.step("it runs out of memory, and has room again", async () => {
    await broker.ctl("set_vm_memory_high_watermark", "absolute", "1MB");
    await write(60);
    await until(() => stack.logged.some((line) => line.includes("the broker takes no messages")), {
      describe: "blocked",
    });
    assert.ok(receivedTexts().length < written.length);
    await broker.ctl("set_vm_memory_high_watermark", "0.4");
    await send(5);
    await allThere();
    assert.ok(stack.logged.some((line) => line.includes("takes messages again")));
  });

  assert.equal(
    stack.logged.filter((line) => line.includes("connected to WhatsApp")).length,
    1,
    "one socket for all",
  );

  await t.step("the worker is stopped while it is down, and another one tells what was left", async () => {
    await broker.halt();
    await write(3);
    const outboxDepth = () => lookAtDatabase(join(stack.folder, "sessions")).outboxDepth;
    await until(() => outboxDepth() >= 3, { describe: "what was received on disk" });
    assert.ok(await timed(worker.stop()) < 5_000);
    await broker.boot();
    await stack.startWorker();
    await send(2);
    await allThere();
  });

  assert.deepEqual(contact.inbox.map(({ text }) => text), sent, "each send arrived once and in order");
  assert.ok(contact.inbox.every(({ repeats }) => repeats === 0), "no send went out twice");
  assert.deepEqual(receivedTexts(), written, "each text was told, in order");
});
