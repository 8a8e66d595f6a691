/**
 * What it costs that a message is on disk before WhatsApp is told so: the same messages, kept by the server while nobody
 * was there, taken by raw Baileys and by the worker's socket, both over a SQLite file of their own.
 */

import { setTimeout as delay } from "node:timers/promises";
import pino from "pino";
import { Announcer } from "../../src/announcer.ts";
import { Database } from "../../src/store/database.ts";
import { makeStore, type Store } from "../../src/store/store.ts";
import { loadAuthState } from "../../src/whatsapp/signal/auth_state.ts";
import { hardenBaileys } from "../../src/whatsapp/socket/hardening.ts";
import { Inbound } from "../../src/whatsapp/inbound/inbound.ts";
import { openSocket } from "../../src/whatsapp/socket/socket.ts";
import { clearBaileysTimers } from "../baileys_timers.ts";
import { BareClient, pair } from "../stand_in/bare_client.ts";
import type { Mailbox } from "../stand_in/mailbox.ts";
import { type StandIn, startStandIn } from "../stand_in/stand_in.ts";
import { type Bench, inTime } from "./bench.ts";
import type { Report } from "./report.ts";
import { median, rate } from "./statistics.ts";

const COUNT = 100;
const ROUNDS = 3;
const GROUP = "120363000000000001@g.us";

/** A number, its store, and how it takes what waits for it. */
interface Taker {
  readonly phone: string;
  readonly mailbox: Mailbox;
  /** Connects; @returns what disconnects it. */
  connect(): Promise<() => Promise<void>>;
}

/** Measures messages taken a second, with and without the barrier. */
export async function barrier(bench: Bench): Promise<Report> {
  const standIn = bench.resources.use(await startStandIn());
  hardenBaileys(standIn.rootKeyHex);
  const raw = await makeTaker(bench, standIn, "221771234568", bareSocket);
  const worker = await makeTaker(bench, standIn, "221771234567", workerSocket);
  const rows = [];
  for (const kind of ["1:1", "group"] as const) {
    const rates: { raw: number[]; worker: number[] } = { raw: [], worker: [] };
    for (let round = 0; round <= ROUNDS; round++) {
      bench.say(`${kind}, ${round === 0 ? "to warm up" : `round ${round} of ${ROUNDS}`}`);
      for (const [name, taker] of [["raw", raw], ["worker", worker]] as const) {
        const taken = await takeAll(standIn, taker, kind);
        if (round > 0) rates[name].push(taken);
      }
    }
    const [without, withBarrier] = [median(rates.raw), median(rates.worker)];
    rows.push([kind, without, withBarrier, withBarrier / without]);
  }
  return {
    subject: "barrier",
    tables: [{
      title: `Received messages on disk before they are confirmed: ${COUNT} that waited, one number`,
      columns: [{ name: "" }, { name: "without/s" }, { name: "with/s" }, { name: "with/without", digits: 2 }],
      rows,
      notes: [
        `Without: raw Baileys, whose keys are in SQLite as the worker's are. The median of ${ROUNDS} rounds, in turn.`,
        "From the login to the server's last receipt; WhatsApp is the stand-in, in the process that measures.",
      ],
    }],
  };
}

/** Has everything wait, then takes it. @returns messages a second */
async function takeAll(
  standIn: StandIn,
  { phone, mailbox, connect }: Taker,
  kind: "1:1" | "group",
): Promise<number> {
  const contact = standIn.contact("221779999999");
  for (let count = 0; count < COUNT; count++) {
    if (kind === "group") await contact.sendToGroup(GROUP, phone, `text ${count}`);
    else await contact.sendText(phone, `text ${count}`);
  }
  let disconnect = () => Promise.resolve();
  const taken = await rate(COUNT, async () => {
    disconnect = await connect();
    await inTime(isEmpty(mailbox), "last receipt");
  });
  await disconnect();
  return taken;
}

async function isEmpty(mailbox: Mailbox): Promise<void> {
  while (mailbox.size > 0) await delay(1);
}

async function makeTaker(
  { resources }: Bench,
  standIn: StandIn,
  phone: string,
  open: (url: string, store: Store) => Promise<() => Promise<void>>,
): Promise<Taker> {
  const folder = await Deno.makeTempDir({ prefix: "whatsapp-worker-bench-" });
  resources.defer(() => Deno.remove(folder, { recursive: true }));
  const store = makeStore(await Database.open(folder), Date.now);
  resources.defer(() => store.close());
  const auth = await loadAuthState(store.credentials, "6");
  await pair(standIn.url, (qr) => standIn.phone(phone).scan(qr), auth);
  await auth.save();
  const [companion] = standIn.phone(phone).companions.values();
  // The first login takes the history.
  const { mailbox } = companion!;
  const disconnect = await open(standIn.url, store);
  await inTime(isEmpty(mailbox), "first login");
  await disconnect();
  return { phone, mailbox, connect: () => open(standIn.url, store) };
}

async function bareSocket(url: string, store: Store): Promise<() => Promise<void>> {
  const auth = await loadAuthState(store.credentials, "6");
  const client = await new BareClient(url, auth).open();
  return async () => {
    await auth.save();
    await client[Symbol.asyncDispose]();
  };
}

async function workerSocket(url: string, store: Store): Promise<() => Promise<void>> {
  const queues = { sessionEvent: "s", messageReceive: "r", messageStatus: "m", numberHealth: "h" };
  const announcer = new Announcer({
    store,
    queues,
    workerId: "worker-1",
    now: Date.now,
    newId: () => crypto.randomUUID(),
    onNews: () => {},
  });
  const inbound = new Inbound({
    store,
    announcer,
    include: new Set(),
    servesMedia: false,
    newId: () => crypto.randomUUID(),
    now: Date.now,
  });
  const session = {
    numberId: "6",
    numberIdJson: "6",
    phoneNumber: "221771234567",
    atStart: "open",
  } as const;
  const log = pino({ level: "silent" });
  const recipient = () => ({ session, own: socket.account, identities: socket.identities, log });
  const opened = Promise.withResolvers<void>();
  const socket = openSocket({
    url,
    auth: await loadAuthState(store.credentials, "6"),
    findSent: () => Promise.resolve(undefined),
    random: Math.random,
    retryCounts: { get: () => undefined, set: () => {}, del: () => {}, flushAll: () => {} },
    log,
    events: {
      onRefusedNew: () => {},
      onQr: () => {},
      onOpen: () => opened.resolve(),
      onClose: ({ reason }) => opened.reject(new Error(`The socket was closed: ${reason}`)),
      onDecrypted: (message) => inbound.taking(message, recipient()),
      onPlain: () => Promise.resolve(),
      onMessages: (messages) => {
        for (const message of messages) void inbound.take(message, recipient());
      },
      onReceipt: () => Promise.resolve(),
      onAck: () => {},
      onStanza: () => {},
      onMediaUpdate: () => {},
      onRoundTrip: () => {},
      onTimelock: () => {},
      onUnavailable: () => Promise.resolve(),
      onUndecryptable: () => Promise.resolve(),
      onLost: () => Promise.resolve(),
      onCall: () => Promise.resolve(),
    },
  });
  await opened.promise;
  return async () => {
    await socket.end();
    clearBaileysTimers();
  };
}
