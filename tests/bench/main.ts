/**
 * The worker beside what it is made of, in one run on the same machine: raw amqplib and raw Baileys do the same work
 * without ledger, outbox and leases. The ratio is the price of losing nothing; the absolute rates are this machine's.
 *
 *     deno task bench [--messages N]
 */

import { Buffer } from "node:buffer";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "amqplib";
import { loadConfig } from "../../src/config/load.ts";
import { makeLog } from "../../src/log.ts";
import { startWorker } from "../../src/worker.ts";
import { type Backend, connectBackend } from "../backend/backend.ts";
import { startBroker } from "../rabbitmq/broker.ts";
import { ensureRabbitmq } from "../rabbitmq/install.ts";
import { BareClient, MemoryAuth, pair as pairBare } from "../stand_in/bare_client.ts";
import { type StandIn, startStandIn } from "../stand_in/stand_in.ts";
import { pair, workerEnvironment } from "../stack.ts";

const PHONE = "221771234567";
const BARE_PHONE = "221771234568";
const CONTACT = "221779999999";

interface Result {
  name: string;
  raw: number;
  worker: number;
}

async function main(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options: { messages: { type: "string", default: "300" } } });
  const count = Number(values.messages);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new RangeError(`Cannot measure '${values.messages}' messages`);
  }

  await ensureRabbitmq(console.error);
  await using broker = await startBroker();
  await using standIn = await startStandIn();
  const url = await broker.vhost();
  await using backend = await connectBackend({ url });
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-bench-" });
  const { settings } = await loadConfig({
    environment: {
      ...workerEnvironment({ url, standIn, sessionDir: join(folder, "sessions") }),
      LOG_LEVEL: "error",
    },
  });
  const log = makeLog({ level: "error", pretty: false, workerId: settings.WORKER_ID });
  const worker = await startWorker({ settings, version: "bench", log });
  await pair({ backend, standIn }, { numberId: 6, phoneNumber: PHONE });
  standIn.contact(CONTACT);
  const auth = new MemoryAuth();
  await using bare = await bareClient(standIn, auth);

  const results = [
    {
      name: "send, one after another",
      raw: await bareSends(bare, count),
      worker: await workerSends(backend, count),
    },
    {
      name: "receive",
      raw: await bareReceives(standIn, bare, count),
      worker: await workerReceives(standIn, backend, count),
    },
    {
      name: "command and its answer",
      raw: await rawAnswers(url, count),
      worker: await workerAnswers(backend, count),
    },
  ];
  await worker.stop();
  await Deno.remove(folder, { recursive: true });
  print(results, count);
}

async function bareClient(standIn: StandIn, auth: MemoryAuth): Promise<BareClient> {
  await pairBare(standIn.url, (qr) => standIn.phone(BARE_PHONE).scan(qr), auth);
  return await new BareClient(standIn.url, auth).open();
}

/** Baileys alone: written, and acknowledged by the server. */
function bareSends(client: BareClient, count: number): Promise<number> {
  return rate(count, async () => {
    for (let index = 0; index < count; index++) {
      const sent = await client.sock.sendMessage(`${CONTACT}@s.whatsapp.net`, { text: `bare ${index}` });
      await client.ack(sent?.key.id ?? "");
    }
  });
}

/** The same through queue, reader, number's queue, ledger and outbox, to the backend's `SENT`. */
function workerSends(backend: Backend, count: number): Promise<number> {
  return rate(count, async () => {
    const sent = countdown(backend, count, ({ body }) => body.status === "SENT");
    for (let index = 0; index < count; index++) {
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
function bareReceives(standIn: StandIn, client: BareClient, count: number): Promise<number> {
  const contact = standIn.contact(CONTACT);
  return rate(count, async () => {
    for (let index = 0; index < count; index++) await contact.sendText(BARE_PHONE, `to bare ${index}`);
    await client.received(`to bare ${count - 1}`);
  });
}

/** The same, durable in the outbox, confirmed by the broker and read by the backend. */
function workerReceives(standIn: StandIn, backend: Backend, count: number): Promise<number> {
  const contact = standIn.contact(CONTACT);
  return rate(count, async () => {
    const received = countdown(backend, count, ({ body }) => body.action === "message_received");
    for (let index = 0; index < count; index++) await contact.sendText(PHONE, `to worker ${index}`);
    await received;
  });
}

/** amqplib alone: a consumer that confirms its answer before it acknowledges the command. */
async function rawAnswers(url: string, count: number): Promise<number> {
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
        if (++commands === count) acknowledged.resolve();
      });
    });
    await channel.consume("bench.answer", (message) => {
      if (message === null) return;
      channel.ack(message);
      if (++answers === count) answered.resolve();
    });
    return await rate(count, async () => {
      const body = Buffer.from(JSON.stringify({ action: "status", numberId: 6 }));
      for (let index = 0; index < count; index++) {
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
function workerAnswers(backend: Backend, count: number): Promise<number> {
  return rate(count, async () => {
    const answered = countdown(backend, count, ({ body }) => body.action === "session_status");
    for (let index = 0; index < count; index++) await backend.command({ action: "status", numberId: 6 });
    await answered;
  });
}

async function countdown(
  backend: Backend,
  count: number,
  wanted: Parameters<Backend["next"]>[0],
): Promise<void> {
  for (let seen = 0; seen < count; seen++) await backend.next(wanted, { timeoutMs: 60_000 });
}

/** How many a second. */
async function rate(count: number, work: () => Promise<void>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return count / ((performance.now() - startedAt) / 1000);
}

function print(results: Result[], count: number): void {
  console.log(`\n${count} of each, one number, one machine for everything\n`);
  console.log(["", "raw/s", "worker/s", "worker/raw"].map((title, column) => pad(title, column)).join(""));
  for (const { name, raw, worker } of results) {
    const cells = [name, raw.toFixed(0), worker.toFixed(0), (worker / raw).toFixed(2)];
    console.log(cells.map((cell, column) => pad(cell, column)).join(""));
  }
}

function pad(cell: string, column: number): string {
  return column === 0 ? cell.padEnd(26) : cell.padStart(12);
}

if (import.meta.main) {
  await main(Deno.args);
  Deno.exit(0);
}
