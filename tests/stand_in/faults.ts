/** What the stand-in can be told to do wrong. Everything is off until set, and `clear()` turns it off again. */
import { Buffer } from "node:buffer";
import { S_WHATSAPP_NET } from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import type { Flaw } from "./certificate.ts";
import type { AccountFlaw } from "./device_identity.ts";
import type { Deafness, Link } from "./link.ts";
import { element } from "./nodes.ts";

/** How many QR codes a real server offers before it gives up. */
const REF_COUNT = 6;
const TIMELOCK = 463;

/**
 * The last stanza of a link, worded as WhatsApp's server words it, so that Baileys' `lastDisconnect` carries `code`.
 *
 * 408 is the client's own code for a lost link and has no wording on the wire: it goes out as a bare stream error, for
 * tests that do not want to wait for a keep-alive (`silence` is the honest way).
 */
export function closingStanza(code: number): BinaryNode {
  const streamError = (content?: BinaryNode[]) => element("stream:error", { code: String(code) }, content);
  switch (code) {
    case 401:
      return streamError([element("conflict", { type: "device_removed" })]);
    case 440:
      return element("stream:error", {}, [element("conflict", { type: "replaced" })]);
    case 403:
    case 405:
    case 419:
      return element("failure", { reason: String(code), location: "frc" });
    case 411:
      return element("ib", { from: S_WHATSAPP_NET }, [element("downgrade_webclient")]);
    case 428:
      return element("xmlstreamend");
    default:
      return streamError();
  }
}

/** Switches for a whole stand-in; those taking a `number` can be narrowed to the links of one phone. */
export class Faults {
  /** Milliseconds every message waits before its ack and its delivery. */
  ackDelayMs = 0;
  /** Messages are delivered, their acks are not sent. */
  dropAcks = false;
  /** Sockets stay open, nothing is answered and nothing sent: a "deaf" session. */
  silence = false;
  /** What is wrong with the certificate chain that new links get. */
  untrustedCertificate: Flaw | undefined;
  /** What is wrong with what phones sign when they link a companion. */
  tamperedAccount: AccountFlaw | undefined;
  /** How many QR refs a registration gets. */
  refCount = REF_COUNT;
  /** How long each QR ref can be scanned, one after the other; without it as long as the link lives. */
  refLifetimeMs: number | undefined;
  /** The HTTP status every websocket upgrade is refused with. */
  upgradeStatus: number | undefined;
  /**
   * Whether a refused upgrade also ends its TCP connection. Baileys, which does not look at the answer, reports an upgrade
   * refused on an open connection after its connect timeout (408), and one whose connection ended never at all.
   */
  upgradeHangsUp = false;
  /** The reason of the `<failure>` every login and registration is answered with. */
  loginRefusal: number | undefined;
  /** Clients that log in or register with an older revision of WhatsApp Web are refused with 405. */
  leastRevision: number | undefined;
  /** The error every client message is refused with; 463: those to people the account has not been in touch with. */
  sendRefusal: number | undefined;
  /** When 463 ends by itself, in ms since the epoch, which is a whole second; `null`: the server does not say, and it does not. */
  timelockEndsAtMs: number | null | undefined;
  /** How far the server's clock is ahead of the machine's. */
  skewMs = 0;
  /** The error every request for a pairing code is refused with; with `"silence"` it is not answered. */
  pairingCodeRefusal: number | "silence" | undefined;
  /** The same for a device that wants to be unlinked. */
  unlinkRefusal: number | "silence" | undefined;
  /** The namespace of the queries that are not answered. */
  unanswered: string | undefined;
  /** The error that queries about groups are refused with. */
  groupRefusal: number | undefined;

  readonly #links: () => Link[];
  #held: PromiseWithResolvers<void> | undefined;
  readonly #atNextLogin = new Map<string, BinaryNode | "cut">();

  /** @param links the links open at the moment */
  constructor(links: () => Link[]) {
    this.#links = links;
  }

