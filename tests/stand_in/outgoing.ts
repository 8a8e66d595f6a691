/** What a person sends: encrypted for each device, and kept for whoever asks for it again. */
import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import type { BinaryNode, proto } from "@whiskeysockets/baileys";
import { stanzaType } from "./chat_message.ts";
import type { Companion } from "./companion.ts";
import type { Contact } from "./contact.ts";
import type { Endpoint, Envelope } from "./envelope.ts";
import type { Hub } from "./hub.ts";
import { element } from "./nodes.ts";
import { readRetryBundle } from "./retry.ts";
import type { SignalPeer } from "./signal_peer.ts";
import { damage } from "./unread.ts";

/** A companion's wish to have a message once more. */
export interface Request {
  device: Endpoint;
  receipt: BinaryNode;
  count: string;
}

/** The id of a new message, as phones make them. */
export function newId(): string {
  return `3A${randomBytes(9).toString("hex").toUpperCase()}`;
}

/** The messages one phone has sent. Those who send wait for each other: see {@link Contact}. */
export class Outgoing {
  readonly #from: Contact;
  readonly #hub: Hub;
  readonly #signal: SignalPeer;
  readonly #sent = new Map<string, { to: Contact; message: proto.IMessage }>();
  /** What was given to the others' devices, by message id. */
  readonly #posted = new Map<string, { device: Endpoint; envelope: Envelope }[]>();
  /** Who has this person's key for which group. */
  readonly #haveSenderKey = new Set<string>();
  #damaged = 0;

  constructor(from: Contact, hub: Hub, signal: SignalPeer) {
    this.#from = from;
    this.#hub = hub;
    this.#signal = signal;
  }

  /** Damages the next `count` ciphertexts. */
  damageNext(count: number): void {
    this.#damaged = count;
  }

  /** Gives a message to every device of its receiver, and a copy to the sender's own companions. */
  async send(id: string, to: Contact, message: proto.IMessage): Promise<void> {
    this.#sent.set(id, { to, message });
    // An account with companions is somebody's worker: its phone gets a copy in real life, which nobody looks at here.
    const devices: Endpoint[] = to.companions.size > 0 ? [...to.companions.values()] : [to];
    for (const device of devices) await this.#give(device, id, message, to);
    for (const device of this.#from.companions.values()) {
      await this.#give(device, id, forOwnDevice(to, message), to);
    }
  }

  /** Gives a message to the companions of a number as members of a group, with the group's key to those that have none. */
  async sendToGroup(id: string, group: string, toNumber: string, message: proto.IMessage): Promise<void> {
    const devices = this.#hub.directory.byNumber(toNumber)?.companions.values() ?? [];
    const { ciphertext, senderKey } = await this.#signal.encryptForGroup(group, this.#from.lid, message);
    for (const device of devices) {
      const known = this.#haveSenderKey.has(`${group} ${device.lid}`);
      this.#haveSenderKey.add(`${group} ${device.lid}`);
      this.#hand(device, {
        ...this.#envelope(id),
        type: stanzaType(message),
        enc: element("enc", { v: "2", type: "skmsg" }, this.#sealed(ciphertext)),
        group: { jid: group, senderKey: known ? undefined : await this.#encrypt(device, senderKey) },
      });
    }
  }

  /** Gives a message that only its own account is to know of to one of its companions. */
  async sendPeer(id: string, to: Companion, message: proto.IMessage): Promise<void> {
    this.#sent.set(id, { to: this.#from, message });
    await this.#give(to, id, message, this.#from, { category: "peer" });
  }

  /** Gives a message to its receivers once more, the same ciphertext, under the address used now. */
  repost(id: string): void {
    const { addressing, showsAlias } = this.#from;
    for (const { device, envelope } of this.#posted.get(id) ?? []) {
      device.deliver({ ...envelope, addressing, showsAlias });
    }
  }

  /** Sends a message again, on a new session, to the device that asked for it alone. */
  async answer({ device, receipt, count }: Request): Promise<void> {
    const id = receipt.attrs.id ?? "";
    const sent = this.#sent.get(id);
    if (!sent) throw new Error(`Retry receipt for ${id}, which ${this.#from.number} never sent`);
    await this.#signal.meet(device.lid, readRetryBundle(receipt) ?? await device.takeBundle());
    const isOwn = device.owner === this.#from;
    const message = isOwn ? forOwnDevice(sent.to, sent.message) : sent.message;
    await this.#give(device, id, message, sent.to, { count });
  }

  async #give(
    device: Endpoint,
    id: string,
    message: proto.IMessage,
    chat: Contact,
    { count, category }: { count?: string; category?: string } = {},
  ): Promise<void> {
    this.#hand(device, {
      ...this.#envelope(id),
      type: stanzaType(message),
      enc: await this.#encrypt(device, message, count),
      chat: device.owner === this.#from && !category ? chat : undefined,
      category,
    });
  }

  #hand(device: Endpoint, envelope: Envelope): void {
    this.#posted.set(envelope.id, [...this.#posted.get(envelope.id) ?? [], { device, envelope }]);
    device.deliver(envelope);
  }

  #envelope(
    id: string,
  ): Pick<Envelope, "id" | "from" | "addressing" | "showsAlias" | "timestampS" | "notify"> {
    const timestampS = Math.floor(this.#hub.now() / 1000);
    const { addressing, showsAlias, name: notify } = this.#from;
    return { id, from: this.#from, addressing, showsAlias, timestampS, notify };
  }

  /** The `<enc>` with a message for one device. */
  async #encrypt(device: Endpoint, message: proto.IMessage, count?: string): Promise<BinaryNode> {
    if (!await this.#signal.knows(device.lid)) await this.#signal.meet(device.lid, await device.takeBundle());
    const { type, ciphertext } = await this.#signal.encrypt(device.lid, message);
    return element("enc", { v: "2", type, ...(count && { count }) }, this.#sealed(ciphertext));
  }

  /** What goes out of a ciphertext, damaged if that is its turn. */
  #sealed(ciphertext: Uint8Array): Buffer {
    const bytes = Buffer.from(ciphertext);
    if (this.#damaged > 0 && this.#damaged-- > 0) damage(bytes);
    return bytes;
  }
}

function forOwnDevice(to: Contact, message: proto.IMessage): proto.IMessage {
  return { deviceSentMessage: { destinationJid: to.jid, message } };
}
