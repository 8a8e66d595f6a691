/**
 * The server's side of Noise_XX_25519_AESGCM_SHA256 as WhatsApp Web speaks it: three handshake messages as
 * protobuf, then two AES-256-GCM streams whose nonce is a counter.
 */
import { Buffer } from "node:buffer";
import { aesDecryptGCM, aesEncryptGCM, Curve, hkdf, proto, sha256 } from "@whiskeysockets/baileys";
import type { KeyPair } from "@whiskeysockets/baileys";

/** Exactly 32 bytes, so it is the first handshake hash as it stands. */
const MODE = Buffer.from("Noise_XX_25519_AESGCM_SHA256\0\0\0\0");
const NOTHING = Buffer.alloc(0);

/** What the client proved and said with its last handshake message. */
export interface ClientFinish {
  /** The client's static X25519 key, 32 bytes; a registered companion must come back with the same one. */
  staticKey: Uint8Array;
  /** Who it says it is: a login or a registration. */
  payload: proto.ClientPayload;
}

function nonce(counter: number): Uint8Array {
  const bytes = new Uint8Array(12);
  new DataView(bytes.buffer).setUint32(8, counter);
  return bytes;
}

/** One connection's cipher state. Call `hello`, then `finish`, then `seal` and `open`; each throws on a bad tag. */
export class ServerNoise {
  readonly #static: KeyPair;
  readonly #ephemeral = Curve.generateKeyPair();
  #hash: Uint8Array = MODE;
  #salt: Uint8Array = MODE;
  #key: Uint8Array = MODE;
  #counter = 0;
  #outgoing = { key: NOTHING as Uint8Array, counter: 0 };
  #incoming = { key: NOTHING as Uint8Array, counter: 0 };

  /** @param header the client's four introductory bytes, which both sides authenticate */
  constructor(staticKey: KeyPair, header: Uint8Array) {
    this.#static = staticKey;
    this.#authenticate(header);
  }

  /** Answers the client's hello; `certificateChain` is an encoded `CertChain` for the static key. */
  hello(clientHello: Uint8Array, certificateChain: Uint8Array): Uint8Array {
    const theirs = proto.HandshakeMessage.decode(clientHello).clientHello?.ephemeral;
    if (theirs?.length !== 32) throw new Error("Noise client hello carries no 32-byte ephemeral key");
    this.#authenticate(theirs);
    this.#authenticate(this.#ephemeral.public);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, theirs));
    const encryptedStatic = this.#encrypt(this.#static.public);
    this.#mix(Curve.sharedKey(this.#static.private, theirs));
    const payload = this.#encrypt(certificateChain);
    const serverHello = { ephemeral: this.#ephemeral.public, static: encryptedStatic, payload };
    return proto.HandshakeMessage.encode({ serverHello }).finish();
  }

  /** Reads the client's last handshake message and switches to the transport keys. */
  finish(clientFinish: Uint8Array): ClientFinish {
    const message = proto.HandshakeMessage.decode(clientFinish).clientFinish;
    if (!message?.static || !message.payload) throw new Error("Noise client finish is incomplete");
    const staticKey = this.#decrypt(message.static);
    this.#mix(Curve.sharedKey(this.#ephemeral.private, staticKey));
    const payload = proto.ClientPayload.decode(this.#decrypt(message.payload));
    const [clientWrites, clientReads] = this.#derive(NOTHING);
    this.#incoming.key = clientWrites;
    this.#outgoing.key = clientReads;
    return { staticKey, payload };
  }

  seal(plaintext: Uint8Array): Uint8Array {
    return aesEncryptGCM(plaintext, this.#outgoing.key, nonce(this.#outgoing.counter++), NOTHING);
  }

  open(ciphertext: Uint8Array): Uint8Array {
    return aesDecryptGCM(ciphertext, this.#incoming.key, nonce(this.#incoming.counter++), NOTHING);
  }

  #authenticate(data: Uint8Array): void {
    this.#hash = sha256(Buffer.concat([this.#hash, data]));
  }

  #encrypt(plaintext: Uint8Array): Uint8Array {
    const ciphertext = aesEncryptGCM(plaintext, this.#key, nonce(this.#counter++), this.#hash);
    this.#authenticate(ciphertext);
    return ciphertext;
  }

  #decrypt(ciphertext: Uint8Array): Uint8Array {
    const plaintext = aesDecryptGCM(ciphertext, this.#key, nonce(this.#counter++), this.#hash);
    this.#authenticate(ciphertext);
    return plaintext;
  }

  #derive(data: Uint8Array): [Uint8Array, Uint8Array] {
    const bytes = Buffer.from(hkdf(Buffer.from(data), 64, { salt: Buffer.from(this.#salt), info: "" }));
    return [bytes.subarray(0, 32), bytes.subarray(32)];
  }

  #mix(sharedSecret: Uint8Array): void {
    [this.#salt, this.#key] = this.#derive(sharedSecret);
    this.#counter = 0;
  }
}
