/** What a worker is killed in the middle of: people who write to it, and what it had in hand when it died. */

import { setTimeout as delay } from "node:timers/promises";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import type { Received } from "../backend/backend.ts";
import { DATABASE_FILE } from "../../src/store/database.ts";
import { LINE } from "../sessions/steps.ts";
import type { Stack } from "../stack.ts";
import type { Contact } from "../stand_in/contact.ts";
import type { InFlight, Mailbox } from "../stand_in/mailbox.ts";

/** How messages come in at the moment of a kill: all that waited at once, or one by one to a worker that is there. */
export type Load = "backlog" | "live";

/** What can be in flight at a kill. */
export type Cell = `${"1:1" | "group"} ${Load}` | "receipt";

/** Longest wait for anything. */
export const PATIENCE_MS = 60_000;
/** Messages of each person that wait for a login. */
const BACKLOG = 40;
/** A person writes on when fewer than this many stanzas wait for the worker's word. */
const LIVE_STANZAS = 6;
/** Between two messages of one person; they are signed and encrypted on the machine that is measured here. */
const LIVE_PAUSE_MS = 3;
/** The backend sends on when fewer than this many of its messages have not arrived. */
const LIVE_SENDS = 20;
/** Who the worker writes to. */
const READER = "221779999994";

/** Writes a message; resolves with its id once it is on its way. */
type Write = (text: string) => Promise<string>;

/** The people of a sweep. What they wrote is kept by chat, in its order. */
export class People {
  readonly written = new Map<string, string[]>();
  /** The `messageId`s of what the backend sent. */
  readonly sent: number[] = [];
  readonly #stack: Stack;
  readonly #reader: Contact;
  #read = 0;

  constructor(stack: Stack) {
    this.#stack = stack;
    this.#reader = stack.standIn.contact(READER);
  }

  /** Everybody writes what is to wait for the worker; a new group each time, whose key comes with the first message. */
  async writeBacklog(round: number): Promise<void> {
    await Promise.all(
      this.#chats(round).map(async ([chat, write]) => {
        for (let count = 0; count < BACKLOG; count++) await this.#note(chat, write);
      }),
    );
  }

  /** Everybody writes until `signal` aborts, as fast as the worker takes it. */
  async writeLive(round: number, signal: AbortSignal): Promise<void> {
    await Promise.all(
      this.#chats(round).map(async ([chat, write]) => {
        while (!signal.aborted) {
          if (this.mailbox.inFlight.length < LIVE_STANZAS) await this.#note(chat, write);
          await delay(LIVE_PAUSE_MS);
        }
      }),
    );
  }

  /** The backend sends until `signal` aborts, as fast as the worker takes it: receipts come in between the messages. */
  async sendLive(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await delay(1);
      if (this.sent.length - this.#reader.inbox.length >= LIVE_SENDS) continue;
      const messageId = this.sent.length + 1;
      this.sent.push(messageId);
      await this.#stack.backend.send({
        messageId,
        whatsappNumberId: LINE.numberId,
        recipientNumber: READER,
        content: `text ${messageId}`,
        type: "TEXT",
      });
    }
  }

  /** The reader reads all that has arrived. */
  readAll(): void {
    for (const { id } of this.#reader.inbox.slice(this.#read)) this.#reader.read(id);
    this.#read = this.#reader.inbox.length;
  }

  /** How much of what was sent has arrived and is not read yet. */
  get unread(): number {
    return this.#reader.inbox.length - this.#read;
  }

  /** Whether the reader has all that was sent. */
  get allArrived(): boolean {
    return this.#reader.inbox.length === this.sent.length;
  }

  /** What the worker has not confirmed. */
  get mailbox(): Mailbox {
    const [companion] = this.#stack.standIn.phone(LINE.phoneNumber).companions.values();
    return companion!.mailbox;
  }

  #chats(round: number): [string, Write][] {
    const { standIn } = this.#stack;
    const { phoneNumber } = LINE;
    const member = standIn.contact("221779999993");
    const byNumber = standIn.contact("221779999992", { addressing: "pn" });
    const toGroup = (group: string): [string, Write] => [
      group,
      (text) => member.sendToGroup(group, phoneNumber, text),
    ];
    return [
      ["by LID", (text) => standIn.contact("221779999991").sendText(phoneNumber, text)],
      ["by number", (text) => byNumber.sendText(phoneNumber, text)],
      toGroup("120363000000000001@g.us"),
      toGroup(`12036300000001${String(round).padStart(4, "0")}@g.us`),
    ];
  }

  async #note(chat: string, write: Write): Promise<void> {
    const ids = this.written.get(chat) ?? [];
    this.written.set(chat, ids);
    ids.push(await write(`${chat} ${ids.length}`));
  }
}

