import {
  type CacheStore,
  jidNormalizedUser,
  type proto,
  type WAMessage,
  type WAMessageKey,
} from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Announcer } from "../announcer.ts";
import type { SessionRecord } from "../store/session_records.ts";
import type { Statement } from "../store/database.ts";
import type { Store } from "../store/store.ts";
import type { Telemetry } from "../telemetry.ts";
import { type Call, Calls } from "./inbound/calls.ts";
import type { Inbound, Recipient, Taking } from "./inbound/inbound.ts";
import { AwaitedContent } from "./inbound/placeholders.ts";
import { type UndecryptableReason, Unread } from "./inbound/undecryptable.ts";
import type { MediaNews } from "./media/incoming/fetcher.ts";
import type { Receipt } from "./receipts/receipt_stanzas.ts";
import type { Receipts } from "./receipts/receipts.ts";
import { findSent, retryCounts } from "./outbound/resends.ts";
import type { Effect } from "./signal/signal_keys.ts";
import type { Socket } from "./socket/socket.ts";
import { person } from "./identities.ts";
import { Transmissions } from "./outbound/transmissions.ts";
import type { Vitals } from "./vitals/vitals.ts";

/** What messages and receipts become durable with. */
export interface TrafficContext {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly receipts: Receipts;
  readonly inbound: Inbound;
  readonly media: MediaNews;
  readonly now: () => number;
  readonly telemetry?: Telemetry | undefined;
  /** How long a message that cannot be decrypted may take to come again before the backend is told. @default 60 s */
  readonly undecryptableAfterMs?: number | undefined;
}

/** Whose traffic it is, as it is known at the moment. */
export interface TrafficOwner {
  readonly record: SessionRecord;
  readonly log: Logger;
}

/**
 * The messages of one session, in both directions. What its sockets tell is handled in the order it came, and all of it
 * is: what WhatsApp has handed over it will not hand over again.
 */
export class Traffic extends Transmissions {
  readonly #context: TrafficContext;
  readonly #owner: TrafficOwner;
  readonly #vitals: Vitals;
  /** Of messages that came without it. */
  readonly awaitedContent: AwaitedContent;
  /** Messages that could not be decrypted. */
  readonly #unread: Unread;
  readonly #calls: Calls;
  #last: Promise<void> = Promise.resolve();

  constructor(context: TrafficContext, owner: TrafficOwner, vitals: Vitals) {
    super();
    this.#vitals = vitals;
    this.#context = context;
    this.#owner = owner;
    const { store, now, announcer, inbound, undecryptableAfterMs: patienceMs } = context;
    this.#unread = new Unread({ store, announcer, inbound, now, patienceMs });
    this.#calls = new Calls({ announcer, inbound });
    const { numberId } = owner.record;
    this.awaitedContent = new AwaitedContent({ store, numberId, vitals, now, log: () => owner.log });
  }

  /** Resolves when all that was told so far is handled. */
  get settled(): Promise<void> {
    return this.#last;
  }

