/** Somebody with a phone: an account whose messages are truly encrypted and decrypted. */
import { randomBytes } from "node:crypto";
import { Buffer } from "node:buffer";
import type { BinaryNode, proto } from "@whiskeysockets/baileys";
import { type ContactMessage, type Receipt, stanzaType, textIn } from "./chat_message.ts";
import type { Companion } from "./companion.ts";
import { digitsOf } from "./directory.ts";
import { type Addressing, type Endpoint, type Envelope } from "./envelope.ts";
import { Feed } from "./feed.ts";
import type { Hub } from "./hub.ts";
import { element } from "./nodes.ts";
import { verifyDeviceIdentity } from "./device_identity.ts";
import type { PreKeyBundle } from "./prekeys.ts";
import { readRetryBundle, retryReceipt } from "./retry.ts";
import { type Ciphertext, SignalPeer } from "./signal_peer.ts";
import { damage, Unread, type Unreadable } from "./unread.ts";

const DEFAULT_WAIT_MS = 10_000;

function newId(): string {
  return `3A${randomBytes(9).toString("hex").toUpperCase()}`;
}

/** A companion's wish to have a message once more. */
export interface Request {
  device: Endpoint;
  receipt: BinaryNode;
  count: string;
}

/** How a person behaves; everything can be changed later on the object. */
export interface ContactOptions {
  /** Push name, default `Contact <number>`. */
  name?: string;
  /** Send delivery receipts, default true. */
  autoDeliver?: boolean;
  /** Send a read receipt for every message at once, default false. */
  autoRead?: boolean;
  /** How this person's messages are addressed, default `lid` as WhatsApp does more and more. */
  addressing?: Addressing;
  /** Whether stanzas of this person name the other form of their address beside the one they use, default true. */
  showsAlias?: boolean;
  /** Whether the server tells the LID of this person's number to whoever asks, default true. */
  lidInDirectory?: boolean;
  /** Ask again for what cannot be decrypted, default true; else {@link Contact.askAgain} does. */
  autoAsk?: boolean;
  /** Send again what others ask for, default true; else {@link Contact.answer} does. */
  autoAnswer?: boolean;
}

/** An account and its phone (device 0). */
export class Contact implements Endpoint {
  readonly lid: string;
  readonly name: string;
  autoDeliver: boolean;
  autoRead: boolean;
  addressing: Addressing;
  showsAlias: boolean;
  lidInDirectory: boolean;
  autoAsk: boolean;
  autoAnswer: boolean;
  /** How receipts and requests are addressed; as what they answer, when undefined. */
  answersAs: Addressing | undefined;
  /** Linked devices by device id. */
  readonly companions: Map<number, Companion> = new Map();
  readonly deviceId = 0;

  #number: string;
  protected readonly hub: Hub;
  protected readonly signal: SignalPeer = new SignalPeer();
  readonly #inbox = new Feed<ContactMessage>();
  readonly #receipts = new Feed<Receipt>();
  readonly #envelopes = new Map<string, Envelope>();
  readonly #sent = new Map<string, { to: Contact; message: proto.IMessage }>();
  /** What was given to the others' devices, by message id. */
  readonly #posted = new Map<string, { device: Endpoint; envelope: Envelope }[]>();
  /** Who has this person's key for which group. */
  readonly #haveSenderKey = new Set<string>();
  readonly #requests = new Feed<Request>();
  readonly #unread = new Unread();
  #damaged = 0;
  #tail: Promise<void> = Promise.resolve();

