/**
 * Linking by an eight-character code instead of a QR: both sides exchange ephemeral keys encrypted under the code, the
 * companion seals its identity under the shared secret, and the ADV secret follows from all of it.
 */
import { Buffer } from "node:buffer";
import { randomBytes } from "node:crypto";
import {
  aesDecryptCTR,
  aesDecryptGCM,
  aesEncryptCTR,
  Curve,
  derivePairingCodeKey,
  getBinaryNodeChild,
  hkdf,
  S_WHATSAPP_NET,
} from "@whiskeysockets/baileys";
import type { BinaryNode, KeyPair } from "@whiskeysockets/baileys";
import { childBytes, element, iqResult } from "./nodes.ts";
import type { Pairing } from "./pairing.ts";

const NOTHING = Buffer.alloc(0);

/** The stages after a client asked for a code: `companion_hello`, the phone's answer, `companion_finish`. */
export class PairingCodeExchange {
  /** The number the client wants to be linked to. */
  readonly jid: string;
  /** What the client has to quote when it finishes. */
  readonly ref = randomBytes(16);
  readonly #wrapped: Buffer;
  readonly #pairing: Pairing;
  /** Of the code that was typed last. */
  #finished = Promise.withResolvers<BinaryNode>();

  constructor(pairing: Pairing, hello: BinaryNode) {
    this.#pairing = pairing;
    this.jid = hello.attrs.jid ?? "";
    this.#wrapped = childBytes(hello, "link_code_pairing_wrapped_companion_ephemeral_pub", 80);
    if (!childBytes(hello, "companion_server_auth_key_pub", 32).equals(pairing.noiseKey)) {
      throw new Error("Pairing code asked for with another Noise key than the link's");
    }
  }

  /** Plays the phone on which `code` was typed; resolves with the ADV secret, throws when the code is wrong. */
  async enter(code: string, identity: KeyPair, nowMs: number): Promise<Uint8Array> {
    this.#finished = Promise.withResolvers();
    const key = await derivePairingCodeKey(code, this.#wrapped.subarray(0, 32));
    const theirs = aesDecryptCTR(this.#wrapped.subarray(48), key, this.#wrapped.subarray(32, 48));
    const ephemeral = Curve.generateKeyPair();
    const [salt, iv] = [randomBytes(32), randomBytes(16)];
    const wrapped = aesEncryptCTR(ephemeral.public, await derivePairingCodeKey(code, salt), iv);
    const attrs = {
      from: S_WHATSAPP_NET,
      type: "link_code_companion_reg",
      id: `${nowMs}`,
      t: String(nowMs / 1000 | 0),
    };
    this.#pairing.link.send(element("notification", attrs, [
      element("link_code_companion_reg", { stage: "primary_hello" }, [
        element("link_code_pairing_wrapped_primary_ephemeral_pub", {}, Buffer.concat([salt, iv, wrapped])),
        element("primary_identity_pub", {}, Buffer.from(identity.public)),
        element("link_code_pairing_ref", {}, this.ref),
      ]),
    ]));
    return this.#secret(await this.#finished.promise, identity, Curve.sharedKey(ephemeral.private, theirs));
  }

  /** The client's last stage. */
  finish(request: BinaryNode): void {
    this.#pairing.link.send(iqResult(request));
    this.#finished.resolve(getBinaryNodeChild(request, "link_code_companion_reg")!);
  }

  /** The link closed before the client finished. */
  abandon(): void {
    this.#finished.promise.catch(() => {});
    this.#finished.reject(new Error("The client closed its link before it was paired"));
  }

  #secret(finish: BinaryNode, identity: KeyPair, shared: Uint8Array): Uint8Array {
    const bundle = childBytes(finish, "link_code_pairing_wrapped_key_bundle", 156);
    const info = "link_code_pairing_key_bundle_encryption_key";
    const key = hkdf(Buffer.from(shared), 32, { salt: bundle.subarray(0, 32), info });
    const opened = this.#open(bundle.subarray(44), key, bundle.subarray(32, 44));
    const [companion, primary, random] = [
      opened.subarray(0, 32),
      opened.subarray(32, 64),
      opened.subarray(64),
    ];
    if (!companion.equals(this.#pairing.identityKey) || !primary.equals(identity.public)) {
      throw new Error("Pairing code bundle names other identities than those that pair");
    }
    const agreed = Curve.sharedKey(identity.private, companion);
    return hkdf(Buffer.concat([shared, agreed, random]), 32, { info: "adv_secret" });
  }

  /** Two different codes make two different secrets, so a wrong one shows as a seal that does not open. */
  #open(sealed: Buffer, key: Uint8Array, iv: Buffer): Buffer {
    try {
      return aesDecryptGCM(sealed, key, iv, NOTHING);
    } catch (cause) {
      throw new Error("This is the wrong pairing code", { cause });
    }
  }
}
