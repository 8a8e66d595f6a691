import { createHash } from "node:crypto";
import type { WAMessage } from "@whiskeysockets/baileys";
import type { Announcer } from "../../announcer.ts";
import { sessionName } from "../../contract/addresses.ts";
import type { Id } from "../../contract/ids.ts";
import { parseJson } from "../../contract/json.ts";
import type { Statement } from "../../store/database.ts";
import type { SessionRecord } from "../../store/session_records.ts";
import type { Store } from "../../store/store.ts";
import { person } from "../identities.ts";
import { inboundMessage, type OwnAccount, type ReceiveInclude } from "./message.ts";

/** Options of {@link Inbound}. */
export interface InboundOptions {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly include: ReceiveInclude;
  readonly now: () => number;
}

/** What is to become of a message that came in. */
export interface Taking {
  readonly statements: readonly Statement[];
  /** Absent when it is none for the backend. `repeated`: it is there already, and nothing is to be written. */
  readonly received?: { readonly type: string; readonly outcome: "new" | "repeated" };
}

/**
 * Takes what WhatsApp delivers and passes it on to the backend, each message once. All of it is durable before WhatsApp is
 * told so: what is decrypted, what comes in the clear, what the own phone hands on, receipts. Not behind that barrier, for
 * they hold nothing for a backend or nothing that could be kept:
 *
 * - Notifications (groups, devices, prekeys) and calls, and what phones tell their own devices (history, app state).
 * - A message that this device is given without its content. That it is missed is behind the barrier, and so is the
 *   phone's answer: see `placeholders.ts`.
 * - A message that cannot be decrypted: its sender is asked for it again, up to five times, and it is new each time.
 * - Messages of bots (`msmsg`), which Baileys turns down because it cannot decrypt them.
 */
export class Inbound {
  readonly #options: InboundOptions;

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** Resolves when the message is durable in the outbox, or is none for the backend. */
  async take(session: SessionRecord, message: WAMessage, own: OwnAccount): Promise<Taking["received"]> {
    const { statements, received } = await this.taking(session, message, own);
    if (statements.length > 0) await this.#options.announcer.commit(statements);
    return received;
  }

  /** The writes that put the message into the outbox; none when it is none for the backend, or is there already. */
  async taking(session: SessionRecord, message: WAMessage, own: OwnAccount): Promise<Taking> {
    const { store, announcer, include, now } = this.#options;
    const inbound = inboundMessage(message, own, include, now());
    const { remoteJid, remoteJidAlt } = message.key;
    if (inbound === undefined || !remoteJid) return { statements: [] };
    const { type } = inbound;
    const { names: [chat = remoteJid, ...otherNames] } = person(remoteJid, remoteJidAlt);
    const key = { numberId: session.numberId, chat, whatsappId: inbound.messageId };
    // WhatsApp may deliver a message again under its sender's other name.
    for (const name of [chat, ...otherNames]) {
      if (await store.received.has({ ...key, chat: name })) {
        return { statements: [], received: { type, outcome: "repeated" } };
      }
    }
    const numberId = parseJson(session.numberIdJson) as Id;
    const event = { sessionId: sessionName(numberId, session.phoneNumber), numberId, ...inbound };
    return {
      statements: [
        ...store.received.remembering(key),
        ...announcer.received(event, { messageId: eventIdOf(Object.values(key)) }),
      ],
      received: { type, outcome: "new" },
    };
  }
}

/** The same for every time the same message arrives, so that a backend can drop what it has seen. */
function eventIdOf(key: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 32);
}