  constructor(hub: Hub, number: string, options: ContactOptions = {}) {
    this.hub = hub;
    this.#number = digitsOf(number);
    this.lid = hub.directory.newLid(this.#number);
    this.name = options.name ?? `Contact ${this.number}`;
    this.autoDeliver = options.autoDeliver ?? true;
    this.autoRead = options.autoRead ?? false;
    this.addressing = options.addressing ?? "lid";
    this.showsAlias = options.showsAlias ?? true;
    this.lidInDirectory = options.lidInDirectory ?? true;
    this.autoAsk = options.autoAsk ?? true;
    this.autoAnswer = options.autoAnswer ?? true;
  }

  get number(): string {
    return this.#number;
  }

  get jid(): string {
    return `${this.#number}@s.whatsapp.net`;
  }

  get owner(): Contact {
    return this;
  }

  /** The public half of the key this account signs its companions with, 32 bytes. */
  get accountKey(): Uint8Array {
    return this.signal.identity.public;
  }

  /** Everything received, oldest first. */
  get inbox(): readonly ContactMessage[] {
    return this.#inbox.items;
  }

  /** Everything the others' devices reported about what this person sent. */
  get receipts(): readonly Receipt[] {
    return this.#receipts.items;
  }

  /** The next message that fits, received already or still to come; each message is handed out once. */
  next(
    predicate: (message: ContactMessage) => boolean = () => true,
    timeoutMs: number = DEFAULT_WAIT_MS,
  ): Promise<ContactMessage> {
    return this.#inbox.next(`message for ${this.number}`, predicate, timeoutMs);
  }

  /** The receipt of this type for message `id`, arrived already or still to come. */
  receipt(id: string, type: Receipt["type"], timeoutMs: number = DEFAULT_WAIT_MS): Promise<Receipt> {
    return this.#receipts.next(`${type} receipt for ${id}`, (r) => r.id === id && r.type === type, timeoutMs);
  }

  /** Sends a text to a number; resolves with the message id once it is in the mailboxes of all devices. */
  sendText(toNumber: string, text: string, id?: string): Promise<string> {
    return this.send(toNumber, { conversation: text }, id);
  }

  /** Sends any message; throws when nobody has that number. */
  async send(toNumber: string, message: proto.IMessage, id: string = newId()): Promise<string> {
    const to = this.hub.directory.byNumber(toNumber);
    if (!to) throw new Error(`Nobody has the number ${toNumber} on this stand-in`);
    this.#sent.set(id, { to, message });
    await this.#inTurn(() => this.#post(id, to, message));
    return id;
  }

  /** Sends a text to a group whose only other members are the companions of a number. */
  async sendToGroup(group: string, toNumber: string, text: string): Promise<string> {
    const devices = this.hub.directory.byNumber(toNumber)?.companions.values() ?? [];
    const id = newId();
    await this.#inTurn(async () => {
      const { ciphertext, senderKey } = await this.signal.encryptForGroup(group, this.lid, {
        conversation: text,
      });
      for (const device of devices) {
        const known = this.#haveSenderKey.has(`${group} ${device.lid}`);
        this.#haveSenderKey.add(`${group} ${device.lid}`);
        this.#hand(device, {
          ...this.#envelope(id),
          type: "text",
          enc: element("enc", { v: "2", type: "skmsg" }, Buffer.from(ciphertext)),
          group: { jid: group, senderKey: known ? undefined : await this.#encrypt(device, senderKey) },
        });
      }
    });
    return id;
  }

  /** Gives a message that was sent to its receivers once more, the same ciphertext, under the address used now. */
  repost(id: string): void {
    const { addressing, showsAlias } = this;
    for (const { device, envelope } of this.#posted.get(id) ?? []) {
      device.deliver({ ...envelope, addressing, showsAlias });
    }
  }

  /** Gets another number and stays the same account under the same LID; nobody has the old number any more. */
  changeNumber(number: string): void {
    this.hub.directory.remove(this);
    this.#number = digitsOf(number);
    this.hub.directory.add(this);
  }

  /** Tells the sender that this person has read the message. */
  read(id: string): void {
    const envelope = this.#envelopes.get(id);
    if (!envelope) throw new Error(`${this.number} has no message ${id} to read`);
    this.#report(envelope, "read");
  }

  /** Loses every session, as after a reinstallation: the next `msg` cannot be read and is asked for again. */
  async forgetSessions(): Promise<void> {
    const devices = this.hub.directory.accounts.flatMap((account) => [...account.companions.values()]);
    await this.#inTurn(async () => {
      for (const { lid } of devices) await this.signal.forget(lid);
    });
  }

  /** Damages the next `count` ciphertexts on their way out, so that the receiver has to ask again. */
  damageNext(count: number = 1): void {
    this.#damaged = count;
  }

  /** Damages the next `count` ciphertexts as they arrive, so that this person has to ask again. */
  failToRead(count: number = 1): void {
    this.#unread.spoilNext(count);
  }

  /** The next message that could not be decrypted; for a contact that does not ask by itself. */
  async unread(timeoutMs: number = DEFAULT_WAIT_MS): Promise<Envelope> {
    return (await this.#unread.next(timeoutMs)).envelope;
  }

  /** Asks for the next message that could not be decrypted; for a contact that does not by itself. */
  async askAgain(timeoutMs: number = DEFAULT_WAIT_MS): Promise<void> {
    const unreadable = await this.#unread.next(timeoutMs);
    await this.#inTurn(() => this.#askAgain(unreadable));
  }

  /** Asks a number's companions for any message, as if it had come and could not be decrypted. */
  async askFor(id: string, number: string): Promise<void> {
    const timestampS = Math.floor(this.hub.now() / 1000);
    const receipt = await retryReceipt(this.signal, { id, from: this.lid, attempt: 1, timestampS });
    for (const device of this.hub.directory.byNumber(number)!.companions.values()) {
      device.mailbox.put(receipt);
    }
  }

  takeBundle(): Promise<PreKeyBundle> {
    return this.signal.bundle();
  }

  deliver(envelope: Envelope): void {
    this.hub.background(
      `${this.number} receiving ${envelope.id}`,
      () => this.#inTurn(() => this.#open(envelope)),
    );
  }

  /** A device of somebody this person wrote to reports. */
  noteReceipt(ids: string[], type: Receipt["type"]): void {
    for (const id of ids) this.#receipts.push({ id, type, atMs: this.hub.now() });
  }

  /** A companion could not decrypt a message of this person. */
  async retry(device: Endpoint, receipt: BinaryNode, count: string): Promise<void> {
    const request = { device, receipt, count };
    this.#requests.push(request);
    if (this.autoAnswer) await this.answer(request);
  }

  /** The next request of a companion, here already or still to come. */
  request(timeoutMs: number = DEFAULT_WAIT_MS): Promise<Request> {
    return this.#requests.next(`request to ${this.number}`, () => true, timeoutMs);
  }

  /** Sends a message again, on a new session, to the device that asked for it alone. */
  async answer({ device, receipt, count }: Request): Promise<void> {
    const id = receipt.attrs.id ?? "";
    const sent = this.#sent.get(id);
    if (!sent) throw new Error(`Retry receipt for ${id}, which ${this.number} never sent`);
    await this.#inTurn(async () => {
      await this.signal.meet(device.lid, readRetryBundle(receipt) ?? await device.takeBundle());
      const message = device.owner === this ? this.#forOwnDevice(sent.to, sent.message) : sent.message;
      await this.#postTo(device, id, message, sent.to, count);
    });
  }

  /** Rejects everyone waiting and lets go of timers. */
  close(): void {
    this.#inbox.close();
    this.#receipts.close();
    this.#unread.close();
    this.#requests.close();
    this.signal.close();
  }

  /** What to do with a decrypted message; a phone treats what its companions sent differently. */
  protected accept(envelope: Envelope, message: proto.IMessage): void {
    const { id, from } = envelope;
    const atMs = this.hub.now();
    this.#inbox.push({ id, from: from.owner.jid, text: textIn(message), message, atMs, repeats: 0 });
  }

  /** Encrypts for one companion and puts it into its mailbox. */
  protected async sendPeer(to: Companion, message: proto.IMessage): Promise<void> {
    const id = newId();
    this.#sent.set(id, { to: this, message });
    await this.#inTurn(() => this.#postTo(to, id, message, this, undefined, "peer"));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => {});
    return done;
  }

  #forOwnDevice(to: Contact, message: proto.IMessage): proto.IMessage {
    return { deviceSentMessage: { destinationJid: to.jid, message } };
  }

  async #post(id: string, to: Contact, message: proto.IMessage): Promise<void> {
    // An account with companions is somebody's worker: its phone gets a copy in real life, which nobody looks at here.
    const devices: Endpoint[] = to.companions.size > 0 ? [...to.companions.values()] : [to];
    for (const device of devices) await this.#postTo(device, id, message, to);
    for (const device of this.companions.values()) {
      await this.#postTo(device, id, this.#forOwnDevice(to, message), to);
    }
  }

  async #postTo(
    device: Endpoint,
    id: string,
    message: proto.IMessage,
    chat: Contact,
    count?: string,
    category?: string,
  ): Promise<void> {
    this.#hand(device, {
      ...this.#envelope(id),
      type: stanzaType(message),
      enc: await this.#encrypt(device, message, count),
      chat: device.owner === this && !category ? chat : undefined,
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
    const timestampS = Math.floor(this.hub.now() / 1000);
    const { addressing, showsAlias, name: notify } = this;
    return { id, from: this, addressing, showsAlias, timestampS, notify };
  }

  /** The `<enc>` with a message for one device. */
  async #encrypt(device: Endpoint, message: proto.IMessage, count?: string): Promise<BinaryNode> {
    if (!await this.signal.knows(device.lid)) await this.signal.meet(device.lid, await device.takeBundle());
    const { type, ciphertext } = await this.signal.encrypt(device.lid, message);
    const bytes = Buffer.from(ciphertext);
    if (this.#damaged > 0 && this.#damaged-- > 0) damage(bytes);
    return element("enc", { v: "2", type, ...(count && { count }) }, bytes);
  }

  async #open(envelope: Envelope): Promise<void> {
    const known = this.#envelopes.has(envelope.id);
    this.#unread.arrived(envelope);
    let message: proto.IMessage;
    try {
      message = await this.#decrypt(envelope);
    } catch (error) {
      if (known) this.#noteRepeat(envelope.id);
      else if (this.autoAsk) await this.#askAgain({ envelope, error: error as Error });
      else this.#unread.keep({ envelope, error: error as Error });
      return;
    }
    if (known) this.#noteRepeat(envelope.id);
    else this.accept(envelope, message);
    this.#envelopes.set(envelope.id, envelope);
    if (envelope.from.owner === this) return;
    if (this.autoDeliver) this.#report(envelope);
    if (this.autoRead) this.#report(envelope, "read");
  }

  async #decrypt({ enc, from, group, deviceIdentity }: Envelope): Promise<proto.IMessage> {
    for (const { attrs: { type }, content } of group?.senderKey ? [group.senderKey, enc] : [enc]) {
      const ciphertext = content as Uint8Array;
      if (type === "skmsg") return await this.signal.decryptFromGroup(group!.jid, from.lid, ciphertext);
      const message = await this.signal.decrypt(from.lid, { type, ciphertext } as Ciphertext);
      if (type === "pkmsg" && from.deviceId !== 0) verifyDeviceIdentity(deviceIdentity, from as Companion);
      await this.signal.learnSenderKey(from.lid, message);
      if (!group?.senderKey) return message;
    }
    throw new Error("A group's key came with nothing to decrypt");
  }

  #noteRepeat(id: string): void {
    const message = this.#inbox.items.find((candidate) => candidate.id === id);
    if (message) message.repeats++;
  }

  /** Where receipts for a message come from. */
  #sourceOf({ addressing, group }: Envelope): { from: string; participant?: string } {
    const own = (this.answersAs ?? addressing) === "lid" ? this.lid : this.jid;
    return group ? { from: group.jid, participant: own } : { from: own };
  }

  /** A receipt to all devices of the sender, under the address the sender used; no type means delivered. */
  #report(envelope: Envelope, type?: "read"): void {
    const attrs = {
      id: envelope.id,
      ...this.#sourceOf(envelope),
      t: String(Math.floor(this.hub.now() / 1000)),
      ...(type && { type }),
    };
    for (const device of envelope.from.owner.companions.values()) {
      device.mailbox.put(element("receipt", attrs));
    }
  }

  async #askAgain(unreadable: Unreadable): Promise<void> {
    const { envelope } = unreadable;
    const { id, from } = envelope;
    const attempt = this.#unread.attempt(unreadable);
    const receipt = await retryReceipt(this.signal, {
      id,
      ...this.#sourceOf(envelope),
      attempt,
      timestampS: Math.floor(this.hub.now() / 1000),
      recipient: envelope.chat && (envelope.addressing === "lid" ? envelope.chat.lid : envelope.chat.jid),
    });
    from.owner.companions.get(from.deviceId)?.mailbox.put(receipt);
  }
}