/** What came to the backend: of each message and each send the AMQP `message_id`s, in the order of their first coming. */
export class Told {
  readonly messages = new Map<string, Set<string>>();
  readonly statuses = new Map<number, Map<string, string>>();

  /** For the backend's listener. */
  readonly listener = ({ body, properties }: Received): void => {
    const amqpId = String(properties.messageId);
    if (body.action === "message_received") {
      const messageId = String(body.messageId);
      this.messages.set(messageId, (this.messages.get(messageId) ?? new Set()).add(amqpId));
    }
    if (body.action === "message_status") {
      const messageId = Number(body.messageId);
      const statuses = this.statuses.get(messageId) ?? new Map();
      this.statuses.set(messageId, statuses.set(amqpId, String(body.status)));
    }
  };
}

/** What kills have hit, as far as it can be seen from outside. */
export class Hits {
  /** How many kills had something of the kind in flight: given to the worker and not confirmed. */
  readonly kills = new Map<Cell, number>();
  /** In how many of them some of it was on disk already: only the word to the server was missing. */
  readonly durable = new Map<Cell, number>();
  /** In how many some of it was not. */
  readonly undone = new Map<Cell, number>();

  /** @param inFlight what a worker that has just died had in hand */
  note(inFlight: readonly InFlight[], folder: string): void {
    const durable = durableIds(folder, inFlight.map(({ stanza }) => stanza.attrs.id ?? ""));
    const cells = Object.entries(Object.groupBy(inFlight, cellOf)) as [Cell, InFlight[]][];
    for (const [cell, stanzas] of cells) {
      const known = stanzas.filter(({ stanza }) => durable.has(stanza.attrs.id ?? "")).length;
      for (
        const [counts, hit] of [
          [this.kills, true],
          [this.durable, known > 0],
          [this.undone, known < stanzas.length],
        ] as const
      ) if (hit) counts.set(cell, (counts.get(cell) ?? 0) + 1);
    }
  }

  /** One line a kind. */
  toString(): string {
    const line = (cell: Cell) => {
      const [kills, durable, undone] = [this.kills, this.durable, this.undone].map((of) => of.get(cell) ?? 0);
      const detail = cell === "receipt"
        ? ""
        : `, in ${durable} some was durable and not confirmed, in ${undone} some was not durable`;
      return `${cell}: ${kills} kills with some in flight${detail}`;
    };
    return (["1:1 backlog", "group backlog", "1:1 live", "group live", "receipt"] as const).map(line).join(
      "\n",
    );
  }
}

function cellOf({ stanza, offline }: InFlight): Cell {
  if (stanza.tag !== "message") return "receipt";
  const kind = stanza.attrs.from?.endsWith("@g.us") ? "group" : "1:1";
  return `${kind} ${offline ? "backlog" : "live"}`;
}

/** Which of the messages a dead worker has on its disk. Read from a copy: what it left is for the next one alone. */
function durableIds(folder: string, ids: readonly string[]): Set<string> {
  const copy = Deno.makeTempDirSync({ prefix: "inbound-sweep-" });
  try {
    for (const suffix of ["", "-wal"]) {
      Deno.copyFileSync(join(folder, DATABASE_FILE + suffix), join(copy, DATABASE_FILE + suffix));
    }
    const sqlite = new DatabaseSync(join(copy, DATABASE_FILE));
    try {
      const rows = sqlite.prepare(
        "SELECT whatsapp_id AS id FROM received WHERE whatsapp_id IN (SELECT value FROM json_each(?))",
      ).all(JSON.stringify(ids));
      return new Set(rows.map(({ id }) => String(id)));
    } finally {
      sqlite.close();
    }
  } finally {
    Deno.removeSync(copy, { recursive: true });
  }
}

/** Waits for a condition that nobody announces. */
export async function until(condition: () => boolean, otherwise: () => string): Promise<void> {
  const timeout = AbortSignal.timeout(PATIENCE_MS);
  while (!condition()) {
    if (timeout.aborted) throw new Error(otherwise());
    await delay(5);
  }
}
