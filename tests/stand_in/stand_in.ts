/**
 * A WhatsApp Web server on loopback, with the phones and contacts behind it. The real Baileys connects to it with nothing
 * changed but `waWebSocketUrl`; who verifies the server's certificate pins `rootKeyHex`.
 */
import { Buffer } from "node:buffer";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { Curve, DEFAULT_ORIGIN, getBinaryNodeChild } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import { type Certificate, issueCertificate, rootKeyHexOf } from "./certificate.ts";
import { Contact, type ContactOptions } from "./contact.ts";
import { digitsOf, Directory } from "./directory.ts";
import type { Addressing } from "./envelope.ts";
import { Faults } from "./faults.ts";
import { Feed } from "./feed.ts";
import type { Group, GroupOptions } from "./groups.ts";
import { type Hub, Stats } from "./hub.ts";
import { Link, type LinkOwner } from "./link.ts";
import { admit } from "./login.ts";
import { element, iqError, iqResult } from "./nodes.ts";
import type { ClientFinish } from "./noise.ts";
import { MediaHost } from "./media_host.ts";
import type { Pairing } from "./pairing.ts";
import { PairingCodeExchange } from "./pairing_code.ts";
import { Phone } from "./phone.ts";
import { answerQuery } from "./queries.ts";
import { routeChatState, routeMessage, routeReceipt, takeAck } from "./routing.ts";
import { WEB_PAGE_PATH, WebPage } from "./web_page.ts";

const PATH = "/ws/chat";

/** How to start a stand-in. */
export interface StandInOptions {
  /** TCP port on 127.0.0.1; 0, the default, takes a free one. */
  port?: number;
  /** The clock, milliseconds since the epoch; default `Date.now`. */
  now?: () => number;
  /** What it shows; by default one of its own authority. */
  certificate?: Certificate;
  /** Answers plain HTTP requests on the same port; default 404. */
  onRequest?: (standIn: StandIn, request: IncomingMessage, response: ServerResponse) => Promise<void> | void;
}

/** One client's connection as a test sees it. */
export interface Client {
  /** The account it is logged in to; undefined while it waits to be paired. */
  number: string | undefined;
  deviceId: number | undefined;
}

