/**
 * What reader, inbox and number queues cost, WhatsApp left out: the project's own bridge with handlers that only
 * acknowledge, beside a plain amqplib consumer, and beside one hop by hand, on the same broker in turns.
 */

import type { ChannelModel } from "amqplib";
import { Buffer } from "node:buffer";
import { type Bench, inTime } from "./bench.ts";
import { type BridgeWay, startBridgeWay } from "./bridge_way.ts";
import { connectPlainly, consumePlainly, hopPlainly, type OnMessage, publishAll } from "./plain.ts";
import type { Report, Table } from "./report.ts";
import { median, quantile } from "./statistics.ts";

/** Messages of one round, rounds of one row, and messages whose latency is taken in one round. */
const COUNT = 1_000;
const ROUNDS = 3;
const TIMED = 300;
const NUMBERS = 30;

/** A kind of traffic. */
interface Load {
  readonly name: string;
  readonly kind: "commands" | "sends";
  /** How many numbers (and with them consumers) it is for. */
  readonly numbers: number;
}

const LOADS: readonly Load[] = [
  { name: "commands", kind: "commands", numbers: 1 },
  { name: "sends, 1 number", kind: "sends", numbers: 1 },
  { name: `sends, ${NUMBERS} numbers`, kind: "sends", numbers: NUMBERS },
];

/** A way for messages: the queue they are put in, and how their consumption is started and ended. */
interface Way {
  readonly queue: string;
  begin(prefetch: number, onMessage: OnMessage): Promise<() => Promise<void>>;
}

/** Measures throughput and latency of the hop. */
export async function routing({ broker, resources, say }: Bench): Promise<Report> {
  const url = await broker.vhost();
  const model = resources.use(await connectPlainly(url));
  const publisher = resources.use(await connectPlainly(url));
  const bridge = resources.use(await startBridgeWay(url, NUMBERS));
  const ways = await makeWays(model, bridge);
  const throughput: (string | number)[][] = [];
  for (const load of LOADS) {
    for (const prefetch of [1, 50]) {
      say(`${load.name}, prefetch ${prefetch}: ${ROUNDS} rounds of ${COUNT}, each way in turn`);
      throughput.push([load.name, prefetch, ...await compare(publisher, ways(load), load, prefetch)]);
    }
  }
  say(`latency: ${ROUNDS} rounds of ${TIMED}, each way in turn`);
  return { subject: "routing", tables: [throughputTable(throughput), await latencyTable(publisher, ways)] };
}

type Ways = (load: Load) => Readonly<Record<"plain" | "hop" | "worker", Way>>;

async function makeWays(model: ChannelModel, bridge: BridgeWay): Promise<Ways> {
  const hops = Array.from({ length: NUMBERS }, (_, index) => `bench.hop.${index}`);
  const channel = await model.createChannel();
  for (const queue of ["bench.plain", "bench.shared", ...hops]) {
    await channel.assertQueue(queue, { durable: true });
  }
  await channel.close();
  return ({ kind, numbers }) => ({
    plain: {
      queue: "bench.plain",
      begin: (prefetch, onMessage) => consumePlainly(model, "bench.plain", prefetch, onMessage),
    },
    hop: {
      queue: "bench.shared",
      begin: (prefetch, onMessage) =>
        hopPlainly(model, { queue: "bench.shared", next: hops.slice(0, numbers), prefetch }, onMessage),
    },
    worker: {
      queue: bridge.queues[kind],
      begin: (prefetch, onMessage) => {
        bridge.onMessage = onMessage;
        return Promise.resolve(bridge.read(prefetch));
      },
    },
  });
}

/** @returns the cells after the row's name and prefetch: rates, and the ratios of each round */
async function compare(
  publisher: ChannelModel,
  { plain, hop, worker }: ReturnType<Ways>,
  load: Load,
  prefetch: number,
): Promise<number[]> {
  const rounds: { plain: number; hop: number; worker: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    rounds.push({
      plain: await drainRate(publisher, plain, load, prefetch),
      hop: await drainRate(publisher, hop, load, prefetch),
      worker: await drainRate(publisher, worker, load, prefetch),
    });
  }
  const ratios = rounds.map(({ plain, worker }) => worker / plain);
  return [
    median(rounds.map(({ plain }) => plain)),
    median(rounds.map(({ hop }) => hop)),
    median(rounds.map(({ worker }) => worker)),
    median(ratios),
    Math.min(...ratios),
    Math.max(...ratios),
    median(rounds.map(({ hop, worker }) => worker / hop)),
  ];
}

