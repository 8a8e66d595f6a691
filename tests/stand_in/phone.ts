/** The phone of an account that links companions: scans, signs, and hands them their first history. */
import { deflateSync } from "node:zlib";
import { type BinaryNode, proto } from "@whiskeysockets/baileys";
import { type ContactMessage, textIn } from "./chat_message.ts";
import type { Companion } from "./companion.ts";
import { Contact, type ContactOptions } from "./contact.ts";
import { signDeviceIdentity } from "./device_identity.ts";
import type { Envelope } from "./envelope.ts";
import type { Hub } from "./hub.ts";
import { Feed } from "./feed.ts";
import { type KeptMedium, mediaRetry } from "./media_retry.ts";
import { element } from "./nodes.ts";
import type { Pairing } from "./pairing.ts";
import { readQr, readQrPicture } from "./qr_code.ts";

/** A message one of the account's companions sent, as its phone got to see it. */
export interface SentCopy extends Omit<ContactMessage, "repeats"> {
  /** The chat it went to. */
  to: string;
}

/** Device 0 of an account with companions. */
export class Phone extends Contact {
  /** What the companions sent, decrypted on the phone. */
  readonly sent: SentCopy[] = [];
  /** Whose LIDs a companion is told with its first history, beside the account's own. */
  readonly addressBook: Contact[] = [];
  /** What it tells a companion of its past when that is linked, beside who it is itself. */
  history: Partial<proto.IHistorySync> = {};
  /** The messages without content that companions asked it for. */
  readonly askedFor: Feed<proto.IMessageKey> = new Feed();
  /** The media of others' messages that it has, by message id. */
  readonly media: Map<string, KeptMedium> = new Map();
  /** How often companions asked it for media, by message id, whether it is on or not. */
  readonly mediaAskedFor: Feed<string> = new Feed();
  /** Switched on and online. */
  isOn = true;
  #lastDeviceId = 0;

  constructor(hub: Hub, number: string, options: ContactOptions = {}) {
    super(hub, number, { autoDeliver: false, ...options });
  }

  /** Whether a companion is linked. */
  get linked(): boolean {
    return this.companions.size > 0;
  }

  /**
   * Scans a QR string. Resolves when the client has countersigned and is registered (it reconnects after that).
   *
   * @throws Error when the code is not of this server, expired, of another client than it names, or not countersigned
   */
  async scan(qr: string): Promise<void> {
    const { ref, noiseKey, identityKey, advSecret } = readQr(qr);
    const pairing = this.#find(ref);
    if (!noiseKey.equals(pairing.noiseKey) || !identityKey.equals(pairing.identityKey)) {
      throw new Error("The QR code shows other keys than the client registered with");
    }
    await this.#link(pairing, advSecret);
  }

  /** Scans the picture itself: `data:image/png;base64,…`. Throws as `scan()` does, and when it cannot be read. */
  async scanPng(dataUrl: string): Promise<void> {
    await this.scan(readQrPicture(dataUrl));
  }

  /**
   * Types the eight characters the client shows (a hyphen does not matter), once the client has asked for a code.
   *
   * @throws Error when no client asks within `timeoutMs`, or when the code is wrong
   */
  async enterPairingCode(code: string, timeoutMs: number = 5000): Promise<void> {
    const waits = (pairing: Pairing) => pairing.code?.jid === this.jid && this.hub.pairings.has(pairing);
    const pairing = [...this.hub.pairings].find(waits) ??
      await this.hub.codeRequests.next(`pairing code for ${this.number}`, waits, timeoutMs);
    const secret = await pairing.code!.enter(code.replaceAll("-", ""), this.signal.identity, this.hub.now());
    await this.#link(pairing, secret);
  }

  /** A companion asks for a medium it cannot get. A phone that is off never hears of it here. */
  askedForMedium(companion: Companion, receipt: BinaryNode): void {
    const id = receipt.attrs.id ?? "";
    this.mediaAskedFor.push(id);
    if (!this.isOn) return;
    const t = String(Math.floor(this.hub.now() / 1000));
    const answering = { media: this.hub.media, from: this.jid, t };
    companion.mailbox.put(mediaRetry(receipt, this.media.get(id), answering));
  }

  override close(): void {
    this.askedFor.close();
    this.mediaAskedFor.close();
    super.close();
  }

