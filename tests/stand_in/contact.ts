/** Somebody with a phone: an account whose messages are truly encrypted and decrypted. */
import type { BinaryNode, proto } from "@whiskeysockets/baileys";
import { type CallChange, type CallOptions, callStanza } from "./calls.ts";
import { type ChatState, type ContactMessage, type Receipt, textIn } from "./chat_message.ts";
import type { Companion } from "./companion.ts";
import { digitsOf } from "./directory.ts";
import type { Addressing, Endpoint, Envelope } from "./envelope.ts";
import { Feed } from "./feed.ts";
import type { Hub } from "./hub.ts";
import { Incoming } from "./incoming.ts";
import { newId, Outgoing, type Request } from "./outgoing.ts";
import type { PreKeyBundle } from "./prekeys.ts";
import { SignalPeer } from "./signal_peer.ts";
import { wrongMarks } from "./stanza_marks.ts";

const DEFAULT_WAIT_MS = 10_000;

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
  /** Whether this person lets others see what they have read, default true. */
  showsReading?: boolean;
  /** Whether the server has keys of this person's phone to encrypt for it, default true. */
  hasKeys?: boolean;
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
  showsReading: boolean;
  hasKeys: boolean;
  autoAsk: boolean;
  autoAnswer: boolean;
  /** How receipts and requests are addressed; as what they answer, when undefined. */
  answersAs: Addressing | undefined;
  /** Linked devices by device id. */
  readonly companions: Map<number, Companion> = new Map();
  readonly deviceId = 0;

  readonly #met = new Set<Contact>();
  #number: string;
  protected readonly hub: Hub;
  protected readonly signal: SignalPeer = new SignalPeer();
  readonly #inbox = new Feed<ContactMessage>();
  readonly #receipts = new Feed<Receipt>();
  readonly #requests = new Feed<Request>();
  readonly #chatStates = new Feed<ChatState>();
  readonly #readOnCompanions: string[] = [];
  readonly #incoming: Incoming;
  readonly #outgoing: Outgoing;
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
    this.showsReading = options.showsReading ?? true;
    this.hasKeys = options.hasKeys ?? true;
    this.autoAsk = options.autoAsk ?? true;
    this.autoAnswer = options.autoAnswer ?? true;
    this.#outgoing = new Outgoing(this, hub, this.signal);
    this.#incoming = new Incoming(this, hub, this.signal, {
      onMessage: (envelope, message) => {
        this.#check(envelope, message);
        this.accept(envelope, message);
      },
      onRepeat: (id) => this.#noteRepeat(id),
    });
  }

  get number(): string {
    return this.#number;
  }

  get jid(): string {
    return `${this.#number}@s.whatsapp.net`;
  }

  /** The two have written to each other, one way or the other. */
  meet(other: Contact): void {
    this.#met.add(other);
    other.#met.add(this);
  }

  /** Whether the two have written to each other. */
  hasMet(other: Contact): boolean {
    return this === other || this.#met.has(other);
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

  /** What others were seen to do in chats with this person, oldest first. */
  get chatStates(): readonly ChatState[] {
    return this.#chatStates.items;
  }

  /** The next of those, seen already or still to come; each is handed out once. */
  chatState(timeoutMs: number = DEFAULT_WAIT_MS): Promise<ChatState> {
    return this.#chatStates.next(`chat state for ${this.number}`, () => true, timeoutMs);
  }

  /** The ids of messages that this person's own companions have marked as read. */
  get readOnCompanions(): readonly string[] {
    return this.#readOnCompanions;
  }

  /** Sends a text to a number; resolves with the message id once it is in the mailboxes of all devices. */
  sendText(toNumber: string, text: string, id?: string): Promise<string> {
    return this.send(toNumber, { conversation: text }, id);
  }

  /** Sends any message; throws when nobody has that number. */
  async send(toNumber: string, message: proto.IMessage, id: string = newId()): Promise<string> {
    const to = this.hub.directory.byNumber(toNumber);
    if (!to) throw new Error(`Nobody has the number ${toNumber} on this stand-in`);
    this.meet(to);
    await this.#inTurn(() => this.#outgoing.send(id, to, message));
    return id;
  }

  /** Sends a text, or any message, to a group whose only other members are the companions of a number. */
  async sendToGroup(
    group: string,
    toNumber: string,
    content: string | proto.IMessage,
    id: string = newId(),
  ): Promise<string> {
    const message = typeof content === "string" ? { conversation: content } : content;
    await this.#inTurn(() => this.#outgoing.sendToGroup(id, group, toNumber, message));
    return id;
  }

  /** Calls a number's companions; what becomes of the call is told by {@link tellOfCall}. @returns its id */
  call(toNumber: string, options: CallOptions = {}, id: string = newId()): string {
    this.tellOfCall(toNumber, id, "offer", options);
    return id;
  }

  /** Tells a number's companions what has become of a call of this person. */
  tellOfCall(toNumber: string, id: string, change: CallChange, options: CallOptions = {}): void {
    for (const device of this.hub.directory.byNumber(toNumber)?.companions.values() ?? []) {
      device.mailbox.put(callStanza(this, { id, change, nowMs: this.hub.now(), ...options }));
    }
  }

  /** Gives a message that was sent to its receivers once more, the same ciphertext, under the address used now. */
  repost(id: string): void {
    this.#outgoing.repost(id);
  }

  /** Gets another number and stays the same account under the same LID; nobody has the old number any more. */
  changeNumber(number: string): void {
    this.hub.directory.remove(this);
    this.#number = digitsOf(number);
    this.hub.directory.add(this);
  }

  /** Tells the sender that this person has read the message. */
  read(id: string): void {
    this.#incoming.report(id, "read");
  }

  /** Tells the sender that this person has listened to the message, or looked at what can be seen once. */
  play(id: string): void {
    this.#incoming.report(id, "played");
  }

  /** Tells the sender that the message is on this person's phone; for one that does not by itself, or once more. */
  receive(id: string): void {
    this.#incoming.report(id);
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
    this.#outgoing.damageNext(count);
  }

  /** Damages the next `count` ciphertexts as they arrive, so that this person has to ask again. */
  failToRead(count: number = 1): void {
    this.#incoming.spoilNext(count);
  }

  /** The next message that could not be decrypted; for a contact that does not ask by itself. */
  async unread(timeoutMs: number = DEFAULT_WAIT_MS): Promise<Envelope> {
    return (await this.#incoming.unread(timeoutMs)).envelope;
  }

  /** Asks for the next message that could not be decrypted; for a contact that does not by itself. */
  async askAgain(timeoutMs: number = DEFAULT_WAIT_MS): Promise<void> {
    const unreadable = await this.#incoming.unread(timeoutMs);
    await this.#inTurn(() => this.#incoming.askAgain(unreadable));
  }

  /** Asks a number's companions for any message, as if it had come and could not be decrypted. */
  askFor(id: string, number: string): Promise<void> {
    return this.#incoming.askFor(id, number);
  }

  takeBundle(): Promise<PreKeyBundle> {
    return this.signal.bundle();
  }

  deliver(envelope: Envelope): void {
    this.hub.background(
      `${this.number} receiving ${envelope.id}`,
      () => this.#inTurn(() => this.#incoming.open(envelope)),
    );
  }

  /** A device of somebody this person wrote to reports. */
  noteReceipt(ids: string[], type: Receipt["type"]): void {
    for (const id of ids) this.#receipts.push({ id, type, atMs: this.hub.now() });
  }

  /** Somebody does something in a chat with this person. */
  noteChatState(state: ChatState): void {
    this.#chatStates.push(state);
  }

  /** A companion of this person has marked messages as read. */
  noteReadOnCompanion(ids: readonly string[]): void {
    this.#readOnCompanions.push(...ids);
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
  answer(request: Request): Promise<void> {
    return this.#inTurn(() => this.#outgoing.answer(request));
  }

  /** Rejects everyone waiting and lets go of timers. */
  close(): void {
    this.#inbox.close();
    this.#receipts.close();
    this.#incoming.close();
    this.#requests.close();
    this.#chatStates.close();
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
    await this.#inTurn(() => this.#outgoing.sendPeer(id, to, message));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#tail.then(work);
    this.#tail = done.catch(() => {});
    return done;
  }

  #check({ id, category, marks }: Envelope, message: proto.IMessage): void {
    if (marks === undefined || category === "peer") return;
    const wrong = wrongMarks(marks, message.deviceSentMessage?.message ?? message);
    if (wrong !== undefined) this.hub.stats.violations.push(`The stanza of message ${id} ${wrong}`);
  }

  #noteRepeat(id: string): void {
    const message = this.#inbox.items.find((candidate) => candidate.id === id);
    if (message) message.repeats++;
  }
}
