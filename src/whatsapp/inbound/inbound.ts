import { createHash } from "node:crypto";
import type { WAMessage } from "@whiskeysockets/baileys";
import type { Logger } from "pino";
import type { Announcer } from "../../announcer.ts";
import { sessionName } from "../../contract/addresses.ts";
import type { Id } from "../../contract/ids.ts";
import { parseJson, stringifyJson } from "../../contract/json.ts";
import type { Statement } from "../../store/database.ts";
import type { SessionRecord } from "../../store/session_records.ts";
import type { Store } from "../../store/store.ts";
import { type Identities, type OwnAccount, person } from "../identities.ts";
import { bounded } from "./bounds.ts";
import { type Content, contentOf } from "./content.ts";
import { isForged } from "./forgeries.ts";
import { keeping } from "./keeping.ts";
import { inboundMessage, isIncluded, type ReceiveInclude } from "./message.ts";
import { type Medium, mediumOf } from "./medium.ts";
import { unsealed } from "./secrets.ts";
import type { ReadMessage } from "./stanzas.ts";

/** What the event of a medium says of its message: nobody who could be answered. */
const ABOUT = ["sessionId", "numberId", "messageId"];

/** Options of {@link Inbound}. */
export interface InboundOptions {
  readonly store: Store;
  readonly announcer: Announcer;
  readonly include: ReceiveInclude;
  /** Whether media can be fetched from this worker. */
  readonly servesMedia: boolean;
  /** One nobody can guess. */
  readonly newId: () => string;
  readonly now: () => number;
}

/** To whom a message came. */
export interface Recipient {
  readonly session: SessionRecord;
  readonly own: OwnAccount;
  readonly identities: Identities;
  readonly log: Logger;
}

/** What is to become of a message that came in. */
export interface Taking {
  readonly statements: readonly Statement[];
  /** Absent when it is none for the backend. `repeated`: it is there already, and nothing is to be written. */
  readonly received?: {
    readonly type: string;
    readonly outcome: "new" | "repeated";
    readonly hasMedium?: boolean;
  };
}

/** Something that is told as a message. */
export interface Telling {
  readonly message: Pick<WAMessage, "key" | "messageTimestamp" | "pushName">;
  readonly content: Content;
  /** What is told of the message under this id, where it is not the message itself. */
  readonly aspect?: string;
}

const NOTHING: Taking = { statements: [] };

/**
 * Takes what WhatsApp delivers and passes it on to the backend, each message once. All of it is durable before WhatsApp is
 * told so: what is decrypted, what comes in the clear, what the own phone hands on, receipts, calls, and that a message could
 * not be decrypted. Not behind that barrier, for they hold nothing for a backend:
 *
 * - Notifications (groups, devices, prekeys), and what phones tell their own devices (history, app state). What is told of a
 *   group's members and settings is a notification, and no message of a person.
 * - Messages of bots (`msmsg`), which Baileys turns down because it cannot decrypt them.
 */
export class Inbound {
  readonly #options: InboundOptions;

  constructor(options: InboundOptions) {
    this.#options = options;
  }

  /** Resolves when the message is durable in the outbox, or is none for the backend. */
  async take(message: WAMessage, to: Recipient): Promise<Taking["received"]> {
    const { statements, received } = await this.taking(message, to);
    if (statements.length > 0) await this.#options.announcer.commit(statements);
    return received;
  }

  /** The writes that put the message into the outbox and keep it; none when it is nobody's, or is there already. */
  async taking(message: ReadMessage, to: Recipient): Promise<Taking> {
    try {
      return await this.#taking(message, contentOf(message.message) ?? unreadContent(message), to);
    } catch (error) {
      if (!isOfJavaScript(error)) throw error;
      // It would come again for ever, and nothing else would: what cannot be read is told as that.
      to.log.warn({ err: error, whatsappId: message.key.id }, "a message that came in cannot be read");
      const { message: _, ...unreadable } = message;
      return await this.#taking(unreadable, unreadableContent(message), to);
    }
  }