/** A running stand-in; close it, or hold it with `await using`. */
export class StandIn implements LinkOwner, AsyncDisposable {
  readonly stats: Stats = new Stats();
  readonly faults: Faults;
  /** WhatsApp's page on the same host, `/sw.js`. */
  readonly page: WebPage = new WebPage();
  /** WhatsApp's media host. */
  readonly media: MediaHost = new MediaHost(() => new URL(this.url).host);
  readonly #directory = new Directory();
  readonly #groups = new Map<string, Group>();
  readonly #pairings = new Set<Pairing>();
  readonly #codeRequests = new Feed<Pairing>();
  readonly #closing = new AbortController();
  readonly #links = new Set<Link>();
  readonly #sockets = new Set<Duplex>();
  readonly #server = createServer((request, response) => {
    if (request.url === WEB_PAGE_PATH) return this.page.serve(response);
    if (this.media.serves(request)) {
      return this.#background("media request", () => this.media.respond(request, response));
    }
    const { onRequest = () => void response.writeHead(404).end() } = this.#options;
    this.#background("HTTP request", async () => await onRequest(this, request, response));
  });
  readonly #webSockets = new WebSocketServer({ noServer: true });
  readonly #options: StandInOptions;
  readonly #trusted: Certificate;
  readonly #hub: Hub;

  constructor(options: StandInOptions) {
    this.#options = options;
    this.faults = new Faults(() => [...this.#links]);
    const now = options.now ?? Date.now;
    this.#trusted = options.certificate ??
      issueCertificate({ serverKey: Curve.generateKeyPair(), nowMs: now() });
    this.#hub = {
      directory: this.#directory,
      faults: this.faults,
      groups: this.#groups,
      stats: this.stats,
      pairings: this.#pairings,
      codeRequests: this.#codeRequests,
      media: this.media,
      mediaHost: () => new URL(this.url).host,
      closed: this.#closing.signal,
      now: () => now() + this.faults.skewMs,
      background: (what, work) => this.#background(what, work),
    };
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Starts listening; resolves when clients can connect. */
  async listen(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#server.once("error", reject);
    this.#server.listen(this.#options.port ?? 0, "127.0.0.1", resolve);
    await promise;
  }

  /** What to give Baileys as `waWebSocketUrl`. */
  get url(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}${PATH}`;
  }

  /** The root of the certificate chain, 64 hex digits; stays the same whatever `faults.untrustedCertificate` says. */
  get rootKeyHex(): string {
    return rootKeyHexOf(this.#trusted);
  }

  /** The connections open at the moment. */
  get clients(): Client[] {
    return [...this.#links].filter(({ isOpen }) => isOpen).map(({ companion }) => ({
      number: companion?.owner.number,
      deviceId: companion?.deviceId,
    }));
  }

  /** The phone with this number, made on first use. */
  phone(number: string, options?: ContactOptions): Phone {
    const known = this.#directory.byNumber(number);
    if (known instanceof Phone) return known;
    if (known) throw new Error(`${number} is a contact already, it cannot be a phone that links companions`);
    const phone = new Phone(this.#hub, digitsOf(number), options);
    this.#directory.add(phone);
    return phone;
  }

  /** The contact with this number, made on first use; a phone is a contact too. */
  contact(number: string, options?: ContactOptions): Contact {
    const known = this.#directory.byNumber(number);
    if (known) return known;
    const contact = new Contact(this.#hub, digitsOf(number), options);
    this.#directory.add(contact);
    return contact;
  }

  /** Makes a group clients can write to; messages of its members need none: see `sendToGroup`. */
  group(
    jid: string,
    members: Contact[],
    addressing: Addressing = "lid",
    about: Partial<GroupOptions> = {},
  ): Group {
    const group = { ...about, jid, members, addressing };
    this.#groups.set(jid, group);
    return group;
  }

  /** Makes a contact known by a number they had once, too: who asks for it is told the one they have. */
  formerNumber(number: string, contact: Contact): void {
    this.#directory.addAlias(number, contact);
  }

  /** Cuts every link and stops listening. Whoever still waits for a message is rejected. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const link of this.#links) link.drop();
    for (const account of this.#directory.accounts) account.close();
    this.#codeRequests.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#webSockets.close();
    this.#server.close(() => resolve());
    for (const socket of this.#sockets) socket.destroy();
    await promise;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get certificate(): Certificate {
    const { untrustedCertificate: flaw } = this.faults;
    return flaw === undefined ? this.#trusted : issueCertificate({ ...this.#trusted, flaw });
  }

  isSilent(): boolean {
    return this.faults.silence;
  }

  onHandshake(link: Link, finish: ClientFinish): void {
    link.clientKey = Buffer.from(finish.staticKey).toString("hex");
    const others = [...this.#links].filter((other) => other !== link && other.clientKey === link.clientKey);
    if (others.some(({ isOpen }) => isOpen)) this.stats.overlaps++;
    admit(this.#hub, link, finish);
  }

  onStanza(link: Link, node: BinaryNode): Promise<void> | void {
    const { companion } = link;
    if (!companion) return this.#beforeLogin(link, node);
    switch (node.tag) {
      case "iq":
        return answerQuery(this.#hub, link, companion, node);
      case "message":
        return routeMessage(this.#hub, link, companion, node);
      case "receipt":
        return routeReceipt(this.#hub, link, companion, node);
      case "ack":
        return takeAck(this.#hub, companion, node);
      case "chatstate":
        return routeChatState(this.#hub, companion, node);
      case "ib":
      case "presence":
        return;
      default:
        this.stats.unknown.push(node.tag);
    }
  }

  onClose(link: Link): void {
    this.#links.delete(link);
    if (link.pairing) this.#pairings.delete(link.pairing);
    link.pairing?.code?.abandon();
    link.companion?.mailbox.close(link);
    if (link.companion?.link === link) link.companion.link = undefined;
  }

  onError(_link: Link, error: Error): void {
    this.stats.violations.push(error.message);
  }

  /** A client without an account can only ask to be linked; a real server does not answer anything else either. */
  #beforeLogin(link: Link, node: BinaryNode): void {
    const request = getBinaryNodeChild(node, "link_code_companion_reg");
    if (node.tag !== "iq" || !request || !link.pairing) return;
    if (request.attrs.stage === "companion_hello") {
      this.stats.codesAsked++;
      const refusal = this.faults.pairingCodeRefusal;
      if (refusal === "silence") return;
      if (refusal !== undefined) return void link.send(iqError(node, refusal, "bad-request"));
      link.pairing.code = new PairingCodeExchange(link.pairing, request);
      const ref = element("link_code_pairing_ref", {}, link.pairing.code.ref);
      link.send(iqResult(node, [element("link_code_companion_reg", {}, [ref])]));
      this.#codeRequests.push(link.pairing);
    } else {
      link.pairing.code?.finish(node);
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refusal = this.faults.upgradeStatus ?? this.#reasonToRefuse(request);
    if (refusal !== undefined) {
      for (const event of ["end", "error"]) socket.on(event, () => socket.destroy());
      const { upgradeHangsUp } = this.faults;
      const connection = upgradeHangsUp ? "close" : "keep-alive";
      socket.write(`HTTP/1.1 ${refusal} Refused\r\nConnection: ${connection}\r\nContent-Length: 0\r\n\r\n`);
      if (upgradeHangsUp) socket.end();
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#links.add(new Link(webSocket, this));
    });
  }

  #reasonToRefuse({ url = "", headers }: IncomingMessage): number | undefined {
    if (url.split("?")[0] !== PATH) return 404;
    return headers.origin === DEFAULT_ORIGIN ? undefined : 403;
  }

  #background(what: string, work: () => Promise<void>): void {
    work().catch((error: Error) => {
      if (!this.#closing.signal.aborted) this.stats.violations.push(`${what}: ${error.message}`);
    });
  }
}

/** Starts a stand-in on loopback. */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const standIn = new StandIn(options);
  await standIn.listen();
  return standIn;
}
