/**
 * The worker beside what it is made of: raw amqplib and raw Baileys do the same work without ledger, outbox and leases.
 * The ratio is the price of losing nothing.
 */

import { Buffer } from "node:buffer";
import { connect } from "amqplib";
import type { Backend } from "../backend/backend.ts";
import { BareClient, pair as pairBare } from "../stand_in/bare_client.ts";
import { MemoryAuth } from "../stand_in/memory_auth.ts";
import type { StandIn } from "../stand_in/stand_in.ts";
import { pair, startStack } from "../stack.ts";
import type { Bench } from "./bench.ts";
import type { Report } from "./report.ts";
import { rate } from "./statistics.ts";

const COUNT = 300;
const PHONE = "221771234567";
const BARE_PHONE = "221771234568";
const CONTACT = "221779999999";

/** Measures sends, received messages and commands end to end. */
export async function whatsapp({ broker, resources, say }: Bench): Promise<Report> {
  const stack = resources.use(await startStack({ broker, environment: { LOG_LEVEL: "error" } }));
  const { backend, standIn } = stack;
  await stack.startWorker();
  await pair(stack, { numberId: 6, phoneNumber: PHONE });
  standIn.contact(CONTACT);
  const bare = resources.use(await bareClient(standIn));
  const row = (name: string, raw: number, worker: number) => [name, raw, worker, worker / raw];
  say(`${COUNT} sends, received messages and commands`);
  const rows = [
    row("send, one after another", await bareSends(bare), await workerSends(backend)),
    row("receive", await bareReceives(standIn, bare), await workerReceives(standIn, backend)),
    row("command and its answer", await rawAnswers(stack.url), await workerAnswers(backend)),
  ];
  return {
    subject: "whatsapp",
    tables: [{
      title: `Whole worker beside raw Baileys and raw amqplib: ${COUNT} of each, one number`,
      columns: [{ name: "" }, { name: "raw/s" }, { name: "worker/s" }, { name: "worker/raw", digits: 2 }],
      rows,
      notes: ["WhatsApp is the stand-in, in the process that measures."],
    }],
  };
}

async function bareClient(standIn: StandIn): Promise<BareClient> {
  const auth = new MemoryAuth();
  await pairBare(standIn.url, (qr) => standIn.phone(BARE_PHONE).scan(qr), auth);
  return await new BareClient(standIn.url, auth).open();
}

/** Baileys alone: written, and acknowledged by the server. */
function bareSends(client: BareClient): Promise<number> {
  return rate(COUNT, async () => {
    for (let index = 0; index < COUNT; index++) {
      const sent = await client.sock.sendMessage(`${CONTACT}@s.whatsapp.net`, { text: `bare ${index}` });
      await client.ack(sent?.key.id ?? "");
    }
  });
}

/** The same through queue, reader, number's queue, ledger and outbox, to the backend's `SENT`. */
function workerSends(backend: Backend): Promise<number> {
  return rate(COUNT, async () => {
    const sent = countdown(backend, ({ body }) => body.status === "SENT");
    for (let index = 0; index < COUNT; index++) {
      await backend.send({
        messageId: index,
        whatsappNumberId: 6,
        recipientNumber: CONTACT,
        content: `worker ${index}`,
        type: "TEXT",
      });
    }
    await sent;
  });
}

/** Baileys alone: decrypted and handed to the program. */
function bareReceives(standIn: StandIn, client: BareClient): Promise<number> {
  const contact = standIn.contact(CONTACT);
  return rate(COUNT, async () => {
    for (let index = 0; index < COUNT; index++) await contact.sendText(BARE_PHONE, `to bare ${index}`);
    await client.received(`to bare ${COUNT - 1}`);
  });
}

/** The same, durable in the outbox, confirmed by the broker and read by the backend. */
function workerReceives(standIn: StandIn, backend: Backend): Promise<number> {
  const contact = standIn.contact(CONTACT);
  return rate(COUNT, async () => {
    const received = countdown(backend, ({ body }) => body.action === "message_received");
    for (let index = 0; index < COUNT; index++) await contact.sendText(PHONE, `to worker ${index}`);
    await received;
  });
}

/** amqplib alone: a consumer that confirms its answer before it acknowledges the command. */
async function rawAnswers(url: string): Promise<number> {
  const connection = await connect(url, { noDelay: true });
  try {
    const channel = await connection.createConfirmChannel();
    await channel.prefetch(1);
    for (const queue of ["bench.command", "bench.answer"]) {
      await channel.assertQueue(queue, { durable: true });
    }
    const acknowledged = Promise.withResolvers<void>();
    const answered = Promise.withResolvers<void>();
    let commands = 0;
    let answers = 0;
    await channel.consume("bench.command", (message) => {
      if (message === null) return;
      channel.sendToQueue("bench.answer", message.content, { persistent: true }, () => {
        channel.ack(message);
        if (++commands === COUNT) acknowledged.resolve();
      });
    });
    await channel.consume("bench.answer", (message) => {
      if (message === null) return;
      channel.ack(message);
      if (++answers === COUNT) answered.resolve();
    });
    return await rate(COUNT, async () => {
      const body = Buffer.from(JSON.stringify({ action: "status", numberId: 6 }));
      for (let index = 0; index < COUNT; index++) {
        const { promise, resolve } = Promise.withResolvers<void>();
        channel.sendToQueue("bench.command", body, { persistent: true }, () => resolve());
        await promise;
      }
      await Promise.all([acknowledged.promise, answered.promise]);
    });
  } finally {
    await connection.close();
  }
}

/** `status` and its `session_status`: reader, inbox, outbox. */
function workerAnswers(backend: Backend): Promise<number> {
  return rate(COUNT, async () => {
    const answered = countdown(backend, ({ body }) => body.action === "session_status");
    for (let index = 0; index < COUNT; index++) await backend.command({ action: "status", numberId: 6 });
    await answered;
  });
}

async function countdown(backend: Backend, wanted: Parameters<Backend["next"]>[0]): Promise<void> {
  for (let seen = 0; seen < COUNT; seen++) await backend.next(wanted, { timeoutMs: 60_000 });
}