  async #taking(message: ReadMessage, content: Content | undefined, to: Recipient): Promise<Taking> {
    const { store, include } = this.#options;
    const { key } = message;
    if (content === undefined || !key.remoteJid || !key.id) return NOTHING;
    const included = isIncluded(key, content, include);
    if (included && await this.isTold({ message, content }, to)) {
      return { statements: [], received: { type: content.type, outcome: "repeated" } };
    }
    const { own, identities, log, session: { numberId } } = to;
    if (await isForged(content, key, { store, numberId, own, identities })) {
      log.warn({ whatsappId: key.id, type: content.type }, "somebody changes a message of somebody else's");
      return NOTHING;
    }
    // What is not told is opened for what it changes alone.
    const open = included || content.type === "EDIT"
      ? await unsealed(content, key, { store, numberId, own, identities, log })
      : content;
    // Nobody answers what is not told of strangers' channels and stories; what cannot be read cannot be passed on.
    const isKept = (included || !/@(?:broadcast|newsletter)$/.test(key.remoteJid)) && !message.unreadFields;
    const kept = isKept ? await keeping(message, open, { store, numberId, identities, isNew: included }) : [];
    if (!included) return { statements: kept };
    return {
      statements: [...await this.telling({ message, content: open }, to), ...kept],
      received: { type: open.type, outcome: "new", hasMedium: open.media !== undefined },
    };
  }

  /** Whether it was told before, under whichever of its chat's names. */
  async isTold(
    { message: { key }, aspect }: Telling,
    { session: { numberId } }: Recipient,
  ): Promise<boolean> {
    const { names } = person(key.remoteJid, key.remoteJidAlt);
    for (const chat of names) {
      const whatsappId = idOf(key.id, aspect);
      // WhatsApp may deliver a message again under its sender's other name.
      if (await this.#options.store.received.has({ numberId, chat, whatsappId })) return true;
    }
    return false;
  }

  /** The writes that tell something, and remember that it is told. */
  async telling({ message, content, aspect }: Telling, to: Recipient): Promise<Statement[]> {
    const { store, announcer, now } = this.#options;
    const { session, own, identities } = to;
    const { remoteJid, remoteJidAlt, id } = message.key;
    const { names: [chat = remoteJid ?? ""] } = person(remoteJid, remoteJidAlt);
    const key = { numberId: session.numberId, chat, whatsappId: idOf(id, aspect) };
    const numberId = parseJson(session.numberIdJson) as Id;
    const inbound = bounded(await inboundMessage(message, content, { own, identities }, now()));
    const event = {
      sessionId: sessionName(numberId, session.phoneNumber),
      numberId,
      ...inbound.value,
      ...(inbound.isCut ? { truncated: true } : {}),
    };
    const medium = this.#mediumOf(message, content, session.numberId, event);
    return [
      ...store.received.remembering(key),
      ...(medium === undefined ? [] : store.media.adding(medium.record)),
      ...announcer.received(
        medium === undefined ? event : { ...event, media: medium.fields },
        { messageId: eventIdOf(Object.values(key)) },
      ),
    ];
  }

  #mediumOf(
    { key }: Telling["message"],
    { media }: Content,
    numberId: string,
    event: Readonly<Record<string, unknown>>,
  ): Medium | undefined {
    if (media === undefined) return undefined;
    const { newId, servesMedia: isServed } = this.#options;
    const about = Object.fromEntries(ABOUT.flatMap((name) => name in event ? [[name, event[name]]] : []));
    return mediumOf(key, media, { id: newId(), numberId, about: stringifyJson(about), isServed });
  }

  /** Whether the backend wants to be told of something. */
  wants({ message: { key }, content }: Telling): boolean {
    return isIncluded(key, content, this.#options.include);
  }
}

/** Of a kind that is newer than Baileys. */
function unreadContent({ unreadFields: [field] = [] }: ReadMessage): Content | undefined {
  return field === undefined ? undefined : { type: "UNKNOWN", body: "", protoName: `field${field}` };
}

/** It holds what this program stumbles over. */
function unreadableContent({ message }: ReadMessage): Content {
  const [protoName = "message"] = Object.keys(message ?? {});
  return { type: "UNKNOWN", body: "", protoName };
}

/** Whether the language itself has thrown it, and no disk: over what is nested too deep, or not what it should be. */
function isOfJavaScript(error: unknown): boolean {
  return error instanceof RangeError || error instanceof TypeError;
}

/** What is told of a message beside itself is remembered beside it; a space is in no id that WhatsApp makes. */
function idOf(id: string | null | undefined, aspect: string | undefined): string {
  return aspect === undefined ? id ?? "" : `${id} ${aspect}`;
}

/** The same for every time the same message arrives, so that a backend can drop what it has seen. */
function eventIdOf(key: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(key)).digest("hex").slice(0, 32);
}
