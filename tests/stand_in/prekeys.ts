/** Public Signal keys: what a device uploads, and the bundle somebody needs to write to it first. */
import { Buffer } from "node:buffer";
import {
  encodeBigEndian,
  generateSignalPubKey,
  getBinaryNodeChild,
  getBinaryNodeChildren,
  KEY_BUNDLE_TYPE,
} from "@whiskeysockets/baileys";
import type { BinaryNode } from "@whiskeysockets/baileys";
import { childBytes, childUint, element } from "./nodes.ts";
import { verifyXeddsa } from "../../src/whatsapp/socket/xeddsa.ts";

/** A public key under a number; `signature` by the identity key for signed prekeys. Keys have 32 bytes. */
export interface PublicPreKey {
  keyId: number;
  publicKey: Uint8Array;
}

/** A prekey signed with the identity key. */
export interface SignedPublicPreKey extends PublicPreKey {
  signature: Uint8Array;
}

/** What a first message to a device is built on. `preKey` is missing once a device has run out of them. */
export interface PreKeyBundle {
  registrationId: number;
  identityKey: Uint8Array;
  signedPreKey: SignedPublicPreKey;
  preKey?: PublicPreKey;
}

function keyNode(tag: "key" | "skey", key: PublicPreKey, signature?: Uint8Array): BinaryNode {
  const content = [
    element("id", {}, encodeBigEndian(key.keyId, 3)),
    element("value", {}, Buffer.from(key.publicKey)),
  ];
  if (signature) content.push(element("signature", {}, Buffer.from(signature)));
  return element(tag, {}, content);
}

/** The children of a `<user>` (bundle fetch) or `<keys>` (retry receipt) element. */
export function bundleNodes(bundle: PreKeyBundle): BinaryNode[] {
  return [
    element("registration", {}, encodeBigEndian(bundle.registrationId)),
    element("type", {}, Buffer.from(KEY_BUNDLE_TYPE)),
    element("identity", {}, Buffer.from(bundle.identityKey)),
    keyNode("skey", bundle.signedPreKey, bundle.signedPreKey.signature),
    ...(bundle.preKey ? [keyNode("key", bundle.preKey)] : []),
  ];
}

/** Reads a `<key>`. */
export function readPreKey(node: BinaryNode): PublicPreKey {
  return { keyId: childUint(node, "id", 3), publicKey: childBytes(node, "value", 32) };
}

/** Reads an `<skey>` and checks its signature; throws when `identityKey` did not make it. */
export function readSignedPreKey(node: BinaryNode | undefined, identityKey: Uint8Array): SignedPublicPreKey {
  if (!node) throw new Error("A signed prekey is missing");
  const key = { ...readPreKey(node), signature: childBytes(node, "signature", 64) };
  if (!verifyXeddsa(identityKey, generateSignalPubKey(key.publicKey), key.signature)) {
    throw new Error(`Signed prekey ${key.keyId} is not signed by the device's identity key`);
  }
  return key;
}

/** One companion's keys on the server. One-time prekeys are handed out once each, lowest id first. */
export class PreKeyShelf {
  readonly #identityKey: Uint8Array;
  readonly #registrationId: number;
  readonly #oneTime = new Map<number, Uint8Array>();
  #signed: SignedPublicPreKey;

  constructor(identityKey: Uint8Array, registrationId: number, signed: SignedPublicPreKey) {
    this.#identityKey = identityKey;
    this.#registrationId = registrationId;
    this.#signed = signed;
  }

  /** How many one-time prekeys are left. */
  get count(): number {
    return this.#oneTime.size;
  }

  /** Takes an upload; throws when it comes with another identity than the device paired with. */
  upload(iq: BinaryNode): void {
    if (!childBytes(iq, "identity", 32).equals(this.#identityKey)) {
      throw new Error("Prekeys uploaded for another identity than the device's");
    }
    if (childUint(iq, "registration", 4) !== this.#registrationId) {
      throw new Error("Prekeys uploaded for another registration id than the device's");
    }
    this.#signed = readSignedPreKey(getBinaryNodeChild(iq, "skey"), this.#identityKey);
    for (const node of getBinaryNodeChildren(getBinaryNodeChild(iq, "list"), "key")) {
      const key = readPreKey(node);
      this.#oneTime.set(key.keyId, key.publicKey);
    }
  }

  /** Replaces the signed prekey. */
  rotate(skey: BinaryNode | undefined): void {
    this.#signed = readSignedPreKey(skey, this.#identityKey);
  }

  /** A bundle, with one one-time prekey less afterwards. */
  take(): PreKeyBundle {
    const bundle = {
      registrationId: this.#registrationId,
      identityKey: this.#identityKey,
      signedPreKey: this.#signed,
    };
    const first = this.#oneTime.entries().next().value;
    if (!first) return bundle;
    const [keyId, publicKey] = first;
    this.#oneTime.delete(keyId);
    return { ...bundle, preKey: { keyId, publicKey } };
  }

  /** The answer to a digest query, from which a client sees whether its keys are still here. */
  digest(): BinaryNode {
    return element("digest", {}, [
      element("registration", {}, encodeBigEndian(this.#registrationId)),
      element("type", {}, Buffer.from(KEY_BUNDLE_TYPE)),
      element("identity", {}, Buffer.from(this.#identityKey)),
      keyNode("skey", this.#signed, this.#signed.signature),
      element("list", {}, [...this.#oneTime.keys()].map((id) => element("id", {}, encodeBigEndian(id, 3)))),
    ]);
  }
}