  /** Does `work` after all that was told before. What fails here has nobody above it to be told. */
  inTurn(what: string, work: () => Promise<void> | void): void {
    this.#last = this.#last.then(work).catch((error) => {
      this.#owner.log.error({ err: error }, `a session failed at ${what}`);
    });
  }

  /** A message is being decrypted: what has to become of it together with the keys it uses up. */
  async decrypted(message: WAMessage, socket: Socket): Promise<Effect> {
    const { inbound, announcer } = this.#context;
    const known = await identified(message, socket);
    const { statements, received } = await inbound.taking(known, this.#recipient(socket));
    return {
      statements: [...statements, ...this.awaitedContent.settling(known), ...this.#meeting(known)],
      done: () => {
        announcer.announced();
        this.#count(received);
      },
    };
  }

  /** Whoever is in a chat with the number, and has written or was written to, is nobody new. */
  #meeting({ key: { remoteJid, remoteJidAlt } }: WAMessage): Statement[] {
    const { store } = this.#context;
    return store.contacts.meeting(this.#owner.record.numberId, person(remoteJid, remoteJidAlt).names);
  }

  /** A message could not be decrypted. Resolves when that is durable. */
  async undecryptable(message: WAMessage, reason: UndecryptableReason, socket: Socket): Promise<void> {
    await this.#unread.note(await identified(message, socket), reason, this.#recipient(socket));
  }

  /** A message was announced whose content never comes. Resolves when the backend is sure to be told. */
  async lost(message: WAMessage, reason: UndecryptableReason, socket: Socket): Promise<void> {
    await this.#unread.tell(await identified(message, socket), reason, this.#recipient(socket));
  }

  /** A message was announced without its content. Resolves when it is durable that it is missed. */
  async unavailable(message: WAMessage, socket: Socket): Promise<void> {
    await this.awaitedContent.note(message);
    await this.undecryptable(message, "no_content", socket);
  }

  /** Tells of messages that could not be decrypted and do not come again, while the socket is open. Never rejects. */
  watchUnread(socket: Socket, signal: AbortSignal): Promise<void> {
    return this.#unread.watch(() => this.#recipient(socket), signal);
  }

  /** A call has changed. Resolves when the backend is sure to be told. */
  async call(call: Call, socket: Socket): Promise<void> {
    await this.#calls.take(call, this.#recipient(socket));
  }

  /** A message came that nobody encrypted. Resolves when it is durable; rejects when that cannot be. */
  async plain(message: WAMessage, socket: Socket): Promise<void> {
    this.#count(await this.#received(message, socket));
  }

  /** Messages came in; those that were decrypted, and the plain ones, are taken already. */
  messages(messages: readonly WAMessage[], socket: Socket): void {
    for (const message of messages) {
      this.inTurn("taking a message", async () => {
        const received = await this.#received(message, socket);
        // Taken before, as nearly all are, is not the same as delivered twice.
        if (received?.outcome === "new") this.#count(received);
      });
    }
  }

  /** A receipt came in. Resolves when what it says is durable; rejects when that cannot be. */
  async receipt({ chat, whatsappIds, status, members }: Receipt, { identities }: Socket): Promise<void> {
    const group = members && {
      jid: chat,
      names: (await Promise.all(members.map((jid) => identities.namesOf(jid)))).flat(),
    };
    const news = { whatsappIds, status, ...(group === undefined ? {} : { group }) };
    await this.#context.receipts.reached(this.#owner.record.numberId, news);
    // Whose contact has the message, the server must have had it.
    for (const whatsappId of whatsappIds) this.answered(whatsappId, { outcome: "accepted" });
  }

  /** WhatsApp's server took a message, or refused it with an error code. */
  ack(whatsappId: string, error: string | undefined): void {
    this.inTurn("taking an ack", () => this.#acknowledged(whatsappId, error));
  }

  /** What was sent under this id, for a contact that could not decrypt it. */
  findSent(key: WAMessageKey, socket: Socket): Promise<proto.IMessage | undefined> {
    const { record: { numberId }, log } = this.#owner;
    return findSent(this.#context.store, { key, numberId, socket, log });
  }

  /** How often this number's messages were asked for again. */
  get retryCounts(): CacheStore {
    return retryCounts(this.#context.store, this.#owner.record.numberId);
  }

  async #received(message: WAMessage, socket: Socket): Promise<Taking["received"]> {
    const { inbound } = this.#context;
    const known = await identified(message, socket);
    const received = await inbound.take(known, this.#recipient(socket));
    await this.#vitals.message(message);
    return received;
  }

  #recipient({ account, identities }: Socket): Recipient {
    const { record, log } = this.#owner;
    return { session: record, own: account, identities, log };
  }

  #count(received: Taking["received"]): void {
    if (received === undefined) return;
    this.#context.telemetry?.received(received.type, received.outcome);
    if (received.hasMedium) this.#context.media.wake();
  }

  /** Written down here and not by whoever waits: the ack may come after the wait was given up. */
  async #acknowledged(whatsappId: string, error: string | undefined): Promise<void> {
    if (error === undefined) {
      const news = { whatsappIds: [whatsappId], status: "SENT" } as const;
      await this.#context.receipts.reached(this.#owner.record.numberId, news);
      this.answered(whatsappId, { outcome: "accepted" });
    } else this.answered(whatsappId, { outcome: "refused", code: error });
  }
}

async function identified(message: WAMessage, { account, identities }: Socket): Promise<WAMessage> {
  const { key } = message;
  // Baileys knows the account in a broadcast by its number alone.
  const author = key.participant && jidNormalizedUser(key.participant);
  if (key.remoteJid?.endsWith("@broadcast") && author === account.lid) key.fromMe = true;
  await identities.complete(message);
  return message;
}
