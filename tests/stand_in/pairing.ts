/** Linking a new companion: QR refs out, the phone's signature in, the device's countersignature back, then 515. */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import { getBinaryNodeChild, KEY_BUNDLE_TYPE, proto, S_WHATSAPP_NET } from "@whiskeysockets/baileys";
import { Companion } from "./companion.ts";
import { isCountersigned, type SignedByPhone } from "./device_identity.ts";
import { closingStanza } from "./faults.ts";
import type { Hub } from "./hub.ts";
import type { Link } from "./link.ts";
import { childBytes, element } from "./nodes.ts";
import type { PairingCodeExchange } from "./pairing_code.ts";
import type { Phone } from "./phone.ts";
import { PreKeyShelf } from "./prekeys.ts";
import { verifyXeddsa } from "../../src/whatsapp/socket/xeddsa.ts";

interface Ref {
  text: string;
  expiresAtMs: number;
}

/** The keys a client registers with, checked. */
function readRegistration(data: proto.ClientPayload.IDevicePairingRegistrationData) {
  const { eIdent, eRegid, eSkeyId, eSkeyVal, eSkeySig, eKeytype } = data;
  if (eIdent?.length !== 32 || eRegid?.length !== 4 || eSkeyId?.length !== 3 || eSkeyVal?.length !== 32) {
    throw new Error("Registration carries no complete set of keys");
  }
  if (!eSkeySig || !verifyXeddsa(eIdent, Buffer.concat([KEY_BUNDLE_TYPE, eSkeyVal]), eSkeySig)) {
    throw new Error("Registration's signed prekey is not signed by its identity key");
  }
  if (!eKeytype || !KEY_BUNDLE_TYPE.equals(eKeytype)) throw new Error("Registration's key type is not 5");
  const signed = { keyId: Buffer.from(eSkeyId).readUIntBE(0, 3), publicKey: eSkeyVal, signature: eSkeySig };
  return {
    identityKey: eIdent,
    preKeys: new PreKeyShelf(eIdent, Buffer.from(eRegid).readUInt32BE(), signed),
  };
}

/** One client waiting to be linked, for as long as its link is open. */
export class Pairing {
  readonly link: Link;
  readonly noiseKey: Uint8Array;
  readonly identityKey: Uint8Array;
  /** Set once the client has asked for a pairing code. */
  code: PairingCodeExchange | undefined;
  readonly #hub: Hub;
  readonly #preKeys: PreKeyShelf;
  readonly #refs: Ref[];

  constructor(
    hub: Hub,
    link: Link,
    noiseKey: Uint8Array,
    data: proto.ClientPayload.IDevicePairingRegistrationData,
  ) {
    const { identityKey, preKeys } = readRegistration(data);
    this.#hub = hub;
    this.link = link;
    this.noiseKey = noiseKey;
    this.identityKey = identityKey;
    this.#preKeys = preKeys;
    const { refCount, refLifetimeMs = Infinity } = hub.faults;
    this.#refs = Array.from({ length: refCount }, (_, index) => ({
      text: `2@${randomBytes(32).toString("base64url")}`,
      expiresAtMs: hub.now() + (index + 1) * refLifetimeMs,
    }));
  }

  /** Sends the refs; the client makes a QR code of each, one after the other. */
  async offer(): Promise<void> {
    const refs = this.#refs.map(({ text }) => element("ref", {}, Buffer.from(text)));
    const attrs = { from: S_WHATSAPP_NET, type: "set", xmlns: "md" };
    await this.link.request(element("iq", attrs, [element("pair-device", {}, refs)]));
  }

  /** Whether `ref` is one of this registration's and can still be scanned. */
  offers(ref: string): "yes" | "no" | "expired" {
    const found = this.#refs.find(({ text }) => text === ref);
    if (!found) return "no";
    return found.expiresAtMs > this.#hub.now() ? "yes" : "expired";
  }

  /**
   * Hands the client what its phone signed, checks what it signed in return, and registers it.
   *
   * @throws Error when the client's signature is wrong or its link closes; it is not linked then
   */
  async complete(phone: Phone, deviceId: number, signed: SignedByPhone): Promise<Companion> {
    const registration = {
      deviceId,
      noiseKey: this.noiseKey,
      identityKey: this.identityKey,
      preKeys: this.#preKeys,
    };
    const companion = new Companion(this.#hub, phone, registration);
    const content = [
      element("device-identity", {}, Buffer.from(signed.sealed)),
      element("platform", { name: "android" }),
      element("device", { jid: companion.jid, lid: companion.lid }),
    ];
    const attrs = {
      from: S_WHATSAPP_NET,
      type: "set",
      xmlns: "md",
      t: String(Math.floor(this.#hub.now() / 1000)),
    };
    const reply = await this.link.request(element("iq", attrs, [element("pair-success", {}, content)]));
    const answer = getBinaryNodeChild(getBinaryNodeChild(reply, "pair-device-sign"), "device-identity");
    const bytes = childBytes(getBinaryNodeChild(reply, "pair-device-sign"), "device-identity");
    const { details, deviceSignature } = proto.ADVSignedDeviceIdentity.decode(bytes);
    const intact = details && Buffer.from(details).equals(signed.details);
    const good = intact && deviceSignature &&
      isCountersigned(details, this.identityKey, phone.accountKey, deviceSignature);
    if (!good || answer?.attrs["key-index"] !== String(deviceId)) {
      this.link.end(closingStanza(500));
      throw new Error(`The device signature of ${companion.jid} does not verify`);
    }
    this.#hub.pairings.delete(this);
    this.#hub.stats.pairings++;
    phone.companions.set(deviceId, companion);
    this.link.end(closingStanza(515));
    return companion;
  }
}