  /** Ends the open links (of one phone) with the stanza that makes a client see `code`; later links are welcome. */
  closeWith(code: number, number?: string): void {
    for (const link of this.#of(number)) link.end(closingStanza(code));
  }

  /** Ends the open links (of one phone) with this stanza; later links are welcome. */
  endWith(last: BinaryNode, number?: string): void {
    for (const link of this.#of(number)) link.end(last);
  }

  /** Ends the open links (of one phone) with nothing but the websocket's own goodbye. */
  sayGoodbye(number?: string): void {
    for (const link of this.#of(number)) link.close();
  }

  /** Cuts the open links (of one phone) without a word, as a lost network does; with `reset`, as a firewall does. */
  dropLinks(number?: string, { reset = false }: { reset?: boolean } = {}): void {
    for (const link of this.#of(number)) reset ? link.reset() : link.drop();
  }

  /** Answers the next login of this phone's companion with the stanza, and the end; `"cut"`: with the end only. */
  atNextLogin(number: string, last: BinaryNode | "cut"): void {
    this.#atNextLogin.set(number, last);
  }

  /** What the login of a phone's companion is to be answered with instead, once. */
  takeAtNextLogin(number: string): BinaryNode | "cut" | undefined {
    const last = this.#atNextLogin.get(number);
    this.#atNextLogin.delete(number);
    return last;
  }

  /** Makes the open links (of one phone) deaf for the rest of their lives; later links are sound. */
  deafen(to: Deafness, number?: string): void {
    for (const link of this.#of(number)) link.deafness = to;
  }

  /** Reads nothing more on the open links (of one phone), not even a goodbye; later links are sound. */
  freeze(number?: string): void {
    for (const link of this.#of(number)) link.freeze();
  }

  /** Refuses the websocket upgrade from now on; null lets it through again. For `hangUp` see `upgradeHangsUp`. */
  refuseUpgrade(status: number | null = 503, { hangUp = false }: { hangUp?: boolean } = {}): void {
    this.upgradeStatus = status ?? undefined;
    this.upgradeHangsUp = hangUp;
  }

  /** Answers logins with `<failure reason>` from now on; null lets them through again. */
  refuseLogins(reason: number | null = 401): void {
    this.loginRefusal = reason ?? undefined;
  }

  /**
   * Refuses messages from now on, null takes them again; 463 is "account restricted from reaching new contacts".
   *
   * @param endsAtMs see {@link timelockEndsAtMs}; in an hour unless given. That it was lifted before is told to clients
   */
  refuseSends(error: number | null = 463, endsAtMs?: number | null): void {
    const lifted = this.sendRefusal === TIMELOCK && error === null;
    this.sendRefusal = error ?? undefined;
    this.timelockEndsAtMs = endsAtMs == null ? endsAtMs : Math.ceil(endsAtMs / 1000) * 1000;
    if (!lifted) return;
    for (const link of this.#links()) {
      const data = { xwa2_notify_account_reachout_timelock: { is_active: false } };
      const attrs = { op_name: "NotificationUserReachoutTimelockUpdate" };
      link.companion?.notify("mex", "update", attrs, Buffer.from(JSON.stringify({ data })));
    }
  }

  /** Whether accounts may write to nobody new at this moment. */
  isTimelocked(nowMs: number): boolean {
    return this.sendRefusal === TIMELOCK && nowMs < (this.timelockEndsAtMs ?? Infinity);
  }

  /** Leaves whoever has shaken hands without a word from now on, until {@link release}. */
  hold(): void {
    this.#held ??= Promise.withResolvers();
  }

  /** Goes on with the logins and registrations that were held. */
  release(): void {
    this.#held?.resolve();
    this.#held = undefined;
  }

  /** Resolves when logins and registrations go on; `undefined` when they are not held. */
  get held(): Promise<void> | undefined {
    return this.#held?.promise;
  }

  /** Everything off again. */
  clear(): void {
    this.release();
    Object.assign(this, new Faults(this.#links));
    this.#atNextLogin.clear();
  }

  #of(number: string | undefined): Link[] {
    return this.#links().filter((link) => number === undefined || link.companion?.owner.number === number);
  }
}
