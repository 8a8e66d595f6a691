/** A session on a stand-in with no worker around it: its store is in memory, its pauses end when the test says so. */

import pino from "pino";
import { Announcer } from "../../src/announcer.ts";
import { Database } from "../../src/store/database.ts";
import { makeStore } from "../../src/store/store.ts";
import type { ConnectGate } from "../../src/whatsapp/session/connect_gate.ts";
import { hardenBaileys } from "../../src/whatsapp/socket/hardening.ts";
import { Inbound } from "../../src/whatsapp/inbound/inbound.ts";
import type { ProbeTimings } from "../../src/whatsapp/vitals/probe.ts";
import { Receipts } from "../../src/whatsapp/receipts/receipts.ts";
import { Session } from "../../src/whatsapp/session/session.ts";
import { clearBaileysTimers } from "../baileys_timers.ts";
import { Feed } from "../stand_in/feed.ts";
import type { StandIn } from "../stand_in/stand_in.ts";
import { connecting } from "./connecting.ts";

export const PHONE = "221771234567";
const PATIENCE_MS = 20_000;

/** A pause between two sockets of a session. */
export interface Pause {
  readonly ms: number;
  /** Ends it. */
  over(): void;
}

/** How a {@link LoneSession} differs from others. */
export interface LoneSessionOptions {
  /** Whose credentials it has, as a second process with a copy of the folder would. */
  readonly other?: LoneSession;
  /** @default {@link PHONE} */
  readonly phoneNumber?: string;
  /** What it shares with others. @default one of its own */
  readonly gate?: ConnectGate;
  /** When its sockets are probed. @default as a worker's */
  readonly probe?: Partial<ProbeTimings>;
}

/** A session under test. */
export class LoneSession implements AsyncDisposable {
  readonly session: Session;
  /** How often it has said that it is over. */
  ended = 0;
  readonly #database: Database;
  readonly #queue = crypto.randomUUID();
  readonly #pauses = new Feed<Pause>();
  readonly #phoneNumber: string;
  #news = Promise.withResolvers<void>();

  constructor(standIn: StandIn, { other, phoneNumber = PHONE, gate, probe }: LoneSessionOptions = {}) {
    hardenBaileys(standIn.rootKeyHex);
    this.#phoneNumber = phoneNumber;
    this.#database = other === undefined ? Database.inMemory() : other.#database;
    const store = makeStore(this.#database, Date.now);
    const newId = () => crypto.randomUUID();
    const announcer = new Announcer({
      store,
      queues: { sessionEvent: this.#queue, messageReceive: "r", messageStatus: "m", numberHealth: "h" },
      workerId: "worker-1",
      now: Date.now,
      newId,
      onNews: () => {
        this.#news.resolve();
        this.#news = Promise.withResolvers();
      },
    });
    this.session = new Session({ numberId: "6", numberIdJson: "6", phoneNumber, atStart: "open" }, {
      store,
      announcer,
      receipts: new Receipts(store, announcer, newId),
      inbound: new Inbound({
        store,
        announcer,
        include: new Set(),
        servesMedia: false,
        newId,
        now: Date.now,
      }),
      webUrl: standIn.url,
      ...connecting(store, standIn.url),
      ...(gate === undefined ? {} : { gate }),
      probe,
      maxQrAttempts: 3,
      sessionTimeoutMs: 3_600_000,
      pause: (ms, signal) => this.#pause(ms, signal),
      now: Date.now,
      random: () => 0,
      log: pino({ level: "silent" }),
      onEnded: () => void this.ended++,
    });
  }

  /** Opens it and scans its QR. */
  async link(standIn: StandIn): Promise<void> {
    await this.session.open();
    const { qrCode } = await this.until("qr_generated");
    await standIn.phone(this.#phoneNumber).scanPng(String(qrCode));
    await this.until("connected");
  }

  /** The next pause, once it has begun. */
  paused(): Promise<Pause> {
    return this.#pauses.next("pause", () => true, PATIENCE_MS);
  }

  /** Ends every pause it makes at the moment. */
  hurry(): void {
    for (const { over } of this.#pauses.items) over();
  }

  /** The session events it has told, in their order. */
  told(): Promise<Record<string, unknown>[]> {
    return this.#published(this.#queue);
  }

  /** What those are called. */
  async actions(): Promise<unknown[]> {
    return (await this.told()).map(({ action }) => action);
  }

  /** Its latest report of its health. */
  async health(): Promise<Record<string, unknown>> {
    return (await this.#published("h")).at(-1)!;
  }

  /** The event with this action, or as many of them as `count`, once it was told. */
  async until(action: string, count = 1): Promise<Record<string, unknown>> {
    for (;;) {
      const { promise } = this.#news;
      const event = (await this.told()).filter((event) => event.action === action)[count - 1];
      if (event !== undefined) return event;
      await promise;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.shutDown();
    clearBaileysTimers();
  }

  async #published(queue: string): Promise<Record<string, unknown>[]> {
    const rows = await this.#database.select(
      "SELECT body FROM outbox WHERE queue = ? ORDER BY position",
      queue,
    );
    return rows.map(({ body }) => JSON.parse(String(body)));
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    // Paired: a new socket at once.
    if (ms === 0 || signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    this.#pauses.push({ ms, over: resolve });
    await promise;
  }
}
