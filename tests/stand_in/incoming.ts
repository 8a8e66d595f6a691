/** What a person is sent: decrypted, and answered with receipts or asked for again. */
import type { BinaryNode, proto } from "@whiskeysockets/baileys";
import type { Companion } from "./companion.ts";
import type { Contact } from "./contact.ts";
import { verifyDeviceIdentity } from "./device_identity.ts";
import type { Envelope } from "./envelope.ts";
import type { Hub } from "./hub.ts";
import { element } from "./nodes.ts";
import { retryReceipt } from "./retry.ts";
import type { Ciphertext, SignalPeer } from "./signal_peer.ts";
import { Unread, type Unreadable } from "./unread.ts";

/** What becomes of messages that came. */
export interface IncomingEvents {
  /** One was decrypted. */
  onMessage(envelope: Envelope, message: proto.IMessage): void;
  /** One that had come already came again. */
  onRepeat(id: string): void;
}

/** The messages one phone was sent. They are read one after the other: see {@link Contact}. */
export class Incoming {
  readonly #to: Contact;
  readonly #hub: Hub;
  readonly #signal: SignalPeer;
  readonly #events: IncomingEvents;
  readonly #envelopes = new Map<string, Envelope>();
  readonly #unread = new Unread();

  constructor(to: Contact, hub: Hub, signal: SignalPeer, events: IncomingEvents) {
    this.#to = to;
    this.#hub = hub;
    this.#signal = signal;
    this.#events = events;
  }

  /** Damages the next `count` ciphertexts as they arrive. */
  spoilNext(count: number): void {
    this.#unread.spoilNext(count);
  }

  /** The next message that could not be decrypted. */
  unread(timeoutMs: number): Promise<Unreadable> {
    return this.#unread.next(timeoutMs);
  }

  /** Decrypts a message and answers as its receiver does. */
  async open(envelope: Envelope): Promise<void> {
    const known = this.#envelopes.has(envelope.id);
    this.#unread.arrived(envelope);
    let message: proto.IMessage;
    try {
      message = await this.#decrypt(envelope);
    } catch (error) {
      if (known) this.#events.onRepeat(envelope.id);
      else if (this.#to.autoAsk) await this.askAgain({ envelope, error: error as Error });
      else this.#unread.keep({ envelope, error: error as Error });
      return;
    }
    if (known) this.#events.onRepeat(envelope.id);
    else this.#events.onMessage(envelope, message);
    this.#envelopes.set(envelope.id, envelope);
    if (envelope.from.owner === this.#to) return;
    if (this.#to.autoDeliver) this.#report(envelope);
    if (this.#to.autoRead) this.#report(envelope, "read");
  }

  /** Tells the sender that the message has come, that it was read, or that it was played. */
  report(id: string, type?: "read" | "played"): void {
    const envelope = this.#envelopes.get(id);
    if (!envelope) throw new Error(`${this.#to.number} has no message ${id} to report about`);
    this.#report(envelope, type);
  }

  /** Asks for a message once more. */
  async askAgain(unreadable: Unreadable): Promise<void> {
    const { envelope } = unreadable;
    const { id, from } = envelope;
    const attempt = this.#unread.attempt(unreadable);
    const receipt = await retryReceipt(this.#signal, {
      id,
      ...this.#sourceOf(envelope),
      attempt,
      timestampS: this.#nowS(),
      recipient: envelope.chat && (envelope.addressing === "lid" ? envelope.chat.lid : envelope.chat.jid),
    });
    from.owner.companions.get(from.deviceId)?.mailbox.put(receipt);
  }

  /** Asks a number's companions for any message, as if it had come and could not be decrypted. */
  async askFor(id: string, number: string): Promise<void> {
    const asking = { id, from: this.#to.lid, attempt: 1, timestampS: this.#nowS() };
    const receipt = await retryReceipt(this.#signal, asking);
    for (const device of this.#hub.directory.byNumber(number)!.companions.values()) {
      device.mailbox.put(receipt);
    }
  }

  close(): void {
    this.#unread.close();
  }

  async #decrypt({ enc, from, group, deviceIdentity }: Envelope): Promise<proto.IMessage> {
    const parts: BinaryNode[] = group?.senderKey ? [group.senderKey, enc] : [enc];
    for (const { attrs: { type }, content } of parts) {
      const ciphertext = content as Uint8Array;
      if (type === "skmsg") return await this.#signal.decryptFromGroup(group!.jid, from.lid, ciphertext);
      const message = await this.#signal.decrypt(from.lid, { type, ciphertext } as Ciphertext);
      if (type === "pkmsg" && from.deviceId !== 0) verifyDeviceIdentity(deviceIdentity, from as Companion);
      await this.#signal.learnSenderKey(from.lid, message);
      if (!group?.senderKey) return message;
    }
    throw new Error("A group's key came with nothing to decrypt");
  }

  /** Where receipts for a message come from. */
  #sourceOf({ addressing, group }: Envelope): { from: string; participant?: string } {
    const { answersAs = addressing, lid, jid } = this.#to;
    const own = answersAs === "lid" ? lid : jid;
    return group ? { from: group.jid, participant: own } : { from: own };
  }

  /** A receipt to all devices of the sender, under the address the sender used; no type means delivered. */
  #report(envelope: Envelope, type?: "read" | "played"): void {
    const attrs = {
      id: envelope.id,
      ...this.#sourceOf(envelope),
      t: String(this.#nowS()),
      ...(type && { type }),
    };
    for (const device of envelope.from.owner.companions.values()) {
      device.mailbox.put(element("receipt", attrs));
    }
  }

  #nowS(): number {
    return Math.floor(this.#hub.now() / 1000);
  }
}
