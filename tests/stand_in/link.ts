/** One client's websocket: introduction, Noise handshake, then stanzas both ways. */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { decodeBinaryNode, encodeBinaryNode, NOISE_WA_HEADER } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import type { Certificate } from "./certificate.ts";
import type { Companion } from "./companion.ts";
import { type ClientFinish, ServerNoise } from "./noise.ts";
import type { Pairing } from "./pairing.ts";

/** What a link tells the server. Stanzas come one at a time: the next waits for the promise of the one before. */
export interface LinkOwner {
  readonly certificate: Certificate;
  /** True while the link is to play dead. */
  isSilent(): boolean;
  onHandshake(link: Link, finish: ClientFinish): void;
  onStanza(link: Link, node: BinaryNode): Promise<void> | void;
  onClose(link: Link): void;
  /** The client broke the protocol, or a handler failed. */
  onError(link: Link, error: Error): void;
}

/** What a link that looks open leaves away: all it could say, its answers but for pings, or what it should deliver. */
export type Deafness = "everything" | "queries" | "deliveries";

const DELIVERIES: readonly string[] = ["message", "receipt", "notification"];

/** A live connection. */
export class Link {
  /** The registered device at the other end, once it has logged in. */
  companion: Companion | undefined;
  /** The client's static Noise key, by which it is known before it has an account. */
  clientKey: string | undefined;
  /** The registration in progress, for a client that has no account yet. */
  pairing: Pairing | undefined;
  /** Set by a fault; as long as the link lives. */
  deafness: Deafness | undefined;

  readonly #socket: WebSocket;
  readonly #owner: LinkOwner;
  readonly #replies = new Map<string, { resolve(node: BinaryNode): void; reject(error: Error): void }>();
  #noise: ServerNoise | undefined;
  #state: "intro" | "hello" | "finish" | "open" = "intro";
  #bytes = Buffer.alloc(0);
  #tail: Promise<void> = Promise.resolve();
  #requests = 0;

  constructor(socket: WebSocket, owner: LinkOwner) {
    this.#socket = socket;
    this.#owner = owner;
    socket.on("message", (data: Buffer) => this.#take(data));
    socket.on("error", (error: Error) => owner.onError(this, error));
    socket.on("close", () => {
      for (const reply of this.#replies.values()) reply.reject(new Error("The client closed its link"));
      owner.onClose(this);
    });
  }

  /** Whether stanzas can go both ways: the handshake is done, nobody has started to close. */
  get isOpen(): boolean {
    return this.#state === "open" && this.#socket.readyState === this.#socket.OPEN;
  }

  /** Sends a stanza. False when the link is no longer open, or playing dead. */
  send(node: BinaryNode): boolean {
    if (!this.isOpen || this.#isSilent) return false;
    if (this.deafness === "deliveries" && DELIVERIES.includes(node.tag)) return false;
    this.#write(this.#noise!.seal(encodeBinaryNode(node)));
    return true;
  }

  /** Sends an `<iq>` under an id of its own and resolves with the client's answer; rejects when the link closes. */
  request(node: BinaryNode): Promise<BinaryNode> {
    const id = `${node.tag}-${++this.#requests}`;
    const reply = new Promise<BinaryNode>((resolve, reject) => this.#replies.set(id, { resolve, reject }));
    this.send({ ...node, attrs: { ...node.attrs, id } });
    return reply;
  }

  /** Sends a last stanza and closes. */
  end(last: BinaryNode): void {
    this.send(last);
    this.#socket.close();
  }

  /** Closes without a last stanza. */
  close(): void {
    this.#socket.close();
  }

  /** Cuts the connection with a TCP reset. */
  reset(): void {
    (this.#socket as unknown as { _socket: Socket })._socket.resetAndDestroy();
  }

  /** Cuts the connection without a close frame. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Reads nothing more, not even the client's goodbye: as a server does that is gone. */
  freeze(): void {
    this.#socket.pause();
  }

  get #isSilent(): boolean {
    return this.#owner.isSilent() || this.deafness === "everything";
  }

  #write(payload: Uint8Array): void {
    const frame = Buffer.alloc(3 + payload.length);
    frame.writeUIntBE(payload.length, 0, 3);
    frame.set(payload, 3);
    this.#socket.send(frame);
  }

  /** Deciphers at once, in order of arrival; handling waits its turn. */
  #take(data: Buffer): void {
    if (this.#isSilent && this.#state === "open") return;
    this.#bytes = Buffer.concat([this.#bytes, data]);
    try {
      if (this.#state === "intro") this.#readIntroduction();
      for (let frame = this.#nextFrame(); frame; frame = this.#nextFrame()) this.#readFrame(frame);
    } catch (error) {
      this.#owner.onError(this, error as Error);
      this.drop();
    }
  }

  /** `ED` and routing information may come before the header, on links of accounts that were given some. */
  #readIntroduction(): void {
    let start = 0;
    if (this.#bytes.subarray(0, 2).toString() === "ED") {
      if (this.#bytes.length < 7) return;
      start = 7 + this.#bytes.readUIntBE(4, 3);
    }
    if (this.#bytes.length < start + NOISE_WA_HEADER.length) return;
    const header = this.#bytes.subarray(start, start + NOISE_WA_HEADER.length);
    if (!header.equals(NOISE_WA_HEADER)) throw new Error("The client's introduction is not WhatsApp Web's");
    this.#bytes = this.#bytes.subarray(start + header.length);
    this.#noise = new ServerNoise(this.#owner.certificate.serverKey, header);
    this.#state = "hello";
  }

  #nextFrame(): Buffer | undefined {
    if (this.#state === "intro" || this.#bytes.length < 3) return undefined;
    const end = 3 + this.#bytes.readUIntBE(0, 3);
    if (this.#bytes.length < end) return undefined;
    const frame = this.#bytes.subarray(3, end);
    this.#bytes = this.#bytes.subarray(end);
    return frame;
  }

  #readFrame(frame: Buffer): void {
    const noise = this.#noise!;
    if (this.#state === "hello") {
      this.#write(noise.hello(frame, this.#owner.certificate.chain));
      this.#state = "finish";
    } else if (this.#state === "finish") {
      const finish = noise.finish(frame);
      this.#state = "open";
      this.#owner.onHandshake(this, finish);
    } else {
      const plaintext = noise.open(frame);
      this.#tail = this.#tail
        .then(async () => await this.#dispatch(await decodeBinaryNode(Buffer.from(plaintext))))
        .catch((error: Error) => this.#owner.onError(this, error));
    }
  }

  #dispatch(node: BinaryNode): Promise<void> | void {
    const id = node.attrs.id ?? "";
    const reply = node.tag === "iq" && node.attrs.type !== "get" && node.attrs.type !== "set" &&
      this.#replies.get(id);
    if (!reply) {
      const isUnheard = this.deafness === "queries" && node.tag === "iq" && node.attrs.xmlns !== "w:p";
      return isUnheard ? undefined : this.#owner.onStanza(this, node);
    }
    this.#replies.delete(id);
    reply.resolve(node);
  }
}
