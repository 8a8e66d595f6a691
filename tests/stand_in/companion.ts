/** A linked device: what the server knows about one Baileys client. */
import { S_WHATSAPP_NET } from "@whiskeysockets/baileys";
import { closingStanza } from "./faults.ts";
import type { Contact } from "./contact.ts";
import { type Endpoint, type Envelope, messageStanza } from "./envelope.ts";
import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { Mailbox } from "./mailbox.ts";
import { element } from "./nodes.ts";
import type { PreKeyBundle, PreKeyShelf } from "./prekeys.ts";

/** Below this many prekeys the server asks for more. */
const LOW_PREKEYS = 5;

/** What pairing settled about a device. */
export interface Registration {
  deviceId: number;
  /** The Noise key it must log in with. */
  noiseKey: Uint8Array;
  /** The Signal identity it signed its pairing with, 32 bytes. */
  identityKey: Uint8Array;
  preKeys: PreKeyShelf;
}

/** A companion of an account, linked until it is removed. */
export class Companion implements Endpoint {
  readonly owner: Contact;
  readonly deviceId: number;
  readonly noiseKey: Uint8Array;
  readonly identityKey: Uint8Array;
  readonly preKeys: PreKeyShelf;
  readonly mailbox = new Mailbox();
  /** Where it is connected at the moment. */
  link: Link | undefined;
  /** Whether its phone has sent it the history it waits for after pairing. */
  synced = false;
  /** Under which names messages were given to it: chat, and in groups member, by message id. */
  readonly #given = new Map<string, Set<string>>();
  readonly #hub: Hub;

  constructor(hub: Hub, owner: Contact, registration: Registration) {
    this.#hub = hub;
    this.owner = owner;
    this.deviceId = registration.deviceId;
    this.noiseKey = registration.noiseKey;
    this.identityKey = registration.identityKey;
    this.preKeys = registration.preKeys;
  }

  get jid(): string {
    return this.owner.jid.replace("@", `:${this.deviceId}@`);
  }

  get lid(): string {
    return this.owner.lid.replace("@", `:${this.deviceId}@`);
  }

  takeBundle(): Promise<PreKeyBundle> {
    const bundle = this.preKeys.take();
    if (this.preKeys.count === LOW_PREKEYS - 1) {
      this.notify("encrypt", "count", { value: String(this.preKeys.count) });
    }
    return Promise.resolve(bundle);
  }

  deliver(envelope: Envelope): void {
    const stanza = messageStanza(envelope);
    const { id, from, participant, recipient } = stanza.attrs;
    const names = this.#given.get(id ?? "") ?? new Set();
    // A receipt for what its own account has written names the chat.
    for (const chat of [from, recipient]) names.add(`${chat} ${participant ?? ""}`);
    this.#given.set(id ?? "", names);
    this.mailbox.put(stanza);
  }

  /** Whether a message came from this chat and member, by these very names; or never came here. */
  hasFrom(id: string, chat: string, participant: string = ""): boolean {
    return this.#given.get(id)?.has(`${chat} ${participant}`) ?? true;
  }

  /** Puts a `<notification>` from the server into the mailbox. */
  notify(type: string, tag: string, attrs: Record<string, string>, content?: Uint8Array): void {
    const now = this.#hub.now();
    const head = { from: S_WHATSAPP_NET, type, id: `${now}-${type}`, t: String(Math.floor(now / 1000)) };
    this.mailbox.put(element("notification", head, [element(tag, attrs, content)]));
  }

  /** Takes the device off the account; its link ends with 401, and it cannot log in again. */
  unlink(): void {
    this.owner.companions.delete(this.deviceId);
    this.link?.end(closingStanza(401));
  }
}