/** How fast a backlog is worked off: messages a second, from the first one handled to the last. */
async function drainRate(
  publisher: ChannelModel,
  { queue, begin }: Way,
  load: Load,
  prefetch: number,
): Promise<number> {
  await publishAll(
    publisher,
    Array.from({ length: COUNT }, (_, index) => [queue, bodyOf(load, index)] as const),
  );
  const drained = Promise.withResolvers<number>();
  let handled = 0;
  let firstAt = 0;
  const end = await begin(prefetch, () => {
    if (++handled === 1) firstAt = performance.now();
    if (handled === COUNT) drained.resolve(performance.now() - firstAt);
  });
  const durationMs = await inTime(drained.promise, `end of the backlog in '${queue}'`);
  await end();
  return (COUNT - 1) / (durationMs / 1000);
}

function throughputTable(rows: (string | number)[][]): Table {
  return {
    title:
      `A backlog of ${COUNT} persistent messages, worked off by a handler that only acknowledges; medians of ${ROUNDS} rounds`,
    columns: [
      { name: "" },
      { name: "prefetch" },
      { name: "plain/s" },
      { name: "hop/s" },
      { name: "worker/s" },
      { name: "worker/plain", digits: 2 },
      { name: "lowest", digits: 2 },
      { name: "highest", digits: 2 },
      { name: "worker/hop", digits: 2 },
    ],
    rows,
    notes: [
      "plain: amqplib, consume and ack. hop: amqplib, consume, publish with confirm, ack; then consume and ack with",
      "prefetch 1. worker: reader with that prefetch (its own is 50), inbox or number queues with prefetch 1.",
    ],
  };
}

async function latencyTable(publisher: ChannelModel, ways: Ways): Promise<Table> {
  const [commands, sends] = LOADS as [Load, Load, Load];
  const rows: readonly [string, Way, Load][] = [
    ["plain", ways(commands).plain, commands],
    ["hop", ways(commands).hop, commands],
    ["worker, commands", ways(commands).worker, commands],
    ["worker, sends", ways(sends).worker, sends],
  ];
  const samples = rows.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, way, load]] of rows.entries()) {
      samples[index]!.push(...await latencies(publisher, way, load));
    }
  }
  const [plain] = samples as [number[]];
  return {
    title: `From publish to handler, one message at a time, ${ROUNDS * TIMED} of each`,
    columns: [
      { name: "" },
      { name: "p50 ms", digits: 2 },
      { name: "p99 ms", digits: 2 },
      { name: "p50 beyond plain, ms", digits: 2 },
    ],
    rows: rows.map(([name], index) => [
      name,
      quantile(samples[index]!, 0.5),
      quantile(samples[index]!, 0.99),
      quantile(samples[index]!, 0.5) - quantile(plain, 0.5),
    ]),
  };
}

async function latencies(publisher: ChannelModel, { queue, begin }: Way, load: Load): Promise<number[]> {
  const channel = await publisher.createChannel();
  let arrived = Promise.withResolvers<number>();
  const end = await begin(50, () => arrived.resolve(performance.now()));
  const taken: number[] = [];
  // The first one waits for the consumer to be set up, and is not counted.
  for (let index = 0; index <= TIMED; index++) {
    arrived = Promise.withResolvers<number>();
    const publishedAt = performance.now();
    channel.sendToQueue(queue, Buffer.from(JSON.stringify(bodyOf(load, index))), { persistent: true });
    const latencyMs = await inTime(arrived.promise, `message by way of '${queue}'`) - publishedAt;
    if (index > 0) taken.push(latencyMs);
  }
  await end();
  await channel.close();
  return taken;
}

/** A command or send as the backend writes it. */
function bodyOf({ kind, numbers }: Load, index: number): Record<string, unknown> {
  const numberId = 1 + index % numbers;
  if (kind === "commands") {
    return {
      sessionId: numberId,
      action: "status",
      data: { numberId, phoneNumber: "+221771234567", sessionId: `session_${numberId}`, workerId: "1" },
      timestamp: 1_733_396_400_000,
    };
  }
  return {
    messageId: index,
    whatsappNumberId: numberId,
    recipientNumber: "+221779999999",
    content: "Your parcel is on its way and will be with you tomorrow",
    type: "TEXT",
    mediaUrl: null,
  };
}
