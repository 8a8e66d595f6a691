/** Traffic in every direction through one number, and the account of it: what a fault of the broker must not change. */

import { strict as assert } from "node:assert";
import type { Received } from "../../backend/backend.ts";
import { until } from "../../bridge/bridge.ts";
import { pair, type Stack } from "../../stack.ts";
import type { Contact } from "../../stand_in/contact.ts";

const NUMBER_ID = 6;
const NUMBER = "221771234567";
const CONTACT = "221779999999";
/** Longer than a broker takes to boot, and a worker to find it again. */
const PATIENCE_MS = 40_000;

/** Traffic of one number, paired by {@link startTraffic}. */
export interface Traffic {
  readonly contact: Contact;
  /** `count` each of sends, commands and messages of the contact's, one after the other. */
  round(count: number): Promise<void>;
  /** `count` sends alone. */
  send(count: number): Promise<void>;
  /** `count` messages of the contact's alone: they need no broker to reach the worker. */
  write(count: number): Promise<void>;
  /** `count` commands alone. */
  command(count: number): Promise<void>;
  /**
   * Waits until all of it has arrived and is answered, then takes stock: every send reached the contact once and in
   * order, every message of the contact's the backend in order, every command and send is answered, and what the
   * backend got twice has one `message_id`.
   */
  settled(): Promise<void>;
}

/** Pairs the number and returns the means to use it. */
export async function startTraffic(stack: Stack): Promise<Traffic> {
  const { backend, standIn } = stack;
  await pair(stack, { numberId: NUMBER_ID, phoneNumber: NUMBER });
  const contact = standIn.contact(CONTACT);
  const sent: string[] = [], written: string[] = [], commands: string[] = [];

  /** As a backend does that repeats what its broker has not confirmed. */
  const published = async (publish: () => Promise<string>): Promise<string> => {
    let id = "";
    await until(() => publish().then((it) => (id = it, true), () => false), {
      describe: "a confirmed publish",
      timeoutMs: PATIENCE_MS,
    });
    return id;
  };
  const traffic: Traffic = {
    contact,
    async send(count) {
      for (let i = 0; i < count; i++) {
        const content = `send ${sent.length + 1}`;
        sent.push(content);
        const body = { messageId: sent.length, numberId: NUMBER_ID, to: CONTACT, content, type: "TEXT" };
        await published(() => backend.send(body));
      }
    },
    async write(count) {
      for (let i = 0; i < count; i++) {
        const text = `message ${written.length + 1}`;
        written.push(text);
        await contact.sendText(NUMBER, text);
      }
    },
    async command(count) {
      for (let i = 0; i < count; i++) {
        commands.push(await published(() => backend.command({ action: "status", numberId: NUMBER_ID })));
      }
    },
    async round(count) {
      for (let i = 0; i < count; i++) {
        await traffic.command(1);
        await traffic.send(1);
        await traffic.write(1);
      }
    },
    async settled() {
      const wait = (describe: string, arrived: () => boolean) =>
        until(arrived, { describe, timeoutMs: PATIENCE_MS });
      const { received } = backend;
      await wait("every message of the contact's", () => textsIn(received).length >= written.length);
      await wait("every send at the contact", () => contact.inbox.length >= sent.length);
      await wait(
        "SENT for every send",
        () => sent.every((_, index) => received.some((event) => isSent(event, index + 1))),
      );
      await wait(
        "an answer to every command",
        () => commands.every((id) => received.some(({ properties }) => properties.correlationId === id)),
      );
      assert.deepEqual(contact.inbox.map(({ text }) => text), sent, "each send arrived once and in order");
      assert.ok(contact.inbox.every(({ repeats }) => repeats === 0), "no send went out twice");
      assert.deepEqual(textsIn(received), written, "each message was told, in order");
      assertOneIdEach(received);
    },
  };
  return traffic;
}

function isSent({ body }: Received, messageId: number): boolean {
  return body.messageId === messageId && body.status === "SENT";
}

/** What the contact wrote, without the repeats that a backend drops by their id. */
function textsIn(received: readonly Received[]): unknown[] {
  const messages = received.filter(({ body }) => body.action === "message_received");
  return [...new Map(messages.map(({ body, properties }) => [properties.messageId, body.body])).values()];
}

/** However often a backend was told a thing, it was told under one `message_id`. */
function assertOneIdEach(received: readonly Received[]): void {
  const told = received.filter(({ body }) =>
    body.action === "message_received" || (body.whatsappMessageId !== undefined && body.status === "SENT")
  );
  const about = Map.groupBy(told, ({ body, properties }) => `${properties.type} ${body.messageId}`);
  for (const [what, events] of about) {
    assert.equal(new Set(events.map(({ properties }) => properties.messageId)).size, 1, what);
  }
}