  /** Removes every companion: their links end with 401, and they cannot log in again. */
  unlink(): void {
    for (const companion of this.companions.values()) companion.unlink();
  }

  /** What a phone sends a companion right after it was linked; clients hold back events until this has come. */
  async welcome(companion: Companion): Promise<void> {
    if (companion.synced) return;
    companion.synced = true;
    await this.#sendHistory(companion, {
      syncType: proto.HistorySync.HistorySyncType.INITIAL_BOOTSTRAP,
      pushnames: [{ id: this.jid, pushname: this.name }],
      phoneNumberToLidMappings: [this, ...this.addressBook].map(({ jid, lid }) => ({
        pnJid: jid,
        lidJid: lid,
      })),
      ...this.history,
    });
  }

  /** Sends every companion another part of the history. */
  async sendHistory(history: proto.IHistorySync): Promise<void> {
    for (const companion of this.companions.values()) await this.#sendHistory(companion, history);
  }

  /** Hands on messages that its companions were given without their content, as if they had asked for them. */
  async resend(...messages: proto.IWebMessageInfo[]): Promise<void> {
    const { PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE } = proto.Message.ProtocolMessage.Type;
    const peerDataOperationResult = messages.map((message) => ({
      placeholderMessageResendResponse: {
        webMessageInfoBytes: proto.WebMessageInfo.encode(message as proto.WebMessageInfo).finish(),
      },
    }));
    for (const companion of this.companions.values()) {
      await this.sendPeer(companion, {
        protocolMessage: {
          type: PEER_DATA_OPERATION_REQUEST_RESPONSE_MESSAGE,
          peerDataOperationRequestResponseMessage: {
            peerDataOperationRequestType:
              proto.Message.PeerDataOperationRequestType.PLACEHOLDER_MESSAGE_RESEND,
            stanzaId: "3A0000000000000000",
            peerDataOperationResult,
          },
        },
      });
    }
  }

  async #sendHistory(companion: Companion, history: proto.IHistorySync): Promise<void> {
    const bytes = proto.HistorySync.encode({ progress: 100, ...history } as proto.HistorySync).finish();
    await this.sendPeer(companion, {
      protocolMessage: {
        type: proto.Message.ProtocolMessage.Type.HISTORY_SYNC_NOTIFICATION,
        historySyncNotification: {
          syncType: history.syncType as number,
          chunkOrder: 1,
          progress: 100,
          initialHistBootstrapInlinePayload: deflateSync(bytes),
        },
      },
    });
  }

  protected override accept(envelope: Envelope, message: proto.IMessage): void {
    if (envelope.category === "peer") {
      const { protocolMessage } = message.deviceSentMessage?.message ?? message;
      const request = protocolMessage?.peerDataOperationRequestMessage;
      for (const { messageKey } of request?.placeholderMessageResendRequest ?? []) {
        if (messageKey && this.isOn) this.askedFor.push(messageKey);
      }
      return this.#receiptPeer(envelope);
    }
    const copy = message.deviceSentMessage;
    if (envelope.from.owner !== this || !copy?.message) return super.accept(envelope, message);
    this.sent.push({
      id: envelope.id,
      from: envelope.from.jid,
      to: copy.destinationJid ?? "",
      text: textIn(copy.message),
      message: copy.message,
      atMs: this.hub.now(),
    });
  }

  /** What a companion asks its phone for; that it has come is all a companion gets to know here. */
  #receiptPeer({ id, from }: Envelope): void {
    if (!this.isOn) return;
    const t = String(Math.floor(this.hub.now() / 1000));
    const receipt = element("receipt", { id, from: this.jid, type: "peer_msg", t });
    this.companions.get(from.deviceId)?.mailbox.put(receipt);
  }

  #find(ref: string): Pairing {
    for (const pairing of this.hub.pairings) {
      const answer = pairing.offers(ref);
      if (answer === "yes") return pairing;
      if (answer === "expired") throw new Error("The QR code has expired");
    }
    throw new Error("No client that waits to be paired shows this QR code");
  }

  async #link(pairing: Pairing, advSecret: Uint8Array): Promise<void> {
    const deviceId = ++this.#lastDeviceId;
    const { faults, now } = this.hub;
    const signed = signDeviceIdentity(
      this.signal.identity,
      pairing.identityKey,
      deviceId,
      advSecret,
      now(),
      faults.tamperedAccount,
    );
    await pairing.complete(this, deviceId, signed);
  }
}
