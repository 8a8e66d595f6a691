import { strict as assert } from "node:assert";
import { sharedBroker } from "../rabbitmq/shared.ts";
import { pair, startStack } from "../stack.ts";

const broker = await sharedBroker();

Deno.test(
  "startWorker() opens a number, sends, receives and keeps its session over a restart",
  async () => {
    await using stack = await startStack({ broker });
    const { backend, standIn } = stack;
    let worker = await stack.startWorker();

    const connected = await pair(stack, { numberId: 6, phoneNumber: "221771234567" });
    assert.equal(connected.body.phoneNumber, "+221771234567");
    assert.equal(connected.body.sessionId, "session_6_+221771234567");
    assert.equal(connected.body.phoneMismatch, undefined);

    const contact = standIn.contact("221779999999");
    const commandId = await backend.send({
      messageId: 7212345678901234567n,
      whatsappNumberId: 6,
      recipientNumber: "+221779999999",
      content: "Hello!",
      type: "TEXT",
      mediaUrl: null,
    });
    const message = await contact.next();
    assert.equal(message.text, "Hello!");
    await contact.read(message.id);
    for (const status of ["SENT", "DELIVERED", "READ"]) {
      const { body, properties } = await backend.next(({ body }) => body.status === status);
      assert.equal(body.messageId, 7212345678901234567n);
      assert.equal(body.whatsappMessageId, message.id);
      assert.equal(properties.correlationId, commandId);
    }

    await contact.sendText("221771234567", "a reply");
    const reply = await backend.next(({ body }) => body.body === "a reply");
    assert.equal(reply.queue, "whatsapp.message.receive");
    assert.equal(reply.body.from, "221779999999@c.us");

    await worker.stop();
    worker = await stack.startWorker();
    await backend.next(({ body }) => body.action === "connected");
    assert.equal(backend.received.filter(({ body }) => body.action === "qr_generated").length, 1);
  },
);
