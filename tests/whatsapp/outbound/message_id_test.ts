import { strict as assert } from "node:assert";
import type { Message } from "../../../src/contract/messages.ts";
import { fingerprint, whatsappIdOf } from "../../../src/whatsapp/outbound/message_id.ts";

const command: Message = {
  messageId: 7212345678901234567n,
  numberId: 6,
  to: "221779999999@s.whatsapp.net",
  type: "TEXT",
  content: "Hello!",
  mediaUrl: null,
};

Deno.test("fingerprint() is the same for every spelling of the same send", () => {
  const print = fingerprint(command, "amqp-1");
  assert.equal(fingerprint({ ...command }, "amqp-2"), print);
  assert.equal(fingerprint({ ...command, numberId: "6" }, "amqp-2"), print);
  assert.equal(fingerprint({ ...command, expiresAtMs: 5, workerId: "1", priority: 2 }, "amqp-2"), print);
});

Deno.test("fingerprint() tells sends apart that differ in anything a contact would see", () => {
  const others: Record<string, unknown>[] = [
    { messageId: 7212345678901234568n },
    { numberId: 7 },
    { to: "221779999998@s.whatsapp.net" },
    { type: "IMAGE" },
    { content: "Hello" },
    { content: null },
    { mediaUrl: "https://example.org/a.jpg" },
  ];
  const prints = [{}, ...others].map((change) => fingerprint({ ...command, ...change } as Message, "amqp-1"));
  assert.equal(new Set(prints).size, prints.length);
});

Deno.test("fingerprint() knows a send without an id by its AMQP message", () => {
  const { messageId: _, ...anonymous } = command;
  assert.equal(fingerprint(anonymous, "amqp-1"), fingerprint(anonymous, "amqp-1"));
  assert.notEqual(fingerprint(anonymous, "amqp-1"), fingerprint(anonymous, "amqp-2"));
  // A backend's id that looks like another message's AMQP id is still another message.
  assert.notEqual(fingerprint({ ...command, messageId: "amqp-1" }, "x"), fingerprint(anonymous, "amqp-1"));
});

Deno.test("fingerprint() of a plain text is what it was in every version: its repeat may come after an upgrade", () => {
  const print = "329ff668af61edeb8a3c4393351ef0c71f6c4faab0e5b6af6d3df1f1e07aa231";
  assert.equal(fingerprint({ ...command, messageId: 123 }, ""), print);
  assert.notEqual(fingerprint({ ...command, messageId: 123, mentions: [] } as Message, ""), print);
});

Deno.test("whatsappIdOf() looks like an id of WhatsApp Web and is the same every time", () => {
  const id = whatsappIdOf(fingerprint(command, ""));
  assert.match(id, /^3EB0[0-9A-F]{36}$/);
  assert.equal(whatsappIdOf(fingerprint(command, "")), id);
});

Deno.test("fingerprint() tells large media apart, wherever they are given", () => {
  const large = "A".repeat(16 * 1024 * 1024);
  const print = (change: Record<string, unknown>) =>
    fingerprint({ ...command, type: "IMAGE", ...change } as unknown as Message, "amqp-1");
  const prints = [
    print({ mediaBase64: `${large}AAAA` }),
    print({ mediaBase64: `${large}AAAB` }),
    print({ mediaUrl: `data:image/png;base64,${large}AAAA` }),
    print({ mediaUrl: `data:image/png;base64,${large}AAAB` }),
    print({ mediaUrl: `data:image/jpeg;base64,${large}AAAA` }),
  ];
  assert.equal(new Set(prints).size, prints.length);
  assert.equal(print({ mediaBase64: `${large}AAAA` }), prints[0]);
});
